variable "name" {
  description = "Name of the fleet; names of resources begin with it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name has 2 to 20 lower-case letters, digits and -, and begins with a letter: write \"shop\"."
  }
}
variable "group" {
  description = "Name of the auto scaling group of the nodes."
  type        = string
}

variable "size" {
  description = "How many nodes there are to be."
  type        = number
}

variable "builder_id" {
  description = "Instance of the builder."
  type        = string
}

variable "balancer_ids" {
  description = "Instances of the balancers."
  type        = list(string)
}

variable "has_primary" {
  description = "Whether the balancers send writes to a primary."
  type        = bool
  default     = true
}

variable "has_front" {
  description = "Whether there is a network load balancer."
  type        = bool
  default     = false
}

variable "front" {
  description = "Dimensions of its metrics; module balancer has them."
  type        = map(string)
  default     = null
}

variable "metrics_namespace" {
  description = "Namespace that the balancers push to."
  type        = string
}

variable "release_age_hours" {
  description = "From which age of the data on somebody is to hear of it."
  type        = number
  default     = 26
  validation {
    condition     = var.release_age_hours > 0
    error_message = "release_age_hours is the time between builds and a little more: write 26 for nightly builds."
  }
}

variable "has_topic" {
  description = "Whether topic_arn is given; an ARN is not known before it is made."
  type        = bool
  default     = false
}

variable "topic_arn" {
  description = "ARN of an SNS topic that is there already."
  type        = string
  default     = ""
}

variable "mail" {
  description = "Addresses that the topic made here writes to; each has to confirm."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for address in var.mail : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "mail has addresses of mail: write [\"oncall@example.com\"]."
  }
}
