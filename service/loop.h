/*
 * A loop is one thread that serves connections: its own listening socket, reader, scratch memory
 * and list of connections; loops share nothing but the plan that they serve.
 *
 * Lifetime: loop_open, loop_start, loop_stop, loop_join; loop_close ends it, whichever of these
 * were called.
 * Thread-safety: loop_offer, loop_stop and loop_add_traffic may be called from any thread between loop_open and
 * loop_close; the other functions of the owner by the owner; loop_add, loop_remove and
 * loop_reset_output by the loop's own thread.
 */
#ifndef VITRINE_SERVICE_LOOP_H
#define VITRINE_SERVICE_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/buffer.h"
#include "base/err.h"
#include "service/access.h"
#include "service/acceptor.h"
#include "service/answer.h"
#include "service/bounds.h"
#include "service/changeover.h"
#include "service/later.h"
#include "service/meter.h"
#include "service/plan.h"
#include "service/request_id.h"

enum {
    LOOP_INPUT_SIZE = 64 << 10, /* one read */
    LOOP_OUTPUT_KEPT = 1 << 20, /* a larger output buffer is given back after use */
    LOOP_TICK_MS = 1000,        /* how often time-outs are looked at */
    LOOP_STOP_MS = 3000,        /* for clients to take their last answers */
};

struct cold_pool;
struct connection;
struct traffic;

/* Who answers the requests of a loop, on its thread. */
struct loop_answers {
    /* Appends the answer to OUT and returns NULL, or returns what will answer. */
    struct later *(*request)(void *context, const struct request *request, struct buffer *out);
    /* Whether the body of REQUEST, which is not here yet, matters to the answer. NULL: it never does. */
    bool (*wants_body)(void *context, const struct request *request);
    /* One that could not be read; the connection ends after it. */
    void (*refusal)(void *context, unsigned status, struct slice id, struct buffer *out);
    void *context;
};

struct loop {
    uv_loop_t uv;
    struct acceptor acceptor;
    uv_async_t wake;
    uv_timer_t tick;
    uv_prepare_t sleep; /* the loop is about to wait */
    uv_thread_t thread;
    bool has_thread;
    bool is_closed;
    struct loop_answers answers;
    struct answerer answerer; /* of a loop that serves a plan */
    struct meter meter;       /* of a loop that serves a plan */
    struct request_ids ids;
    struct access access;           /* of one that has an access log, set by the owner */
    struct buffer out;              /* the answers to what was read last */
    struct connection *refused;     /* whose request is refused, while it is */
    struct connection *connections; /* all of them, the newest first */
    atomic_uint connection_count;
    struct bounds bounds;
    unsigned refused_count; /* connections that were one too many, since the last tick */
    unsigned crowded_count; /* of them, those that were one too many of their address */
    size_t held_bytes;      /* of all its connections: held.h */
    size_t leaving_bytes;   /* of those that are being closed */
    unsigned turn;          /* of the loop, as they are counted */
    unsigned
        outstayed_count; /* connections that were closed for what they held, since the last tick */
    bool is_draining;    /* each connection ends with its next answer */
    bool is_stopping;
    struct later_queue ready;     /* what requests were answered with, once it has the answer */
    uint64_t stop_deadline_ms;    /* is_stopping: on the clock of uv_now */
    struct changeover changeover; /* to the plan that was offered */
    atomic_bool drain_asked;
    atomic_bool stop_asked;
    char input[LOOP_INPUT_SIZE];
};

/*
 * A loop that listens on LISTEN_FD, which it closes, and serves PLAN, to which it takes a reference
 * of its own; actions go to WRITES and reads that would wait for the disk to COLD, unless these are
 * NULL. BOUNDS are copied.
 */
MUST_CHECK enum err loop_open(int listen_fd, const struct bounds *bounds, struct plan *plan,
                              struct writes *writes, struct cold_pool *cold, struct loop **out,
                              struct errmsg *msg);

/* The same for one that serves no plan, but has ANSWERS. */
MUST_CHECK enum err loop_open_with(int listen_fd, const struct bounds *bounds,
                                   const struct loop_answers *answers, struct loop **out,
                                   struct errmsg *msg);

/* Starts the thread. */
MUST_CHECK enum err loop_start(struct loop *loop, struct errmsg *msg);

/* Has the loop serve PLAN soon, between two requests. Takes over the caller's reference. */
void loop_offer(struct loop *loop, struct plan *plan);

/* Has the loop end each connection with its next answer, and go on accepting others. */
void loop_drain(struct loop *loop);

/* Has the loop end its connections and then its thread, within LOOP_STOP_MS + LOOP_TICK_MS. */
void loop_stop(struct loop *loop);

/* Waits for the thread to end. */
void loop_join(struct loop *loop);

/* Adds what it did to TRAFFIC (traffic.h), which is of all loops together. */
void loop_add_traffic(const struct loop *loop, struct traffic *traffic);

/* Accepts NULL. What requests were answered with and is at work must be ready by then. */
void loop_close(struct loop *loop);

void loop_add(struct loop *loop, struct connection *connection);
void loop_remove(struct loop *loop, struct connection *connection);

/* Has LATER append its answer to `out`, and frees it. */
void loop_answer_later(struct loop *loop, struct later *later);

/* What is in `out` was sent: empties it and gives back a large one. */
void loop_reset_output(struct loop *loop);

#endif
