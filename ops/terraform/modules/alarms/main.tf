# What wakes somebody, and a topic to hear it from.

locals {
  alarms = merge(
    {
      nodes-missing = {
        description = "Fewer nodes are in service than there are to be, for 15 minutes."
        namespace   = "AWS/AutoScaling"
        metric      = "GroupInServiceInstances"
        dimensions  = { AutoScalingGroupName = var.group }
        statistic   = "Minimum"
        comparison  = "LessThanThreshold"
        threshold   = var.size
        minutes     = 15
      }
      nodes-not-ready = {
        description = "Half of the nodes or fewer answer /readyz, so that none is replaced by itself, or no balancer says how many."
        namespace   = var.metrics_namespace
        metric      = "ReadyNodes"
        dimensions  = {}
        statistic   = "Minimum"
        comparison  = "LessThanThreshold"
        threshold   = floor(var.size / 2) + 1
        minutes     = 3
      }
      release-old = {
        description = "What a node serves is older than ${var.release_age_hours} h: look at builds and pulls."
        namespace   = var.metrics_namespace
        metric      = "ReleaseAgeSeconds"
        dimensions  = {}
        statistic   = "Maximum"
        comparison  = "GreaterThanThreshold"
        threshold   = var.release_age_hours * 3600
        minutes     = 5
      }
    },
    var.has_primary ? {
      primary-away = {
        description = "The primary answers no balancer: writes are answered 503."
        namespace   = var.metrics_namespace
        metric      = "PrimaryAnswers"
        dimensions  = {}
        statistic   = "Maximum"
        comparison  = "LessThanThreshold"
        threshold   = 1
        minutes     = 3
      }
    } : {},
    var.has_front ? {
      balancers-unhealthy = {
        description = "The load balancer finds a balancer that does not answer /healthz."
        namespace   = "AWS/NetworkELB"
        metric      = "UnHealthyHostCount"
        dimensions  = var.front
        statistic   = "Maximum"
        comparison  = "GreaterThanThreshold"
        threshold   = 0
        minutes     = 3
      }
    } : {},
  )
  # A machine whose host has failed is started on another one, by EC2.
  recovered = merge({ builder = var.builder_id }, {
    for index, id in var.balancer_ids : "balancer-${index + 1}" => id
  })
  topic = var.has_topic ? var.topic_arn : aws_sns_topic.this[0].arn
}

data "aws_region" "this" {}
data "aws_partition" "this" {}

resource "aws_sns_topic" "this" {
  count = var.has_topic ? 0 : 1
  name  = var.name
}

resource "aws_sns_topic_subscription" "mail" {
  for_each  = var.has_topic ? [] : toset(var.mail)
  topic_arn = aws_sns_topic.this[0].arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = each.value.minutes
  treat_missing_data  = "breaching"
  alarm_actions       = [local.topic]
  ok_actions          = [local.topic]
}

resource "aws_cloudwatch_metric_alarm" "host" {
  for_each            = local.recovered
  alarm_name          = "${var.name}-${each.key}-host"
  alarm_description   = "The host of ${each.key} has failed; EC2 starts the machine on another one."
  namespace           = "AWS/EC2"
  metric_name         = "StatusCheckFailed_System"
  dimensions          = { InstanceId = each.value }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 2
  alarm_actions = [
    "arn:${data.aws_partition.this.partition}:automate:${data.aws_region.this.region}:ec2:recover",
    local.topic,
  ]
}
