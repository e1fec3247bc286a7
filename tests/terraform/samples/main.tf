# The user-data of one machine of each kind. What it renders is beside it, to be read and to be
# checked where Terraform is missing; UPDATE_SAMPLES=1 tests/integration/test_user_data.py writes it anew.

locals {
  package_url    = "s3://shop-packages/vitrine_0.1.0_amd64.deb"
  package_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  trusted_keys   = ["ed25519 AAAAexample shop"]
}

module "builder" {
  source          = "../../../ops/terraform/modules/user-data"
  role            = "builder"
  region          = "eu-west-1"
  package_url     = local.package_url
  package_sha256  = local.package_sha256
  network_cidr    = "10.0.0.0/16"
  data_device     = "attached"
  source_url      = "postgres://vitrine@shop.example.com:5432/shop?sslmode=verify-full&sslrootcert=/etc/vitrine/source-ca.pem"
  source_ca_url   = "https://example.com/ca.pem"
  password_secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-db"
  signing_secret  = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-key"
  trusted_keys    = local.trusted_keys
  alert_topic     = "arn:aws:sns:eu-west-1:111122223333:shop"
}

module "node" {
  source         = "../../../ops/terraform/modules/user-data"
  role           = "node"
  region         = "eu-west-1"
  package_url    = local.package_url
  package_sha256 = local.package_sha256
  network_cidr   = "10.0.0.0/16"
  data_device    = "local"
  releases_url   = "rsync://10.0.1.10:8730/vitrine"
  primary        = "10.0.1.10:8080"
  trusted_keys   = local.trusted_keys
  group          = "shop-nodes"
  hook           = "ready"
}

module "balancer" {
  source            = "../../../ops/terraform/modules/user-data"
  role              = "balancer"
  region            = "eu-west-1"
  package_url       = local.package_url
  package_sha256    = local.package_sha256
  network_cidr      = "10.0.0.0/16"
  primary           = "10.0.1.10:8080"
  group             = "shop-nodes"
  server_name       = "shop.example.com"
  tls_secret        = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-tls"
  metrics_namespace = "Vitrine/shop"
}

# The longest: user-data has 16 KiB at most.
module "builder_with_definition" {
  source         = "../../../ops/terraform/modules/user-data"
  role           = "builder"
  region         = "eu-west-1"
  package_url    = local.package_url
  package_sha256 = local.package_sha256
  network_cidr   = "10.0.0.0/16"
  data_device    = "attached"
  source_url     = "sqlite:/var/lib/vitrine/source.db"
  definition     = file("${path.module}/../../../assets/atelier/definition.yaml")
}

output "with_definition" {
  description = "A builder with a definition of its own."
  value       = module.builder_with_definition.base64
}

output "text" {
  description = "The user-data by role."
  value = {
    builder  = module.builder.text
    node     = module.node.text
    balancer = module.balancer.text
  }
}
