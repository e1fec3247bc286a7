# The usual first deployment: one balancer, three nodes, and a builder that is the primary as well; nodes
# pull from it by rsync.

module "network" {
  source       = "../../modules/network"
  name         = var.name
  region       = var.region
  zones        = var.zones
  cidr         = "10.0.0.0/16"
  client_cidrs = var.client_cidrs
}

module "source" {
  source         = "../../modules/source"
  name           = var.name
  subnets        = module.network.private_subnets
  security_group = module.network.groups["source"]
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
  source_url      = module.source.url
  source_ca_url   = module.source.ca_url
  password_secret = module.source.password_secret
  signing_secret  = var.signing_secret
  trusted_keys    = var.trusted_keys
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
  size           = 3
  instance_type  = "t3.large"
  storage        = "attached"
  releases_url   = module.builder.releases_url
  primary        = module.builder.primary
  trusted_keys   = var.trusted_keys
  tags           = local.tags
}

module "balancer" {
  source            = "../../modules/balancer"
  name              = var.name
  region            = var.region
  ami_id            = local.ami_id
  package_url       = var.package_url
  package_sha256    = var.package_sha256
  network_cidr      = module.network.cidr
  vpc_id            = module.network.vpc_id
  security_group    = module.network.groups["balancer"]
  subnets           = [module.network.public_subnets[0]]
  group             = module.nodes.group
  group_arn         = module.nodes.group_arn
  primary           = module.builder.primary
  server_name       = var.server_name
  tls_secret        = var.tls_secret
  metrics_namespace = "Vitrine/${var.name}"
}

module "alarms" {
  source            = "../../modules/alarms"
  name              = var.name
  group             = module.nodes.group
  size              = module.nodes.size
  builder_id        = module.builder.instance_id
  balancer_ids      = module.balancer.instance_ids
  metrics_namespace = "Vitrine/${var.name}"
  mail              = var.mail
}
