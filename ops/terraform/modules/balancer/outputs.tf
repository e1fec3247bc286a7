locals {
  has_tls = var.tls_secret != "" || var.certificate_arn != ""
  host    = var.has_front ? one(aws_lb.front[*].dns_name) : aws_eip.this[0].public_ip
}

output "url" {
  description = "What clients ask."
  value       = "${local.has_tls ? "https" : "http"}://${var.server_name == "" ? local.host : var.server_name}"

  precondition {
    condition     = !var.has_front || var.tls_secret == ""
    error_message = "Behind a network load balancer nginx is asked by plain HTTP: give certificate_arn, not tls_secret."
  }
  precondition {
    condition     = var.has_front || var.certificate_arn == ""
    error_message = "Without a network load balancer TLS is nginx's: give tls_secret, not certificate_arn."
  }
}

output "address" {
  description = "What a record of the name service leads to: an address, or the name of the load balancer."
  value       = local.host
}

output "instance_ids" {
  description = "The instances."
  value       = aws_instance.this[*].id
}

output "front" {
  description = "Dimensions of the load balancer's metrics; null without one."
  value = var.has_front ? {
    LoadBalancer = aws_lb.front[0].arn_suffix
    TargetGroup  = aws_lb_target_group.front[0].arn_suffix
  } : null
}
