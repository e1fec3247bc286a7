# Several zones: a balancer in each behind a network load balancer, nodes with NVMe spread over all, and
# releases that travel through a bucket, so that the builder's uplink does not count.

module "network" {
  source       = "../../modules/network"
  name         = var.name
  region       = var.region
  zones        = var.zones
  cidr         = "10.0.0.0/16"
  nat          = "per_zone"
  client_cidrs = var.client_cidrs
  has_front    = true
  rsync        = false
  source_cidrs = var.source_cidrs
}

module "source" {
  source          = "../../modules/source"
  name            = var.name
  url             = var.source_url
  password_secret = var.source_secret
  subnets         = module.network.private_subnets
  security_group  = module.network.groups["source"]
  instance_class  = "db.r6g.large"
  multi_az        = true
}

module "bucket" {
  source = "../../modules/bucket"
  name   = var.name
}

module "builder" {
  source          = "../../modules/builder"
  name            = var.name
  region          = var.region
  ami_id          = local.ami_id
  package_url     = var.package_url
  package_sha256  = var.package_sha256
  network_cidr    = module.network.cidr
  security_group  = module.network.groups["builder"]
  subnet          = module.network.builder_subnet
  instance_type   = "m6i.2xlarge"
  releases_gb     = 300
  source_url      = module.source.url
  source_ca_url   = module.source.ca_url
  password_secret = module.source.password_secret
  has_secrets     = var.source_url == "" || var.source_secret != "" || var.signing_secret != ""
  signing_secret  = var.signing_secret
  trusted_keys    = var.trusted_keys
  publish_url     = module.bucket.url
  publish_kms     = module.bucket.kms
  policies        = { bucket = module.bucket.writer_policy }
  alert_topic     = module.alarms.topic_arn
  has_alert_topic = true
}

module "nodes" {
  source         = "../../modules/nodes"
  name           = var.name
  region         = var.region
  ami_id         = local.ami_id
  package_url    = var.package_url
  package_sha256 = var.package_sha256
  network_cidr   = module.network.cidr
  security_group = module.network.groups["nodes"]
  subnets        = module.network.private_subnets
  size           = var.nodes
  instance_type  = "m6id.large"
  storage        = "local"
  releases_url   = module.bucket.url
  policies       = { bucket = module.bucket.reader_policy }
  primary        = module.builder.primary
  trusted_keys   = var.trusted_keys
  tags           = local.tags
}

module "balancer" {
  source               = "../../modules/balancer"
  name                 = var.name
  region               = var.region
  ami_id               = local.ami_id
  package_url          = var.package_url
  package_sha256       = var.package_sha256
  network_cidr         = module.network.cidr
  vpc_id               = module.network.vpc_id
  security_group       = module.network.groups["balancer"]
  subnets              = module.network.private_subnets
  instance_type        = "c6i.large"
  has_front            = true
  front_subnets        = module.network.public_subnets
  front_security_group = module.network.groups["front"]
  certificate_arn      = var.certificate_arn
  deletion_protection  = true
  group                = module.nodes.group
  group_arn            = module.nodes.group_arn
  primary              = module.builder.primary
  server_name          = var.server_name
  metrics_namespace    = "Vitrine/${var.name}"
}

module "alarms" {
  source            = "../../modules/alarms"
  name              = var.name
  group             = module.nodes.group
  size              = module.nodes.size
  builder_id        = module.builder.instance_id
  balancer_ids      = module.balancer.instance_ids
  has_front         = true
  front             = module.balancer.front
  metrics_namespace = "Vitrine/${var.name}"
  mail              = var.mail
}
