# A role for the machines of one kind, with the policies that it is given and no others.

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name_prefix        = "${var.name}-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "this" {
  for_each = var.policies
  name     = each.key
  role     = aws_iam_role.this.id
  policy   = each.value
}

# The package, when it comes from a bucket.
data "aws_partition" "this" {}

data "aws_iam_policy_document" "package" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.this.partition}:s3:::${trimprefix(var.package_url, "s3://")}"]
  }
}

resource "aws_iam_role_policy" "package" {
  count  = startswith(var.package_url, "s3://") ? 1 : 0
  name   = "package"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.package.json
}

resource "aws_iam_instance_profile" "this" {
  name_prefix = "${var.name}-"
  role        = aws_iam_role.this.name
}
