/*
 * The body of an action's answer: its text, or its template with the values that were taken and the
 * rows that came back.
 *
 * Good for: a job's `reply`, on the writer's thread. Values are written as answers from files write
 * them (definition/scalar.h); what is absent is null, an integer beyond 64 bits is written as the
 * digits that came. $rows is a list of objects with the names that `rows:` declares.
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_REPLY_H
#define VITRINE_SERVICE_REPLY_H

#include "base/buffer.h"
#include "base/err.h"
#include "source/writer.h"

/*
 * Appends the body of JOB, whose statements were run, to OUT. ERR_INPUT when a column that came
 * back is not of the type it is declared with; ERR_LIMIT when the body is larger than OUT may be.
 * OUT holds a part of it then.
 */
MUST_CHECK enum err reply_write(const struct write_job *job, struct buffer *out,
                                struct errmsg *msg);

#endif
