/*
 * A rehearsal: the golden requests of a release (definition/checks.h), answered in this process by
 * the code that serves, without sockets.
 *
 * Good for: a release that is complete, whether or not it has been published.
 * Thread-safety: no state; one rehearsal opens the release for itself and closes it.
 */
#ifndef VITRINE_SERVICE_REHEARSE_H
#define VITRINE_SERVICE_REHEARSE_H

#include "base/buffer.h"
#include "base/err.h"

/*
 * Answers every golden request from the release in DIR and appends a line to FAILURES for each whose
 * answer is not the expected one: `request /loans?branch=north (line 88): the status is 404, but 200
 * is expected`. ERR_NONE however many these are; other errors are those of plan_open.
 */
MUST_CHECK enum err rehearse(const char *dir, struct buffer *failures, struct errmsg *msg);

#endif
