/*
 * The part of /metrics that tells of requests and connections.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_METRICS_TRAFFIC_H
#define VITRINE_SERVICE_METRICS_TRAFFIC_H

#include "base/buffer.h"
#include "service/traffic.h"

/* Appends it. */
void metrics_write_traffic(const struct traffic *traffic, struct buffer *out);

#endif
