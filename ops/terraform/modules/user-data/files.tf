# Files, packages and commands of each role. Units of this module are called fleet-: the package hardens
# all that begin with vitrine-, and these mount disks and reload nginx.

locals {
  scripts = {
    builder  = ["fleet-install", "fleet-storage", "fleet-secrets"]
    node     = ["fleet-install", "fleet-storage", "fleet-ready"]
    balancer = ["fleet-install", "fleet-secrets", "fleet-nodes"]
  }
  script_files = { for name in local.scripts[var.role] : "/usr/local/sbin/${name}" => {
    mode    = "0755"
    content = file("${path.module}/files/${name}")
  } }

  own_units = {
    builder = concat(
      ["fleet-storage.service"],
      local.secret_units,
      local.has_daemon ? ["fleet-rsyncd.service"] : [],
    )
    node = ["fleet-storage.service", "fleet-ready.service"]
    balancer = concat(
      ["fleet-nodes.service", "fleet-nodes.timer"],
      local.secret_units,
    )
  }
  unit_files = { for name in local.own_units[var.role] : "/etc/systemd/system/${name}" => {
    mode    = "0644"
    content = file("${path.module}/files/${name}")
  } }

  # Units of the package that run here: none of them before its disk and its secrets are there.
  package_units = {
    builder  = [local.units.build, local.units.primary]
    node     = [local.units.pull, local.units.serve]
    balancer = []
  }
  # A secret that cannot be had at a boot is there from the time before.
  after = join(" ", concat(["fleet-storage.service"], local.has_secrets ? ["fleet-secrets.service"] : []))
  drop_ins = { for name in local.package_units[var.role] : "/etc/systemd/system/${name}.d/fleet.conf" => {
    mode    = "0644"
    content = "[Unit]\nRequires=fleet-storage.service\nAfter=${local.after}\n"
  } }

  builder_files = merge(
    { (local.files.alert) = { mode = "0755", content = file("${path.module}/files/alert") } },
    { "/etc/systemd/system/${local.units.build_timer}.d/fleet.conf" = {
      mode    = "0644"
      content = "[Timer]\nOnCalendar=\nOnCalendar=${var.schedule}\n"
    } },
    var.definition == "" ? {} : { (local.files.definition) = { mode = "0644", content = var.definition } },
    !local.has_daemon ? {} : { (local.files.rsyncd) = {
      mode = "0644"
      content = templatefile("${path.module}/templates/rsyncd.conf.tftpl", {
        network_cidr = var.network_cidr
        root         = local.root
        connections  = var.pullers
      })
    } },
  )
  balancer_files = {
    (local.files.fleet_head) = {
      mode = "0644"
      content = templatefile("${path.module}/templates/balancer.ini.tftpl", {
        ports         = local.ports
        has_tls       = var.tls_secret != ""
        tls_folder    = local.files.tls
        server_name   = var.server_name
        primary       = var.primary
        primary_paths = var.primary_paths
        cache_size    = var.cache_size
        limits        = var.limits
      })
    }
  }
  trusted_files = length(var.trusted_keys) == 0 || !local.has_data ? {} : { (local.files.trusted) = {
    mode    = "0644"
    content = join("", [for key in var.trusted_keys : "${trimspace(key)}\n"])
  } }

  files_of_role = merge(
    local.env_files, local.script_files, local.unit_files, local.drop_ins, local.trusted_files,
    local.is_builder ? local.builder_files : {},
    local.is_balancer ? local.balancer_files : {},
  )

  # Releases come and go by rclone with a bucket.
  has_bucket = startswith(var.publish_url, "s3:") || startswith(var.releases_url, "s3:")
  packages = concat(["awscli", "ca-certificates", "curl"], local.has_bucket ? ["rclone"] : [], {
    builder  = ["rsync", "xfsprogs"]
    node     = ["rsync", "xfsprogs"]
    balancer = ["nginx-light"]
  }[var.role])

  secret_units = local.has_secrets ? ["fleet-secrets.service", "fleet-secrets.timer"] : []
  enabled = {
    builder = concat(
      ["fleet-storage.service"], local.secret_units,
      local.has_daemon ? ["fleet-rsyncd.service"] : [],
      [local.units.primary, local.units.build_timer],
    )
    node     = ["fleet-storage.service", local.units.pull, local.units.serve]
    balancer = concat(["fleet-nodes.timer"], local.secret_units)
  }
  commands = concat(
    [["/usr/local/sbin/fleet-install"], ["systemctl", "daemon-reload"]],
    local.has_secrets ? [["systemctl", "start", "fleet-secrets.service"]] : [],
    # Nothing is answered before the nodes are known.
    local.is_balancer ? [["systemctl", "stop", "nginx"], ["mkdir", "-p", "/var/cache/nginx"]] : [],
    # The first release, not only the one of next night; the primary serves what it brings.
    local.is_builder ? [["systemctl", "start", "--no-block", local.units.build]] : [],
    [concat(["systemctl", "enable", "--now"], local.enabled[var.role])],
    local.is_node && var.hook != "" ? [["systemctl", "start", "--no-block", "fleet-ready.service"]] : [],
  )
}
