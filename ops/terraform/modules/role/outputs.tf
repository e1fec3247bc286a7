output "profile" {
  description = "Name of the instance profile."
  value       = aws_iam_instance_profile.this.name
  depends_on  = [aws_iam_role_policy.this, aws_iam_role_policy.package]
}
