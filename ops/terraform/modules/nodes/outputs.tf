output "group" {
  description = "Name of the auto scaling group."
  value       = aws_autoscaling_group.this.name
}

output "group_arn" {
  description = "Its ARN."
  value       = aws_autoscaling_group.this.arn
}

output "size" {
  description = "How many nodes there are to be."
  value       = var.size
}
