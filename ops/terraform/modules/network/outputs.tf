output "cidr" {
  description = "Addresses of the VPC."
  value       = var.cidr
}

output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnets" {
  description = "Public subnets, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
  # A machine that boots before there is a way out installs nothing.
  depends_on = [aws_route.internet, aws_route_table_association.public]
}

output "private_subnets" {
  description = "Private subnets, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
  depends_on  = [aws_route.nat, aws_route_table_association.private, aws_vpc_endpoint.s3]
}

output "builder_subnet" {
  description = "Where the builder is."
  value = {
    id   = aws_subnet.private[var.zones[0]].id
    zone = var.zones[0]
  }
  depends_on = [aws_route.nat, aws_route_table_association.private, aws_vpc_endpoint.s3]
}

output "groups" {
  description = "Security groups: front, balancer, nodes, builder, source."
  value       = { for name, group in aws_security_group.this : name => group.id }
  depends_on  = [aws_vpc_security_group_egress_rule.flow, aws_vpc_security_group_egress_rule.outward]
}
