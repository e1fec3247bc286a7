/*
 * The answer to one request, appended to an output buffer.
 *
 * Good for: a loop, which has one answerer. What files answer is answered at once when they are in
 * memory, and otherwise later (cold.h); what the source does is answered later (action.h).
 * Memory: arenas that are reset after each request; nothing is allocated in a steady state.
 * Thread-safety: none; an answerer belongs to its loop.
 * Errors: none to the caller. What the stored files cannot answer is a 503, what is too large a 500;
 * logged at most once a second.
 */
#ifndef VITRINE_SERVICE_ANSWER_H
#define VITRINE_SERVICE_ANSWER_H

#include <stdatomic.h>
#include <time.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "replica/reader.h"
#include "service/gzip.h"
#include "service/head.h"
#include "service/http.h"
#include "service/later.h"
#include "service/plan.h"
#include "service/relay.h"
#include "service/served.h"
#include "service/writes.h"

/* Of a request that its answerer may not wait for the disk for. */
enum answer_pass {
    PASS_FIRST, /* answers from memory, or leaves it to the pool */
    PASS_TOUCH, /* on a thread of the pool: reads what the answer needs; nobody sees it */
    PASS_AGAIN, /* answers, and may wait */
};

struct answerer {
    struct served served;      /* owned */
    struct writes *writes;     /* set by the owner; NULL: none are taken */
    struct relay relay;        /* set by the owner, when they are forwarded */
    struct later_queue *ready; /* set by the owner: where answers of WRITES and COLD go */
    struct cold_pool *cold;    /* set by the owner; NULL: every pass may wait */
    enum answer_pass pass;
    atomic_uint_fast64_t cold_reads;    /* requests that were not answered from memory */
    atomic_uint_fast64_t cold_refusals; /* of them, those that were not answered at all */
    struct head_writer heads;
    struct gzip gzip;
    size_t answer_size; /* bytes of a body; instead of a larger one: 500 */
    int route;          /* that answered last, by its place; -1: none did */
    struct arena arena;
    struct arena row_arena;
    time_t logged_time; /* the second of the last error that was logged */
    unsigned unlogged;  /* errors since then */
};

void answerer_init(struct answerer *answerer);
void answerer_free(struct answerer *answerer);

/*
 * Serves PLAN from now on and lets go of the one before. Takes over the caller's reference, also
 * when the reader cannot be opened, and then goes on with the one before.
 */
MUST_CHECK enum err answerer_serve(struct answerer *answerer, struct plan *plan,
                                   struct errmsg *msg);

/* The same for one that is open: takes SERVED over, and leaves there what was served before. */
void answerer_exchange(struct answerer *answerer, struct served *served);

/*
 * Appends the answer, a head and at most `answer_size` bytes, and returns NULL; or returns what will
 * answer.
 */
struct later *answer_request(struct answerer *answerer, const struct request *request,
                             struct buffer *out);

/*
 * Whether a body could change the answer to REQUEST, of which only the head has come: not that of a path
 * without such a route, nor where nothing is written.
 */
bool answer_wants_body(struct answerer *answerer, const struct request *request);

/* Appends the answer to a request that answer_request left to the pool. */
void answer_again(struct answerer *answerer, const struct request *request, struct buffer *out);

/* Notes in the log why a request to the route of PATH failed; at most once a second, the rest counted. */
void answerer_log_failure(struct answerer *answerer, struct slice path, const struct errmsg *msg);

/* Appends the answer to a request that could not be read; the connection ends after it. */
void answer_refusal(struct answerer *answerer, unsigned status, struct slice id,
                    struct buffer *out);

#endif
