variable "role" {
  description = "What the machine is: builder (and primary), node or balancer."
  type        = string
  validation {
    condition     = contains(["builder", "node", "balancer"], var.role)
    error_message = "role is builder, node or balancer."
  }
}

variable "region" {
  description = "Region that the scripts ask for instances and secrets."
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is a region's short name: write \"eu-west-1\", for example, not a zone."
  }
}

variable "package_url" {
  description = "Where the Debian package is: https://... or s3://bucket/key."
  type        = string
  validation {
    condition     = can(regex("^(https|s3)://[^/' ]+/[^' ]+\\.deb$", var.package_url))
    error_message = "package_url leads to the .deb: write \"https://host/path/vitrine_0.1.0_amd64.deb\" or \"s3://bucket/vitrine_0.1.0_amd64.deb\"."
  }
}

variable "package_sha256" {
  description = "Its SHA-256; anything else is not installed."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package_sha256))
    error_message = "package_sha256 is 64 hexadecimal digits in lower case: write what sha256sum prints for the package."
  }
}

variable "network_cidr" {
  description = "Addresses of the fleet: whose X-Forwarded-For is believed, and who may pull."
  type        = string
  validation {
    condition     = can(cidrnetmask(var.network_cidr))
    error_message = "network_cidr is an IPv4 network: write \"10.0.0.0/16\", for example."
  }
}

variable "data_device" {
  description = "Where releases are: \"attached\" (an EBS volume), \"local\" (NVMe of the instance), \"\" (a balancer)."
  type        = string
  default     = ""
  validation {
    condition     = contains(["attached", "local", ""], var.data_device)
    error_message = "data_device is \"attached\" for an EBS volume, \"local\" for the NVMe disk of the instance, or \"\"."
  }
}

variable "trusted_keys" {
  description = "Lines of .pub files: a node takes releases that one of these keys signed, and no others."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for key in var.trusted_keys : can(regex("^ed25519 [A-Za-z0-9+/=]+", key))])
    error_message = "trusted_keys are public: write the line of the .pub file that vitrine keygen made, and keep the .key in a secret."
  }
}

# ---- builder ----

variable "source_url" {
  description = "The source of truth, without a password."
  type        = string
  default     = ""
  validation {
    condition     = var.source_url == "" || can(regex("^(postgres(ql)?://[^' ]+|sqlite:/[^' ]+)$", var.source_url))
    error_message = "source_url is \"postgres://user@host:5432/database?sslmode=verify-full\" or \"sqlite:/folder/file\"."
  }
  validation {
    condition     = !can(regex("^[a-z]+://[^/@]*:[^/@]*@", var.source_url)) && !strcontains(var.source_url, "password=")
    error_message = "source_url has a password in it: write postgres://user@host/database, and give the password as password_secret."
  }
}

variable "source_ca_url" {
  description = "Certificates that the source's server is checked with; \"\" for those that source_url names itself."
  type        = string
  default     = ""
  validation {
    condition     = var.source_ca_url == "" || can(regex("^https://[^' ]+$", var.source_ca_url))
    error_message = "source_ca_url begins with https://, or is \"\"."
  }
}

variable "password_secret" {
  description = "ARN of the secret with the source's password: plain text, or JSON with a field password."
  type        = string
  default     = ""
  validation {
    condition     = var.password_secret == "" || can(regex("^arn:[a-z-]+:secretsmanager:[^' ]+$", var.password_secret))
    error_message = "password_secret is the ARN of a secret (arn:aws:secretsmanager:...), never the password."
  }
}

variable "signing_secret" {
  description = "ARN of the secret with the .key file that releases are signed with; \"\" for releases without a signature."
  type        = string
  default     = ""
  validation {
    condition     = var.signing_secret == "" || can(regex("^arn:[a-z-]+:secretsmanager:[^' ]+$", var.signing_secret))
    error_message = "signing_secret is the ARN of a secret (arn:aws:secretsmanager:...), never the key."
  }
}

variable "schedule" {
  description = "When releases are built: OnCalendar of a systemd timer."
  type        = string
  default     = "*-*-* 02:30:00 UTC"
  validation {
    condition     = can(regex("^[A-Za-z0-9*:,./~ -]+$", var.schedule))
    error_message = "schedule is an OnCalendar expression: write \"*-*-* 02:30:00 UTC\" for every night, \"*:0/15\" for every quarter of an hour."
  }
}

variable "definition" {
  description = "Text of the definition; \"\" for the one that comes with the package."
  type        = string
  default     = ""
  validation {
    condition     = var.definition == "" || can(regex("(?m)^routes:", var.definition))
    error_message = "definition is the text of a definition, not its path: write file(\"$${path.module}/definition.yaml\")."
  }
}

variable "alert_topic" {
  description = "ARN of the SNS topic that hears of units that fail, a build that was refused for one; \"\" for the log alone."
  type        = string
  default     = ""
  validation {
    condition     = var.alert_topic == "" || can(regex("^arn:[a-z-]+:sns:[^' ]+$", var.alert_topic))
    error_message = "alert_topic is the ARN of an SNS topic: write \"arn:aws:sns:eu-west-1:111122223333:oncall\"."
  }
}

variable "publish_url" {
  description = "Where releases are published: s3://bucket/prefix; \"\" for a daemon of rsync on the builder."
  type        = string
  default     = ""
  validation {
    condition     = var.publish_url == "" || can(regex("^s3://[^' ]+$", var.publish_url))
    error_message = "publish_url is \"s3://bucket/prefix\", or \"\" when nodes pull from the builder by rsync."
  }
}

variable "publish_kms" {
  description = "Whether the bucket of publish_url encrypts with a key of KMS."
  type        = bool
  default     = false
}

variable "pullers" {
  description = "How many nodes may pull by rsync at the same time."
  type        = number
  default     = 20
  validation {
    condition     = var.pullers >= 1 && var.pullers <= 200
    error_message = "pullers is 1 to 200: beyond that let nodes pull from a bucket (publish_url)."
  }
}

# ---- node ----

variable "releases_url" {
  description = "Where a node pulls from: rsync://host:8730/vitrine or s3://bucket/prefix."
  type        = string
  default     = ""
  validation {
    condition     = var.releases_url == "" || can(regex("^(rsync|s3)://[^' ]+$", var.releases_url))
    error_message = "releases_url is \"rsync://HOST:8730/vitrine\" or \"s3://bucket/prefix\"."
  }
}

variable "primary" {
  description = "HOST:PORT that takes the writes; \"\" when there are none."
  type        = string
  default     = ""
  validation {
    condition     = var.primary == "" || can(regex("^[A-Za-z0-9.-]+:[0-9]{1,5}$", var.primary))
    error_message = "primary is HOST:PORT without http://: write \"10.0.1.10:8080\"."
  }
}

variable "group" {
  description = "Name of the auto scaling group of the nodes."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]*$", var.group))
    error_message = "group has letters, digits, - and _ only."
  }
}

variable "hook" {
  description = "Name of the lifecycle hook that a node completes when it is ready."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]*$", var.hook))
    error_message = "hook has letters, digits, - and _ only."
  }
}

# ---- balancer ----

variable "server_name" {
  description = "Host name that the balancer answers; \"\" for any."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^[A-Za-z0-9.*-]*$", var.server_name))
    error_message = "server_name is a host name: write \"shop.example.com\", without http:// and port."
  }
}

variable "tls_secret" {
  description = "ARN of a secret, JSON with the fields certificate and key in PEM; \"\" for plain HTTP."
  type        = string
  default     = ""
  validation {
    condition     = var.tls_secret == "" || can(regex("^arn:[a-z-]+:secretsmanager:[^' ]+$", var.tls_secret))
    error_message = "tls_secret is the ARN of a secret (arn:aws:secretsmanager:...), never the key."
  }
}

variable "primary_paths" {
  description = "Paths that the primary answers, also by GET: those that read or change the source."
  type        = list(string)
  default     = ["/cart"]
  validation {
    condition     = alltrue([for path in var.primary_paths : can(regex("^/[^', ]*$", path))])
    error_message = "primary_paths begin with /, without blanks and commas: write [\"/cart\"]."
  }
}

variable "cache_size" {
  description = "Room for answers on the balancer's disk; \"\" keeps none."
  type        = string
  default     = "1G"
  validation {
    condition     = can(regex("^([0-9]+[MG])?$", var.cache_size))
    error_message = "cache_size is a number with M or G: write \"1G\", or \"\" for no cache."
  }
}

variable "limits" {
  description = "The section limits of the fleet file: requests and writes of one client address, body."
  type        = map(string)
  default     = { requests = "200/s", writes = "20/s", body = "64K" }
  validation {
    condition     = length(setsubtract(keys(var.limits), ["requests", "writes", "body"])) == 0
    error_message = "limits has requests, writes and body: write { requests = \"200/s\", writes = \"20/s\", body = \"64K\" }."
  }
}

variable "metrics_namespace" {
  description = "Namespace in CloudWatch of the balancer's metrics; \"\" pushes none."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^[A-Za-z0-9/_-]*$", var.metrics_namespace)) && !startswith(var.metrics_namespace, "AWS/")
    error_message = "metrics_namespace has letters, digits, /, - and _, and does not begin with AWS/: write \"Vitrine/shop\"."
  }
}
