# What a machine of the fleet does when it boots, as cloud-init wants it. No provider: the text can be
# rendered, read and tested anywhere.

terraform {
  required_version = ">= 1.5"
}

locals {
  is_builder  = var.role == "builder"
  is_node     = var.role == "node"
  is_balancer = var.role == "balancer"
  has_data    = local.is_builder || local.is_node
  has_daemon  = local.is_builder && var.publish_url == ""
  has_secrets = anytrue([for value in local.secrets : value != ""])

  secrets = [var.password_secret, var.signing_secret, var.tls_secret, var.source_ca_url]

  build_options = join(" ", concat(
    var.publish_url == "" ? [] : ["--publish ${var.publish_url}"],
    var.signing_secret == "" ? [] : ["--sign ${local.files.sign_key}"],
  ))
  serve_options = join(" ", concat(
    var.primary == "" ? [] : ["--primary http://${var.primary}"],
    ["--trust-proxy ${var.network_cidr}"],
  ))
  # Of rclone, in the same env files.
  publish_env = var.publish_url == "" ? {} : {
    AWS_REGION                       = var.region
    RCLONE_S3_SERVER_SIDE_ENCRYPTION = var.publish_kms ? "aws:kms" : ""
  }
  pull_env      = startswith(var.releases_url, "s3:") ? { AWS_REGION = var.region } : {}
  password_file = var.password_secret == "" ? {} : { PGPASSFILE = local.files.password }

  # The env files of the package's units, by role.
  env = {
    builder = {
      (local.files.builder_env) = merge(local.password_file, local.publish_env, {
        (local.env_names.root)          = local.root
        (local.env_names.source)        = var.source_url
        (local.env_names.definition)    = var.definition == "" ? "" : local.files.definition
        (local.env_names.build_options) = local.build_options
      })
      (local.files.primary_env) = merge(local.password_file, {
        (local.env_names.root)            = local.root
        (local.env_names.source)          = var.source_url
        (local.env_names.admin)           = "0.0.0.0:${local.ports.admin}"
        (local.env_names.primary_options) = "--trust-proxy ${var.network_cidr}"
      })
    }
    node = {
      (local.files.node_env) = merge(local.pull_env, {
        (local.env_names.root)          = local.root
        (local.env_names.from)          = var.releases_url
        (local.env_names.admin)         = "0.0.0.0:${local.ports.admin}"
        (local.env_names.serve_options) = local.serve_options
      })
    }
    balancer = {}
  }

  # What the scripts of this module are told; they and the units read it.
  machine = {
    AWS_DEFAULT_REGION = var.region
    PACKAGE_URL        = var.package_url
    PACKAGE_SHA256     = var.package_sha256
    DATA_DEVICE        = var.data_device
    DATA_FOLDER        = local.root
    DATA_USER          = local.user
    TRUSTED_KEYS       = length(var.trusted_keys) == 0 ? "" : local.files.trusted
    PASSWORD_SECRET    = var.password_secret
    PASSWORD_FILE      = local.files.password
    SIGNING_SECRET     = var.signing_secret
    SIGNING_FILE       = local.files.sign_key
    TLS_SECRET         = var.tls_secret
    TLS_FOLDER         = local.files.tls
    SOURCE_CA_URL      = var.source_ca_url
    SOURCE_CA_FILE     = local.files.source_ca
    ALERT_TOPIC        = var.alert_topic
    GROUP              = var.group
    HOOK               = var.hook
    SERVE_PORT         = local.ports.serve
    ADMIN_PORT         = local.ports.admin
    METRICS_NAMESPACE  = var.metrics_namespace
    PRIMARY            = local.is_balancer ? var.primary : ""
    RENDER             = local.package.render
    FLEET_HEAD         = local.files.fleet_head
    FLEET_FILE         = local.files.fleet
    NGINX_CONF         = "/etc/nginx/nginx.conf"
  }

  all_env = merge(local.env[var.role], { (local.files.machine_env) = local.machine })

  env_files = { for path, settings in local.all_env : path => {
    mode = "0644"
    content = join("", concat(
      ["# Written by cloud-init.\n"],
      [for name, value in settings : "${name}='${value}'\n" if value != ""],
    ))
  } }
}
