locals {
  groups = {
    front    = "Load balancer of the balancers"
    balancer = "Balancers"
    nodes    = "Nodes"
    builder  = "Builder and primary"
    source   = "Database"
    connect  = "Ways in by ssh"
  }

  ports = module.ports.all

  # Within the fleet: FROM may open connections to PORT of TO.
  flows = merge(
    {
      reads      = { from = "balancer", to = "nodes", port = local.ports.serve }
      ready      = { from = "balancer", to = "nodes", port = local.ports.admin }
      writes     = { from = "balancer", to = "builder", port = local.ports.serve }
      forwarded  = { from = "nodes", to = "builder", port = local.ports.serve }
      from_build = { from = "builder", to = "source", port = local.ports.source }
    },
    var.rsync ? { releases = { from = "nodes", to = "builder", port = local.ports.rsync } } : {},
    var.has_front ? { front = { from = "front", to = "balancer", port = local.ports.client } } : {},
    var.ssh ? { for to in ["balancer", "nodes", "builder"] : "ssh_${to}" => {
      from = "connect", to = to, port = local.ports.ssh
    } } : {},
  )

  # From outside: clients come to the first machine of ours.
  entrance = var.has_front ? "front" : "balancer"
  clients = { for pair in setproduct(var.client_cidrs, [local.ports.client, local.ports.tls]) :
    "${pair[0]}-${pair[1]}" => { cidr = pair[0], port = pair[1] }
  }

  # To the outside: packages, the interfaces of AWS; name service and time need no rule.
  outward = merge(
    { for pair in setproduct(["balancer", "nodes", "builder"], [local.ports.client, local.ports.tls]) :
      "${pair[0]}-${pair[1]}" => { from = pair[0], port = pair[1], cidr = "0.0.0.0/0" }
    },
    { for cidr in var.source_cidrs : "source-${cidr}" => {
      from = "builder", port = var.source_port, cidr = cidr
    } },
  )
}

module "ports" {
  source = "../user-data/ports"
}

resource "aws_security_group" "this" {
  for_each    = local.groups
  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each                     = local.flows
  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.key
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each                     = local.flows
  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.key
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each          = local.clients
  security_group_id = aws_security_group.this[local.entrance].id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  description       = "clients"
}

resource "aws_vpc_security_group_egress_rule" "outward" {
  for_each          = local.outward
  security_group_id = aws_security_group.this[each.value.from].id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  description       = each.key
}
