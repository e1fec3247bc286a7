output "instance_id" {
  description = "The instance."
  value       = aws_instance.this.id
}

output "primary" {
  description = "HOST:PORT that takes the writes."
  value       = "${aws_network_interface.this.private_ip}:${module.ports.all.serve}"
}

output "releases_url" {
  description = "What nodes pull from."
  value = var.publish_url != "" ? var.publish_url : join("", [
    "rsync://${aws_network_interface.this.private_ip}:${module.ports.all.rsync}/vitrine",
  ])
}

module "ports" {
  source = "../user-data/ports"
}
