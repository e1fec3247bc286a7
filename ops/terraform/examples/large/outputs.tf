output "url" {
  description = "What clients ask."
  value       = module.balancer.url
}

output "address" {
  description = "Where the record of the name service leads to."
  value       = module.balancer.address
}

output "primary" {
  description = "Where writes go, inside the network."
  value       = module.builder.primary
}

output "releases" {
  description = "Where nodes pull from."
  value       = module.builder.releases_url
}

output "source" {
  description = "The source of truth; its password is in the secret."
  value = {
    url    = module.source.url
    secret = module.source.password_secret
  }
}
