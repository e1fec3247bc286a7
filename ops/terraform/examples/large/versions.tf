terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = local.tags
  }
}

# Of Debian; pin ami_id where nodes must not be replaced because there is a newer one.
data "aws_ami" "debian" {
  count       = var.ami_id == "" ? 1 : 0
  most_recent = true
  owners      = ["136693071363"]
  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }
}

locals {
  tags   = { Fleet = var.name }
  ami_id = var.ami_id == "" ? data.aws_ami.debian[0].id : var.ami_id
}
