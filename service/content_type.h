/*
 * Whether a body that is sent may be read as JSON.
 *
 * Good for: routes that write. A form of another site can have a browser send a body here, as
 * text/plain, application/x-www-form-urlencoded or multipart/form-data; only what asks before (CORS) can
 * call it JSON. Clients that say nothing are believed.
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_CONTENT_TYPE_H
#define VITRINE_SERVICE_CONTENT_TYPE_H

#include <stdbool.h>

#include "base/slice.h"

/*
 * VALUE is that of Content-Type: true when there is none (ptr NULL, or empty), for application/json, and
 * for types whose name ends in +json (RFC 6839), in whatever case and with whatever parameters.
 */
bool content_type_takes_json(struct slice value);

#endif
