# What each role gets.

variables {
  region         = "eu-west-1"
  package_url    = "s3://shop-packages/vitrine_0.1.0_amd64.deb"
  package_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  network_cidr   = "10.0.0.0/16"
}

run "a_builder_serves_releases_by_rsync" {
  command = plan
  variables {
    role            = "builder"
    data_device     = "attached"
    source_url      = "postgres://vitrine@db.example.com:5432/shop?sslmode=verify-full"
    password_secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-db"
    schedule        = "*:0/15"
    signing_secret  = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-key"
    trusted_keys    = ["ed25519 AAAAexample"]
  }
  assert {
    condition     = strcontains(output.text, "#cloud-config\n") && strcontains(output.text, "OnCalendar=*:0/15")
    error_message = "The schedule is not in the user-data."
  }
  assert {
    condition     = output.env["/etc/vitrine/builder.env"]["VITRINE_BUILD_OPTIONS"] == "--sign /etc/vitrine/sign.key"
    error_message = "The builder does not sign."
  }
  assert {
    condition     = contains(output.files, "/etc/vitrine/rsyncd.conf")
    error_message = "There is no configuration of the daemon."
  }
  assert {
    condition     = output.env["/etc/vitrine/builder.env"]["PGPASSFILE"] == "/etc/vitrine/pgpass"
    error_message = "The builder does not know where its password is."
  }
}

run "a_builder_that_publishes_needs_no_daemon" {
  command = plan
  variables {
    role        = "builder"
    data_device = "attached"
    source_url  = "postgres://vitrine@db.example.com/shop"
    publish_url = "s3://shop-releases/live"
  }
  assert {
    condition     = !contains(output.files, "/etc/vitrine/rsyncd.conf")
    error_message = "A daemon runs although the nodes pull from the bucket."
  }
  assert {
    condition     = output.env["/etc/vitrine/builder.env"]["VITRINE_BUILD_OPTIONS"] == "--publish s3://shop-releases/live"
    error_message = "The builder does not publish."
  }
  assert {
    condition     = strcontains(output.text, "\"rclone\"") && output.env["/etc/vitrine/builder.env"]["AWS_REGION"] == "eu-west-1"
    error_message = "The builder has not what publishing needs."
  }
}

run "a_node_pulls_trusts_and_reports" {
  command = plan
  variables {
    role         = "node"
    data_device  = "local"
    releases_url = "rsync://10.0.1.10:8730/vitrine"
    primary      = "10.0.1.10:8080"
    trusted_keys = ["ed25519 AAAAexample"]
    group        = "shop-nodes"
    hook         = "ready"
  }
  assert {
    condition     = strcontains(output.env["/etc/vitrine/node.env"]["VITRINE_SERVE_OPTIONS"], "--primary http://10.0.1.10:8080")
    error_message = "The node does not know the primary."
  }
  assert {
    condition     = strcontains(output.text, "AAAAexample") && strcontains(output.text, "TRUSTED_KEYS='/etc/vitrine/trusted.pub'")
    error_message = "The node does not trust the key."
  }
  assert {
    condition     = strcontains(output.text, "fleet-ready.service")
    error_message = "The node does not tell its group."
  }
  assert {
    condition     = !strcontains(output.text, "SECRET'") && !strcontains(output.text, "fleet-secrets")
    error_message = "A node has something to do with secrets."
  }
}

run "a_balancer_has_its_fleet_file" {
  command = plan
  variables {
    role       = "balancer"
    primary    = "10.0.1.10:8080"
    group      = "shop-nodes"
    cache_size = ""
  }
  assert {
    condition     = strcontains(output.text, "listen = 0.0.0.0:80") && strcontains(output.text, "paths = /cart")
    error_message = "The fleet file is not what was asked for."
  }
  assert {
    condition     = !strcontains(output.text, "[cache]")
    error_message = "There is a cache although cache_size is empty."
  }
}

run "a_balancer_with_a_certificate_speaks_tls" {
  command = plan
  variables {
    role       = "balancer"
    group      = "shop-nodes"
    tls_secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-tls"
  }
  assert {
    condition     = strcontains(output.text, "listen = 0.0.0.0:443") && strcontains(output.text, "key = /etc/vitrine/tls/key.pem")
    error_message = "There is no TLS."
  }
}
