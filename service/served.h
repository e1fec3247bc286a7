/*
 * What a thread answers from: a plan, and a reader of its own for the release of it.
 *
 * Good for: opening and closing both elsewhere than on the thread that answers: a reader is an SQLite
 * file a partition, and takes milliseconds.
 * Thread-safety: none; belongs to one thread at a time.
 */
#ifndef VITRINE_SERVICE_SERVED_H
#define VITRINE_SERVICE_SERVED_H

#include "base/err.h"
#include "replica/reader.h"
#include "service/plan.h"

struct served {
    struct plan *plan;     /* owned: one reference; NULL: nothing is served */
    struct reader *reader; /* owned; does not wait for the disk unless it is told to */
};

/* Takes over the caller's reference to PLAN, also when its reader cannot be opened. */
MUST_CHECK enum err served_open(struct plan *plan, struct served *out, struct errmsg *msg);

/* Leaves nothing that is served; of nothing, too. */
void served_close(struct served *served);

#endif
