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

variable "subnets" {
  description = "Private subnets; nodes are spread over their zones."
  type        = list(string)
  validation {
    condition     = length(var.subnets) >= 1
    error_message = "subnets are those of module network: write module.network.private_subnets."
  }
}

variable "instance_type" {
  description = "Type of the instances; one with NVMe for storage \"local\". Its memory should hold what is read often."
  type        = string
  default     = "m6id.large"
}

variable "size" {
  description = "How many nodes."
  type        = number
  default     = 3
  validation {
    condition     = var.size >= 2 && var.size <= 100 && floor(var.size) == var.size
    error_message = "size is 2 to 100: with one node nothing answers while it is replaced."
  }
}

variable "storage" {
  description = "\"local\": NVMe of the instance, gone with it; \"attached\": a gp3 volume."
  type        = string
  default     = "local"
  validation {
    condition     = contains(["local", "attached"], var.storage)
    error_message = "storage is \"local\" for the NVMe disk of the instance, or \"attached\" for a gp3 volume."
  }
}

variable "releases_gb" {
  description = "Size of that volume: four times a release at least."
  type        = number
  default     = 100
  validation {
    condition     = var.releases_gb >= 10
    error_message = "releases_gb is 10 at least: four times the size of a release."
  }
}

variable "releases_url" {
  description = "What nodes pull from; module builder has it."
  type        = string
}

variable "primary" {
  description = "HOST:PORT that takes the writes; module builder has it."
  type        = string
  default     = ""
}

variable "trusted_keys" {
  description = "Lines of .pub files: releases that none of these keys signed are refused. [] takes any."
  type        = list(string)
  default     = []
}

variable "ready_timeout" {
  description = "Seconds that a new node may take until it is ready; then it is given up for another."
  type        = number
  default     = 3600
  validation {
    condition     = var.ready_timeout >= 300 && var.ready_timeout <= 7200
    error_message = "ready_timeout is 300 to 7200 seconds: the time that a pull of everything takes, twice."
  }
}

variable "policies" {
  description = "Further policies, as JSON: the bucket's reader_policy, for one."
  type        = map(string)
  default     = {}
}

variable "kms_key_arn" {
  description = "Key for the disks; null for that of AWS."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of instances and disks; default_tags of the provider do not reach them."
  type        = map(string)
  default     = {}
}
