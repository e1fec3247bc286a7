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

variable "subnet" {
  description = "Subnet and its zone; the disk is there, too."
  type        = object({ id = string, zone = string })
}

variable "instance_type" {
  description = "Type of the instance; a build uses all its cores."
  type        = string
  default     = "m6i.large"
}

variable "policies" {
  description = "Further policies, as JSON: the bucket's writer_policy, for one."
  type        = map(string)
  default     = {}
}

variable "source_url" {
  description = "The source of truth, without a password."
  type        = string
}

variable "source_ca_url" {
  description = "Certificates that its server is checked with, or \"\"."
  type        = string
  default     = ""
}

variable "password_secret" {
  description = "ARN of the secret with its password, or \"\"."
  type        = string
  default     = ""
}

variable "signing_secret" {
  description = "ARN of the secret with the .key file that releases are signed with, or \"\"."
  type        = string
  default     = ""
}

variable "has_secrets" {
  description = "Whether there is any of these secrets; an ARN is not known before it is made."
  type        = bool
  default     = true
}

variable "trusted_keys" {
  description = "Lines of the .pub files of the keys that releases are signed with."
  type        = list(string)
  default     = []
}

variable "schedule" {
  description = "When releases are built: OnCalendar of a systemd timer."
  type        = string
  default     = "*-*-* 02:30:00 UTC"
}

variable "definition" {
  description = "Text of the definition; \"\" for the one that comes with the package."
  type        = string
  default     = ""
}

variable "publish_url" {
  description = "s3://bucket/prefix, or \"\" when nodes pull from the builder by rsync."
  type        = string
  default     = ""
}

variable "publish_kms" {
  description = "Whether that bucket encrypts with a key of KMS."
  type        = bool
  default     = false
}

variable "pullers" {
  description = "How many nodes may pull by rsync at the same time."
  type        = number
  default     = 20
}

variable "alert_topic" {
  description = "ARN of the SNS topic that hears of a build that failed or was refused, or \"\"."
  type        = string
  default     = ""
}

variable "has_alert_topic" {
  description = "Whether there is one."
  type        = bool
  default     = false
}

variable "releases_gb" {
  description = "Disk for releases: four times a release at least, three that are kept and one that is made."
  type        = number
  default     = 100
  validation {
    condition     = var.releases_gb >= 10
    error_message = "releases_gb is 10 at least: four times the size of a release."
  }
}

variable "releases_iops" {
  description = "Operations a second of that disk; 3000 come with gp3."
  type        = number
  default     = 3000
  validation {
    condition     = var.releases_iops >= 3000 && var.releases_iops <= 16000
    error_message = "releases_iops is 3000 to 16000 with gp3."
  }
}

variable "releases_mbs" {
  description = "MiB a second of that disk; 125 come with gp3."
  type        = number
  default     = 250
  validation {
    condition     = var.releases_mbs >= 125 && var.releases_mbs <= 1000
    error_message = "releases_mbs is 125 to 1000 with gp3."
  }
}

variable "kms_key_arn" {
  description = "Key for the disks; null for that of AWS."
  type        = string
  default     = null
}
