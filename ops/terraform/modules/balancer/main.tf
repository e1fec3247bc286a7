# nginx in front of the nodes, one machine a subnet, and in front of several a network load balancer.

data "aws_iam_policy_document" "fleet" {
  # Neither of the first two can be limited to a group.
  statement {
    actions   = ["autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances"]
    resources = ["*"]
  }
  statement {
    actions   = ["autoscaling:SetInstanceHealth"]
    resources = [var.group_arn]
  }
  statement {
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]
    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = [var.metrics_namespace]
    }
  }
}

data "aws_iam_policy_document" "secrets" {
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = compact([var.tls_secret])
  }
}

module "role" {
  source      = "../role"
  name        = "${var.name}-balancer"
  package_url = var.package_url
  policies = merge(
    { fleet = data.aws_iam_policy_document.fleet.json },
    var.tls_secret == "" ? {} : { secrets = data.aws_iam_policy_document.secrets.json },
  )
}

module "user_data" {
  source            = "../user-data"
  role              = "balancer"
  region            = var.region
  package_url       = var.package_url
  package_sha256    = var.package_sha256
  network_cidr      = var.network_cidr
  primary           = var.primary
  primary_paths     = var.primary_paths
  group             = var.group
  server_name       = var.server_name
  tls_secret        = var.tls_secret
  cache_size        = var.cache_size
  limits            = var.limits
  metrics_namespace = var.metrics_namespace
}

resource "aws_instance" "this" {
  count                       = length(var.subnets)
  ami                         = var.ami_id
  instance_type               = var.instance_type
  key_name                    = var.key_name
  subnet_id                   = var.subnets[count.index]
  vpc_security_group_ids      = [var.security_group]
  associate_public_ip_address = !var.has_front
  iam_instance_profile        = module.role.profile
  user_data_base64            = module.user_data.base64
  user_data_replace_on_change = true
  tags                        = { Name = "${var.name}-balancer-${count.index + 1}" }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  root_block_device {
    volume_type = "gp3"
    volume_size = var.root_gb
    encrypted   = true
    kms_key_id  = var.kms_key_arn
  }

  lifecycle {
    ignore_changes        = [ami, associate_public_ip_address] # an address of its own changes the second
    create_before_destroy = true
  }
}

# The address that clients know stays when the machine is replaced.
resource "aws_eip" "this" {
  count    = var.has_front ? 0 : length(var.subnets)
  domain   = "vpc"
  instance = aws_instance.this[count.index].id
  tags     = { Name = "${var.name}-balancer-${count.index + 1}" }
}
