variable "name" {
  description = "Name of the fleet; names of resources begin with it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name has 2 to 20 lower-case letters, digits and -, and begins with a letter: write \"shop\"."
  }
}
variable "prefix" {
  description = "Folder in the bucket."
  type        = string
  default     = "live"
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", var.prefix))
    error_message = "prefix is a folder without / at its ends: write \"live\"."
  }
}

variable "kms_key_arn" {
  description = "Key for the objects; null for that of S3."
  type        = string
  default     = null
}

variable "removed_days" {
  description = "How long objects stay that were removed or replaced."
  type        = number
  default     = 7
  validation {
    condition     = var.removed_days >= 1
    error_message = "removed_days is 1 at least: a node may be pulling what has just been removed."
  }
}

variable "force_destroy" {
  description = "Whether destroying the bucket removes what is in it."
  type        = bool
  default     = false
}
