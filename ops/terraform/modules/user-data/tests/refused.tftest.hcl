# What is refused before anything is planned.

variables {
  role           = "node"
  region         = "eu-west-1"
  package_url    = "https://example.com/vitrine_0.1.0_amd64.deb"
  package_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  network_cidr   = "10.0.0.0/16"
  data_device    = "local"
  releases_url   = "rsync://10.0.1.10:8730/vitrine"
}

run "a_role_that_does_not_exist" {
  command = plan
  variables {
    role = "reader"
  }
  expect_failures = [var.role]
}

run "a_zone_for_a_region" {
  command = plan
  variables {
    region = "eu-west-1a"
  }
  expect_failures = [var.region]
}

run "a_package_over_plain_http" {
  command = plan
  variables {
    package_url = "http://example.com/vitrine_0.1.0_amd64.deb"
  }
  expect_failures = [var.package_url]
}

run "a_hash_of_another_kind" {
  command = plan
  variables {
    package_sha256 = "d41d8cd98f00b204e9800998ecf8427e"
  }
  expect_failures = [var.package_sha256]
}

run "a_network_that_is_none" {
  command = plan
  variables {
    network_cidr = "10.0.0.0/33"
  }
  expect_failures = [var.network_cidr]
}

run "a_password_in_the_url" {
  command = plan
  variables {
    source_url = "postgres://vitrine:hunter2@db.example.com/shop"
  }
  expect_failures = [var.source_url]
}

run "a_password_where_its_secret_is_named" {
  command = plan
  variables {
    password_secret = "hunter2"
  }
  expect_failures = [var.password_secret]
}

run "a_secret_key_that_nodes_would_be_given" {
  command = plan
  variables {
    trusted_keys = ["ed25519-secret AAAA"]
  }
  expect_failures = [var.trusted_keys]
}

run "a_path_for_a_definition" {
  command = plan
  variables {
    definition = "definition.yaml"
  }
  expect_failures = [var.definition]
}

run "a_primary_with_a_scheme" {
  command = plan
  variables {
    primary = "http://10.0.1.10:8080"
  }
  expect_failures = [var.primary]
}

run "limits_that_nginx_does_not_have" {
  command = plan
  variables {
    limits = { reads = "1/s" }
  }
  expect_failures = [var.limits]
}

run "a_node_that_pulls_from_nowhere" {
  command = plan
  variables {
    releases_url = ""
  }
  expect_failures = [output.text]
}

run "a_node_without_a_disk" {
  command = plan
  variables {
    data_device = ""
  }
  expect_failures = [output.text]
}

run "a_builder_without_a_source" {
  command = plan
  variables {
    role = "builder"
  }
  expect_failures = [output.text]
}

run "a_builder_that_does_not_trust_itself" {
  command = plan
  variables {
    role           = "builder"
    source_url     = "postgres://vitrine@db.example.com/shop"
    signing_secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-key"
  }
  expect_failures = [output.text]
}

run "a_balancer_without_a_group" {
  command = plan
  variables {
    role        = "balancer"
    data_device = ""
  }
  expect_failures = [output.text]
}
