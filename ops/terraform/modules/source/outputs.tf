output "url" {
  description = "The source for vitrine build and the primary, without a password."
  value = local.is_given ? var.url : join("", [
    "postgres://${var.username}@${aws_db_instance.this[0].endpoint}/${var.database}",
    "?sslmode=verify-full&sslrootcert=/etc/vitrine/source-ca.pem",
  ])
}

output "password_secret" {
  description = "ARN of the secret with its password."
  value       = local.is_given ? var.password_secret : aws_db_instance.this[0].master_user_secret[0].secret_arn
}

output "ca_url" {
  description = "Where the certificates come from that its server is checked with."
  value       = local.is_given ? var.ca_url : "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
}
