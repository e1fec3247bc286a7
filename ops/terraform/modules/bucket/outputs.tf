output "url" {
  description = "What the builder publishes to and nodes pull from."
  value       = "s3://${aws_s3_bucket.this.bucket}/${var.prefix}"
}

output "kms" {
  description = "Whether it encrypts with a key of KMS."
  value       = var.kms_key_arn != null
}

output "reader_policy" {
  description = "Policy of the nodes, as JSON."
  value       = data.aws_iam_policy_document.reader.json
}

output "writer_policy" {
  description = "Policy of the builder, as JSON."
  value       = data.aws_iam_policy_document.writer.json
}
