output "topic_arn" {
  description = "The topic that hears of alarms."
  value       = local.topic
}
