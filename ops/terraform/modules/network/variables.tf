variable "name" {
  description = "Name of the fleet; names of resources begin with it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name has 2 to 20 lower-case letters, digits and -, and begins with a letter: write \"shop\"."
  }
}

variable "region" {
  description = "Region of the fleet."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC; each subnet gets a sixteenth."
  type        = string
  default     = "10.0.0.0/16"
  validation {
    condition     = can(cidrnetmask(var.cidr)) && can(regex("/(1[6-9]|2[0-4])$", var.cidr))
    error_message = "cidr is an IPv4 network of /16 to /24: write \"10.0.0.0/16\"."
  }
}

variable "zones" {
  description = "Availability zones, 2 to 8; the builder is in the first."
  type        = list(string)
  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 8 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones are 2 to 8 different availability zones (a database wants two): write [\"eu-west-1a\", \"eu-west-1b\"]."
  }
  validation {
    condition     = alltrue([for zone in var.zones : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", zone))])
    error_message = "A zone ends in a letter: write \"eu-west-1a\", not \"eu-west-1\"."
  }
}

variable "nat" {
  description = "\"single\": one NAT gateway for all; \"per_zone\": one each, so that a zone may fail."
  type        = string
  default     = "single"
  validation {
    condition     = contains(["single", "per_zone"], var.nat)
    error_message = "nat is \"single\" or \"per_zone\"."
  }
}

variable "client_cidrs" {
  description = "Who may come to the balancer."
  type        = list(string)
  default     = ["0.0.0.0/0"]
  validation {
    condition     = alltrue([for cidr in var.client_cidrs : can(cidrnetmask(cidr))])
    error_message = "client_cidrs are IPv4 networks: write [\"0.0.0.0/0\"] for everybody, [\"203.0.113.7/32\"] for one address."
  }
}

variable "has_front" {
  description = "Whether clients come to a network load balancer, and through it to the balancers."
  type        = bool
  default     = false
}

variable "rsync" {
  description = "Whether nodes pull from the builder by rsync."
  type        = bool
  default     = true
}

variable "ssh" {
  description = "Whether there is an EC2 Instance Connect endpoint to the machines; port 22 is closed otherwise."
  type        = bool
  default     = false
}

variable "source_cidrs" {
  description = "Where a database outside of this VPC is; [] when it is inside."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for cidr in var.source_cidrs : can(cidrnetmask(cidr))])
    error_message = "source_cidrs are IPv4 networks: write [\"10.9.0.12/32\"] for one server."
  }
}

variable "source_port" {
  description = "Its port."
  type        = number
  default     = 5432
  validation {
    condition     = var.source_port >= 1 && var.source_port <= 65535
    error_message = "source_port is 1 to 65535."
  }
}
