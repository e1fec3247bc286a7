variable "name" {
  description = "Name of the fleet; names of resources begin with it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name has 2 to 20 lower-case letters, digits and -, and begins with a letter: write \"shop\"."
  }
}
variable "url" {
  description = "A database that is there already; \"\" makes one of RDS."
  type        = string
  default     = ""
  validation {
    condition     = var.url == "" || can(regex("^postgres(ql)?://[^' ]+$", var.url))
    error_message = "url is \"postgres://user@host:5432/database?sslmode=verify-full\", or \"\" for one of RDS."
  }
  validation {
    condition     = !can(regex("^[a-z]+://[^/@]*:[^/@]*@", var.url)) && !strcontains(var.url, "password=")
    error_message = "url has a password in it: write postgres://user@host/database, and give the password as password_secret."
  }
}

variable "password_secret" {
  description = "ARN of the secret with the password of url; \"\" when it needs none. That of RDS is made by RDS."
  type        = string
  default     = ""
}

variable "ca_url" {
  description = "Certificates that the server of url is checked with; they become /etc/vitrine/source-ca.pem."
  type        = string
  default     = ""
}

variable "subnets" {
  description = "Private subnets of two zones at least; RDS only."
  type        = list(string)
  default     = []
}

variable "security_group" {
  description = "Security group of the database; RDS only."
  type        = string
  default     = null
}

variable "engine_version" {
  description = "Version of PostgreSQL, 13 or later."
  type        = string
  default     = "16"
  validation {
    condition     = can(regex("^1[3-9](\\.[0-9]+)?$", var.engine_version))
    error_message = "engine_version is 13 or later: write \"16\" for the newest of that series."
  }
}

variable "instance_class" {
  description = "Class of the database instance."
  type        = string
  default     = "db.t4g.medium"
  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "instance_class begins with db.: write \"db.t4g.medium\"."
  }
}

variable "database" {
  description = "Name of the database."
  type        = string
  default     = "shop"
}

variable "username" {
  description = "Name of the master user."
  type        = string
  default     = "vitrine"
}

variable "storage_gb" {
  description = "Size of the disk."
  type        = number
  default     = 50
  validation {
    condition     = var.storage_gb >= 20
    error_message = "storage_gb is 20 at least with gp3."
  }
}

variable "storage_gb_max" {
  description = "Up to where RDS lets it grow; 0: not at all."
  type        = number
  default     = 500
}

variable "kms_key_arn" {
  description = "Key for the disk; null for that of AWS."
  type        = string
  default     = null
}

variable "multi_az" {
  description = "Whether a second instance stands by in another zone; twice the price."
  type        = bool
  default     = false
}

variable "backup_days" {
  description = "How long backups are kept."
  type        = number
  default     = 7
  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days is 1 to 35: this is the source of truth."
  }
}

variable "deletion_protection" {
  description = "Whether the database refuses to be destroyed."
  type        = bool
  default     = true
}

variable "performance_insights" {
  description = "Whether RDS keeps what the database did, for 7 days."
  type        = bool
  default     = true
}
