/*
 * Samples in the text format of Prometheus, version 0.0.4.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_METRICS_TEXT_H
#define VITRINE_SERVICE_METRICS_TEXT_H

#include <stdint.h>

#include "base/buffer.h"

/* The two lines before the samples of a metric. */
void metrics_begin(struct buffer *out, const char *name, const char *type, const char *help);

/* A metric with one sample. */
void metrics_write_count(struct buffer *out, const char *name, const char *type, const char *help,
                         uint64_t value);

/* The same of a time, in milliseconds; told in seconds. */
void metrics_write_seconds(struct buffer *out, const char *name, const char *type, const char *help,
                           int64_t ms);

#endif
