/*
 * The part of /metrics that tells of the process and of its root.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_METRICS_VITALS_H
#define VITRINE_SERVICE_METRICS_VITALS_H

#include "base/buffer.h"
#include "service/vitals.h"

/* Appends it. */
void metrics_write_vitals(const struct vitals *vitals, struct buffer *out);

#endif
