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

variable "ami_id" {
  description = "Image of Debian 12 (amd64)."
  type        = string
  validation {
    condition     = can(regex("^ami-[0-9a-f]+$", var.ami_id))
    error_message = "ami_id is the id of an image: write \"ami-...\", or data.aws_ami.debian.id as the examples do."
  }
}

variable "package_url" {
  description = "Where the Debian package is: https://... or s3://bucket/key."
  type        = string
}

variable "package_sha256" {
  description = "Its SHA-256."
  type        = string
}

variable "network_cidr" {
  description = "Addresses of the VPC."
  type        = string
}

variable "security_group" {
  description = "Security group of this machine; module network has it."
  type        = string
}

variable "key_name" {
  description = "Key pair for ssh; null for none."
  type        = string
  default     = null
}

variable "root_gb" {
  description = "Size of the system's disk."
  type        = number
  default     = 16
  validation {
    condition     = var.root_gb >= 8
    error_message = "root_gb is 8 at least: that much does the system take."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnets" {
  description = "One balancer in each: public ones without a front, private ones behind it."
  type        = list(string)
  validation {
    condition     = length(var.subnets) >= 1
    error_message = "subnets are those of module network: write [module.network.public_subnets[0]] for one balancer."
  }
}

variable "instance_type" {
  description = "Type of the instances."
  type        = string
  default     = "t3.medium"
}

variable "group" {
  description = "Name of the auto scaling group of the nodes; module nodes has it."
  type        = string
}

variable "group_arn" {
  description = "Its ARN."
  type        = string
}

variable "primary" {
  description = "HOST:PORT that takes the writes; module builder has it."
  type        = string
  default     = ""
}

variable "primary_paths" {
  description = "Paths that the primary answers, also by GET."
  type        = list(string)
  default     = ["/cart"]
}

variable "server_name" {
  description = "Host name that is answered; \"\" for any."
  type        = string
  default     = ""
}

variable "tls_secret" {
  description = "ARN of a secret, JSON with certificate and key in PEM, for TLS by nginx; \"\" for plain HTTP."
  type        = string
  default     = ""
}

variable "cache_size" {
  description = "Room for answers on the balancer's disk; \"\" keeps none."
  type        = string
  default     = "1G"
}

variable "limits" {
  description = "Requests and writes of one client address, and body."
  type        = map(string)
  default     = { requests = "200/s", writes = "20/s", body = "64K" }
}

variable "has_front" {
  description = "Whether a network load balancer stands in front."
  type        = bool
  default     = false
}

variable "boot_seconds" {
  description = "How long an apply waits for new balancers behind a front before the old ones go."
  type        = number
  default     = 300
  validation {
    condition     = var.boot_seconds >= 0 && var.boot_seconds <= 1800 && floor(var.boot_seconds) == var.boot_seconds
    error_message = "boot_seconds is 0 to 1800: what a machine takes to install the package and find the nodes."
  }
}

variable "front_subnets" {
  description = "Public subnets of it."
  type        = list(string)
  default     = []
}

variable "front_security_group" {
  description = "Its security group; module network has it."
  type        = string
  default     = null
}

variable "certificate_arn" {
  description = "Certificate of ACM for TLS by the network load balancer; \"\" for plain HTTP."
  type        = string
  default     = ""
  validation {
    condition     = var.certificate_arn == "" || can(regex("^arn:[a-z-]+:acm:", var.certificate_arn))
    error_message = "certificate_arn is the ARN of a certificate: write \"arn:aws:acm:eu-west-1:111122223333:certificate/...\"."
  }
}

variable "deletion_protection" {
  description = "Whether the network load balancer refuses to be destroyed."
  type        = bool
  default     = false
}

variable "metrics_namespace" {
  description = "Namespace in CloudWatch of what the balancers see of the nodes."
  type        = string
}

variable "kms_key_arn" {
  description = "Key for the disks; null for that of AWS."
  type        = string
  default     = null
}
