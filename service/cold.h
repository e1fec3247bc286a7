/*
 * Cold reads: requests whose pages are not in memory, so that answering them would have the loop
 * wait for the disk, and with it every other connection.
 *
 *   the loop                                       a thread of the pool
 *   answer_request: ERR_COLD -> cold_start ----->  has the same request answered from a reader of its
 *                                                  own, which waits for the disk, and drops the answer
 *   answer_request again, which may wait  <------  later_queue_add
 *
 * The second time the pages are in memory, unless they were needed elsewhere in the meantime. Then
 * the loop waits: a request goes to the pool once.
 *
 * Bounds: at most so many requests wait for a thread, and each belongs to a connection of its own;
 * one more is answered 503.
 *
 * Lifetime: cold_pool_open before the loops that use it; cold_pool_close when their threads have
 * ended, before loop_close. Thread-safety: cold_start on the thread of the answerer,
 * cold_pool_serve and the rest by the owner.
 */
#ifndef VITRINE_SERVICE_COLD_H
#define VITRINE_SERVICE_COLD_H

#include "base/buffer.h"
#include "base/err.h"
#include "service/http.h"
#include "service/later.h"
#include "service/plan.h"

enum {
    COLD_THREADS_MAX = 64,
    COLD_WAITING_MAX = 1024, /* requests that wait for a thread */
};

struct answerer;
struct cold_pool;

/* Takes a reference to PLAN. At most WAITING_MAX requests wait for one of the THREADS. */
MUST_CHECK enum err cold_pool_open(unsigned threads, unsigned waiting_max, struct plan *plan,
                                   struct cold_pool **out, struct errmsg *msg);

/* The threads read from PLAN from now on. Takes over the caller's reference. */
void cold_pool_serve(struct cold_pool *pool, struct plan *plan);

/* Accepts NULL. What waits is given back as it is. */
void cold_pool_close(struct cold_pool *pool);

/*
 * Has the pages of REQUEST brought into memory and returns what answers it then; or appends the
 * answer to OUT and returns NULL, when too many wait.
 */
struct later *cold_start(struct answerer *answerer, const struct request *request,
                         struct buffer *out);

#endif
