/*
 * /status.json: what the status page shows and /metrics does not tell.
 *
 *   {"ready":false,"reasons":["..."],"remarks":["..."],
 *    "events":[{"at_ms":1,"release":"000042","refused":true,"times":3,"reason":"..."}]}
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_STATUS_JSON_H
#define VITRINE_SERVICE_STATUS_JSON_H

#include "base/buffer.h"
#include "service/status.h"

void status_json_write(const struct status_view *view, struct buffer *out);

#endif
