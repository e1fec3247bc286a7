/*
 * The part of /metrics that tells of requests and connections, and what all parts are written with.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_METRICS_TRAFFIC_H
#define VITRINE_SERVICE_METRICS_TRAFFIC_H

#include <stdint.h>

#include "base/buffer.h"
#include "service/traffic.h"

/* The two lines before the samples of a metric. */
void metrics_begin(struct buffer *out, const char *name, const char *type, const char *help);

/* A metric with one sample. */
void metrics_write_count(struct buffer *out, const char *name, const char *type, const char *help,
                         uint64_t value);

/* The same of a time, in milliseconds; told in seconds. */
void metrics_write_seconds(struct buffer *out, const char *name, const char *type, const char *help,
                           int64_t ms);

void metrics_write_traffic(const struct traffic *traffic, struct buffer *out);

#endif
