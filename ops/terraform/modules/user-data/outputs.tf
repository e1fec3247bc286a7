locals {
  text = templatefile("${path.module}/templates/cloud-config.yaml.tftpl", {
    role     = var.role
    packages = local.packages
    files    = local.files_of_role
    commands = local.commands
  })
  base64 = base64gzip(local.text)
}

output "base64" {
  description = "The user-data as EC2 gets it: compressed, in base64."
  value       = local.base64
}

output "text" {
  description = "The same, to be read."
  value       = local.text

  precondition {
    condition     = !local.is_builder || var.source_url != ""
    error_message = "A builder reads a source: give source_url."
  }
  precondition {
    condition     = !local.is_node || var.releases_url != ""
    error_message = "A node pulls releases: give releases_url."
  }
  precondition {
    condition     = !local.is_balancer || var.group != ""
    error_message = "A balancer looks for its nodes in an auto scaling group: give group."
  }
  precondition {
    condition     = local.has_data == (var.data_device != "")
    error_message = "A builder and a node have a data_device (\"attached\" or \"local\"), a balancer has none."
  }
  precondition {
    condition     = length(var.trusted_keys) > 0 || var.signing_secret == ""
    error_message = "A builder that signs has its public key in trusted_keys: give the line of the .pub file, too."
  }
  precondition {
    condition     = length(local.base64) * 3 / 4 <= 16384
    error_message = "EC2 takes 16 KiB of user-data, this is ${length(local.base64) * 3 / 4} bytes after compression: shorten the definition, or put it into the package."
  }
  precondition {
    condition     = alltrue([for value in flatten([for file in values(local.all_env) : values(file)]) : !can(regex("['\n]", value))])
    error_message = "A setting holds a quotation mark or a line feed, which env files cannot carry."
  }
}

output "env" {
  description = "The env files of the role, by path."
  value       = local.all_env
}

output "files" {
  description = "Paths of the files that the text writes."
  value       = keys(local.files_of_role)
}
