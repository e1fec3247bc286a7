# The machine that makes releases, by a timer, and is the primary. Its disk and its address outlive it.

locals {
  secrets = compact([var.password_secret, var.signing_secret])
}

data "aws_iam_policy_document" "secrets" {
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = local.secrets
  }
}

data "aws_iam_policy_document" "alert" {
  statement {
    actions   = ["sns:Publish"]
    resources = [var.alert_topic]
  }
}

module "role" {
  source      = "../role"
  name        = "${var.name}-builder"
  package_url = var.package_url
  policies = merge(
    var.has_secrets ? { secrets = data.aws_iam_policy_document.secrets.json } : {},
    var.has_alert_topic ? { alert = data.aws_iam_policy_document.alert.json } : {},
    var.policies,
  )
}

module "user_data" {
  source          = "../user-data"
  role            = "builder"
  region          = var.region
  package_url     = var.package_url
  package_sha256  = var.package_sha256
  network_cidr    = var.network_cidr
  data_device     = "attached"
  trusted_keys    = var.trusted_keys
  source_url      = var.source_url
  source_ca_url   = var.source_ca_url
  password_secret = var.password_secret
  signing_secret  = var.signing_secret
  schedule        = var.schedule
  definition      = var.definition
  publish_url     = var.publish_url
  publish_kms     = var.publish_kms
  pullers         = var.pullers
  alert_topic     = var.alert_topic
}

resource "aws_network_interface" "this" {
  subnet_id       = var.subnet.id
  security_groups = [var.security_group]
  tags            = { Name = "${var.name}-builder" }
}

resource "aws_ebs_volume" "releases" {
  availability_zone = var.subnet.zone
  type              = "gp3"
  size              = var.releases_gb
  iops              = var.releases_iops
  throughput        = var.releases_mbs
  encrypted         = true
  kms_key_id        = var.kms_key_arn
  tags              = { Name = "${var.name}-releases" }
}

resource "aws_instance" "this" {
  ami                         = var.ami_id
  instance_type               = var.instance_type
  key_name                    = var.key_name
  iam_instance_profile        = module.role.profile
  user_data_base64            = module.user_data.base64
  user_data_replace_on_change = true
  tags                        = { Name = "${var.name}-builder" }

  primary_network_interface {
    network_interface_id = aws_network_interface.this.id
  }
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
    # A newer image is taken when the machine is made anew for another reason.
    ignore_changes = [ami]
  }
}

resource "aws_volume_attachment" "releases" {
  device_name                    = "/dev/sdf"
  volume_id                      = aws_ebs_volume.releases.id
  instance_id                    = aws_instance.this.id
  stop_instance_before_detaching = true
}
