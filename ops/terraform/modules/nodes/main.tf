# The nodes: an auto scaling group of like machines that hold nothing which a pull does not bring back.

locals {
  group = "${var.name}-nodes"
  hook  = "ready"
  tags  = merge(var.tags, { Name = local.group })
}

data "aws_region" "this" {}
data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

data "aws_iam_policy_document" "ready" {
  statement {
    actions = ["autoscaling:CompleteLifecycleAction"]
    resources = [join(":", [
      "arn", data.aws_partition.this.partition, "autoscaling", data.aws_region.this.region,
      data.aws_caller_identity.this.account_id, "autoScalingGroup", "*",
      "autoScalingGroupName/${local.group}",
    ])]
  }
}

module "role" {
  source      = "../role"
  name        = "${var.name}-node"
  package_url = var.package_url
  policies    = merge({ ready = data.aws_iam_policy_document.ready.json }, var.policies)
}

module "user_data" {
  source         = "../user-data"
  role           = "node"
  region         = var.region
  package_url    = var.package_url
  package_sha256 = var.package_sha256
  network_cidr   = var.network_cidr
  data_device    = var.storage
  trusted_keys   = var.trusted_keys
  releases_url   = var.releases_url
  primary        = var.primary
  group          = local.group
  hook           = local.hook
}

resource "aws_launch_template" "this" {
  name_prefix            = "${local.group}-"
  image_id               = var.ami_id
  instance_type          = var.instance_type
  key_name               = var.key_name
  vpc_security_group_ids = [var.security_group]
  user_data              = module.user_data.base64
  update_default_version = true

  iam_instance_profile {
    name = module.role.profile
  }
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_type           = "gp3"
      volume_size           = var.root_gb
      encrypted             = true
      kms_key_id            = var.kms_key_arn
      delete_on_termination = true
    }
  }
  dynamic "block_device_mappings" {
    for_each = var.storage == "attached" ? [var.releases_gb] : []
    content {
      device_name = "/dev/sdf"
      ebs {
        volume_type           = "gp3"
        volume_size           = block_device_mappings.value
        encrypted             = true
        kms_key_id            = var.kms_key_arn
        delete_on_termination = true
      }
    }
  }
  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])
    content {
      resource_type = tag_specifications.value
      tags          = local.tags
    }
  }
}

resource "aws_autoscaling_group" "this" {
  name                = local.group
  min_size            = var.size
  max_size            = var.size + max(1, ceil(var.size / 2))
  desired_capacity    = var.size
  vpc_zone_identifier = var.subnets
  # EC2 finds machines that are dead; the balancers report those that are not ready.
  health_check_type         = "EC2"
  health_check_grace_period = 60
  termination_policies      = ["OldestLaunchTemplate", "OldestInstance"]
  enabled_metrics           = ["GroupDesiredCapacity", "GroupInServiceInstances"]
  wait_for_capacity_timeout = "0" # the first release may still be in the making

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }

  # In service is a node that has a release and answers /readyz.
  initial_lifecycle_hook {
    name                 = local.hook
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    default_result       = "ABANDON"
    heartbeat_timeout    = var.ready_timeout
  }

  # A change of the template: new nodes come first, old ones go when they are ready.
  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 150
      instance_warmup        = 60
      auto_rollback          = true
    }
  }

  dynamic "tag" {
    for_each = local.tags
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false # the template tags them
    }
  }
}
