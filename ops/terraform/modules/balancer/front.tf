# The network load balancer in front of balancers in several zones. Clients keep their addresses through
# it, so that limits by address go on to work.

resource "aws_lb" "front" {
  count                            = var.has_front ? 1 : 0
  name                             = var.name
  load_balancer_type               = "network"
  internal                         = false
  subnets                          = var.front_subnets
  security_groups                  = [var.front_security_group]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection
}

resource "aws_lb_target_group" "front" {
  count                = var.has_front ? 1 : 0
  name                 = var.name
  vpc_id               = var.vpc_id
  protocol             = "TCP"
  port                 = module.ports.all.client
  preserve_client_ip   = true
  deregistration_delay = 30

  health_check {
    protocol            = "HTTP"
    path                = "/healthz"
    matcher             = "200"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_target_group_attachment" "front" {
  count            = var.has_front ? length(var.subnets) : 0
  target_group_arn = aws_lb_target_group.front[0].arn
  target_id        = aws_instance.this[count.index].id

  lifecycle {
    create_before_destroy = true
  }
}

# A machine answers some minutes after it was made, and all of them are replaced at once: those before go
# on until then, because what an object needs is destroyed after it.
resource "terraform_data" "front_is_up" {
  count            = var.has_front ? length(var.subnets) : 0
  triggers_replace = aws_lb_target_group_attachment.front[count.index].id

  provisioner "local-exec" {
    command = "sleep ${var.boot_seconds}"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "http" {
  count             = var.has_front && var.certificate_arn == "" ? 1 : 0
  load_balancer_arn = aws_lb.front[0].arn
  protocol          = "TCP"
  port              = module.ports.all.client
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.front[0].arn
  }
}

resource "aws_lb_listener" "tls" {
  count             = var.has_front && var.certificate_arn != "" ? 1 : 0
  load_balancer_arn = aws_lb.front[0].arn
  protocol          = "TLS"
  port              = module.ports.all.tls
  certificate_arn   = var.certificate_arn
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.front[0].arn
  }
}

module "ports" {
  source = "../user-data/ports"
}
