/*
 * One client connection: bytes in, requests answered in their order, bytes out.
 *
 *              request, answer
 *               +----------+          request
 *               v          |  +-------------------> WAITING
 *   open -->  READING -----+--+                        |
 *               ^ ^ |   answer came                    |
 *               | | | <--------------------------------+
 *               | | |                                  |
 *       drained | | |  answers wait beyond the limit,  |
 *               | | |  or bytes were left unparsed     |
 *               | | +----------------------> BLOCKED   |
 *               +-------------------------------+ |    |
 *                   |                             |    |
 *                   | last answer, refused        |    | last answer
 *                   v                             |    |
 *               FINISHING  <----------------------+----+
 *                   |      writes end, shutdown, what still comes is dropped
 *                   v
 *               CLOSING --> freed in the close callback
 *
 * READING    requests are read and answered; answers may be on their way out.
 * WAITING    the answer to the last request that was read comes later (later.h). Bytes behind it are
 *            kept unparsed, those of one read at most, so that answers stay in order.
 * BLOCKED    nothing is read until the answers that wait are written, or the others had their turn.
 * FINISHING  the last answer is on its way. Closing at once would reset the connection while the
 *            client still sends, and it could lose that answer; so we end our side first.
 *            A request that is cut by a time-out is answered with 408 in this way.
 * CLOSING    uv_close was called. Any state may go here, by a time-out or a broken connection; WAITING
 *            only by the latter, or when the loop stops: what it waits for has a time-out of its own.
 *
 * Ownership: a connection frees itself, in the callback of its only handle. Its loop keeps a list.
 * Thread-safety: none; a connection belongs to its loop's thread.
 */
#ifndef VITRINE_SERVICE_CONNECTION_H
#define VITRINE_SERVICE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "service/address.h"
#include "service/http.h"
#include "service/unread.h"

enum {
    CONNECTION_QUEUED_MAX = 1 << 20,  /* bytes of answers that wait before reading stops */
    CONNECTION_TURN_MAX = 32,         /* requests that are answered before others have their turn */
    CONNECTION_DROPPED_MAX = 2 << 20, /* bytes that come after the last answer */
    CONNECTION_FRESH_MS = 500,        /* for the first byte, once the loop stops */
    CONNECTION_LINGER_MS = 2000,      /* for the client to end its side, after the last answer */
};

enum connection_state {
    CONNECTION_READING,
    CONNECTION_WAITING,
    CONNECTION_BLOCKED,
    CONNECTION_FINISHING,
    CONNECTION_CLOSING,
};

struct loop;

struct connection {
    uv_tcp_t tcp;
    uv_shutdown_t shutdown;
    struct loop *loop;
    struct connection *previous; /* in the loop's list */
    struct connection *next;
    enum connection_state state;
    struct http http;
    enum http_stage timed_stage; /* the stage that `deadline_ms` is for */
    uint64_t member;             /* of the crowd */
    uint64_t deadline_ms;        /* on the clock of uv_now */
    size_t queued_seen;          /* bytes to be written at the last look */
    size_t unsent;               /* bytes of memory that answers take which are not written yet */
    size_t held;                 /* of them and of requests: held.h */
    size_t dropped;              /* FINISHING: bytes */
    size_t leaving;              /* CLOSING: what it held */
    unsigned turn;               /* of the loop, that it was answered in last */
    unsigned turn_answers;       /* in that turn */
    uint64_t held_since_ms;      /* held > 0: since when it was; on the clock of uv_now */
    struct later *later;         /* WAITING: what the answer comes from */
    struct unread unread;
    bool is_fresh;     /* nothing has come yet */
    bool has_answered; /* since the deadline was set */
    bool peer_ended;   /* the client sends no more */
    bool has_ended;    /* FINISHING: everything is written, and our side is ended */
};

/*
 * Takes the connection FD into the loop's list, which MEMBER of the crowd it is going with it. False when
 * it could not be taken; then both are still the caller's.
 */
bool connection_accept(struct loop *loop, int fd, uint64_t member);

/* WAITING: what it waits for is ready; has it answer, and goes on. */
void connection_answer_later(struct connection *connection);

/* The address at its other end; false when it is gone. */
bool connection_peer(const struct connection *connection, struct address *out);

/* What it is at, as it is counted; as of the last connection_check_time. */
enum meter_state connection_state(const struct connection *connection);

/* Ends the connection now; may be called any number of times. */
void connection_close(struct connection *connection);

/* The loop stops: ends the connection at once, or after the request that it is in the middle of. */
void connection_stop(struct connection *connection);

/* Ends the connection when its time is over; called for each about once a second. */
void connection_check_time(struct connection *connection);

#endif
