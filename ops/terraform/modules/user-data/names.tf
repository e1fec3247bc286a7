# Names that this module shares with the Debian package and with ops/nginx: all of them are here.

module "ports" {
  source = "./ports"
}

locals {
  user = "vitrine"
  root = "/var/lib/vitrine"
  etc  = "/etc/vitrine"

  ports = module.ports.all

  # In the package.
  package = {
    render = "/usr/share/vitrine/nginx/render.py"
  }
  units = {
    serve       = "vitrine-serve.service"
    pull        = "vitrine-pull.service"
    build       = "vitrine-build.service"
    build_timer = "vitrine-build.timer"
    primary     = "vitrine-primary.service"
  }

  # Settings in the env files of the package's units.
  env_names = {
    root            = "VITRINE_ROOT"
    admin           = "VITRINE_ADMIN"
    from            = "VITRINE_FROM"
    source          = "VITRINE_SOURCE"
    definition      = "VITRINE_DEFINITION"
    build_options   = "VITRINE_BUILD_OPTIONS"
    serve_options   = "VITRINE_SERVE_OPTIONS"
    primary_options = "VITRINE_PRIMARY_OPTIONS"
  }

  files = {
    node_env    = "${local.etc}/node.env"
    builder_env = "${local.etc}/builder.env"
    primary_env = "${local.etc}/primary.env"
    machine_env = "${local.etc}/machine.env"
    alert       = "${local.etc}/alert"
    definition  = "${local.etc}/definition.yaml"
    trusted     = "${local.etc}/trusted.pub"
    password    = "${local.etc}/pgpass"
    sign_key    = "${local.etc}/sign.key"
    source_ca   = "${local.etc}/source-ca.pem"
    tls         = "${local.etc}/tls"
    rsyncd      = "${local.etc}/rsyncd.conf"
    fleet_head  = "${local.etc}/balancer.ini"
    fleet       = "${local.etc}/fleet.ini"
  }
}
