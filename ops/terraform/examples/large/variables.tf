variable "name" {
  description = "Name of the fleet; names of resources begin with it."
  type        = string
  default     = "shop"
}

variable "region" {
  description = "Region."
  type        = string
  default     = "eu-west-1"
}

variable "package_url" {
  description = "Where the Debian package is: https://... or s3://bucket/key."
  type        = string
}

variable "package_sha256" {
  description = "Its SHA-256: what sha256sum prints."
  type        = string
}

variable "ami_id" {
  description = "Image of Debian 12 (amd64); \"\" takes the newest of Debian."
  type        = string
  default     = ""
}

variable "signing_secret" {
  description = "ARN of the secret with the .key file of vitrine keygen, or \"\" for releases without a signature."
  type        = string
  default     = ""
}

variable "trusted_keys" {
  description = "Lines of the .pub files."
  type        = list(string)
  default     = []
}

variable "client_cidrs" {
  description = "Who may come to the balancer."
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "server_name" {
  description = "Host name that is answered; \"\" for any."
  type        = string
  default     = ""
}

variable "mail" {
  description = "Who hears of alarms."
  type        = list(string)
  default     = []
}

variable "zones" {
  description = "Zones; one balancer in each."
  type        = list(string)
  default     = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
}

variable "nodes" {
  description = "How many nodes."
  type        = number
  default     = 9
}

variable "certificate_arn" {
  description = "Certificate of ACM; \"\" for plain HTTP."
  type        = string
  default     = ""
}

variable "source_url" {
  description = "A database that is there already, without a password; \"\" makes one of RDS."
  type        = string
  default     = ""
}

variable "source_cidrs" {
  description = "Where it is."
  type        = list(string)
  default     = []
}

variable "source_secret" {
  description = "ARN of the secret with its password."
  type        = string
  default     = ""
}
