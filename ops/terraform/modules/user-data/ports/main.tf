# Ports of the fleet, for the units and the security groups alike.

output "all" {
  description = "Ports by purpose."
  value = {
    serve  = 8080
    admin  = 9090
    rsync  = 8730
    client = 80
    tls    = 443
    source = 5432
    ssh    = 22
  }
}
