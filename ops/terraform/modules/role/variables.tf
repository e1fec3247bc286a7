variable "name" {
  description = "What names of the role and the profile begin with."
  type        = string
  validation {
    condition     = length(var.name) <= 37
    error_message = "name has 37 characters at most, because AWS appends 26."
  }
}

variable "policies" {
  description = "Policies by name, as JSON."
  type        = map(string)
}

variable "package_url" {
  description = "Where the package is; an object of a bucket becomes readable."
  type        = string
}
