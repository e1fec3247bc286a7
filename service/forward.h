/*
 * Forwarding: requests sent to the primary and their answers, over connections that are kept.
 *
 *             connected          a request            a whole answer
 *   CONNECTING ------> IDLE ------------------> BUSY ----------------> IDLE ...
 *        |              |                        |
 *        | refused,     | it ends, or is         | it ends, or the answer is none,
 *        | too slow     | not used for long      | too large or too slow
 *        v              v                        v
 *      CLOSING --> freed in the close callback
 *
 * A request waits until a connection is idle, or a new one is connected; each carries one request
 * at a time. It is sent once: when a byte of it may have reached the primary and no whole answer
 * came, it is not known whether it was done, and it is FORWARD_LOST; only one that may be repeated
 * (it has an Idempotency-Key, or changes nothing) is sent a second time. A connection that turns
 * out to have ended before a byte was sent is replaced.
 *
 * Memory: at most FORWARD_LINKS_MAX connections, FORWARD_BYTES_MAX bytes of requests, and for each
 * connection one answer (PRIMARY_BODY_MAX).
 * Lifetime: a forwarder belongs to a uv loop; forwarder_close ends it, and it frees itself when its
 * handles are closed, so the loop has to run until then.
 * Thread-safety: all of it belongs to the loop's thread.
 */
#ifndef VITRINE_SERVICE_FORWARD_H
#define VITRINE_SERVICE_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/err.h"
#include "base/slice.h"
#include "service/primary.h"

enum {
    FORWARD_LINKS_MAX = 64,       /* connections of a loop */
    FORWARD_BYTES_MAX = 64 << 20, /* of requests that are not answered yet, of a loop */
    FORWARD_CONNECT_MS = 1000,    /* for a connection, all addresses of the host together */
    FORWARD_IDLE_MS = 30000,      /* a connection is kept unused; the primary keeps it for longer */
    FORWARD_RESOLVED_MS = 30000,  /* addresses of the host are used */
    FORWARD_TICK_MS = 100,        /* how often time-outs are looked at */
};

enum forward_outcome {
    FORWARD_ANSWERED,
    FORWARD_AWAY, /* the primary was not reached, and nothing was sent */
    FORWARD_LOST, /* it may have been done, or not: the answer did not come */
};

/* One request and its answer. */
struct forward {
    /* ---- set by the caller, and alive until `done` was called ---- */
    struct slice request;                  /* as it is sent: primary_request_write */
    bool is_repeatable;                    /* twice is as good as once */
    void (*done)(struct forward *forward); /* once; the forward is the caller's again */

    /* ---- set by the forwarder ---- */
    enum forward_outcome outcome;
    struct primary_answer answer; /* FORWARD_ANSWERED; freed by the caller in any case */

    struct forward *next; /* the forwarder's, as what follows */
    uint64_t deadline_ms; /* on the clock of uv_now */
    bool is_sent;         /* a byte of it may have reached the primary */
    bool is_repeated;
    unsigned start_count;
};

struct forwarder;

/* A forwarder of UV. PRIMARY outlives it. TIMEOUT_MS is for a request from forwarder_send on. */
struct forwarder *forwarder_open(uv_loop_t *uv, const struct primary *primary, uint64_t timeout_ms);

/* Takes FORWARD over until its `done`, which may be called before this returns. */
void forwarder_send(struct forwarder *forwarder, struct forward *forward);

/* Calls `done` of all that was sent, and closes its handles; accepts NULL. */
void forwarder_close(struct forwarder *forwarder);

#endif
