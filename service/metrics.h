/*
 * /metrics: the text format of Prometheus, version 0.0.4. docs/operations.md lists the names.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_METRICS_H
#define VITRINE_SERVICE_METRICS_H

#include <stdint.h>

#include "base/buffer.h"
#include "service/status.h"
#include "service/traffic.h"
#include "service/vitals.h"

/* Appends all of it. NOW_MS is since 1970. */
void metrics_write(const struct status_view *view, const struct traffic *traffic,
                   const struct vitals *vitals, int64_t now_ms, struct buffer *out);

#endif
