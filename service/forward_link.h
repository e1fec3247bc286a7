/*
 * Inside of forwarding: the connections of a forwarder, and what they and its queue share.
 *
 * forward_link.c is one connection: how it is connected, used, lost and closed. forward.c is the
 * queue, the pool and time. The states are drawn in forward.h.
 */
#ifndef VITRINE_SERVICE_FORWARD_LINK_H
#define VITRINE_SERVICE_FORWARD_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "service/forward.h"

enum {
    FORWARD_INPUT_SIZE = 64 << 10,
    FORWARD_ADDRESSES_MAX = 8, /* of the host; further ones are not tried */
};

enum link_state { LINK_CONNECTING, LINK_IDLE, LINK_BUSY, LINK_CLOSING };

/* One connection to the primary. It frees itself in its close callback. */
struct link {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct forwarder *forwarder;
    struct link *previous; /* in the forwarder's list */
    struct link *next;
    enum link_state state;
    struct forward *forward; /* BUSY */
    uint64_t deadline_ms;    /* CONNECTING and IDLE */
    unsigned address;        /* CONNECTING: the one that is tried */
    unsigned tries;          /* CONNECTING: how many were tried before */
    bool is_writing;
};

struct forwarder {
    uv_loop_t *uv;
    uv_timer_t tick;
    uv_getaddrinfo_t resolve;
    const struct primary *primary;
    uint64_t timeout_ms;
    struct sockaddr_storage addresses[FORWARD_ADDRESSES_MAX];
    unsigned address_count;
    unsigned address_preferred; /* that was connected to last */
    uint64_t resolved_ms;
    bool is_resolving;
    bool is_closing;
    bool is_tick_closed;
    uint64_t logged_ms;
    struct link *links; /* all of them, that was idle last first */
    unsigned link_count;
    unsigned connecting_count;
    struct forward *first; /* those that wait for a connection */
    struct forward *last;
    unsigned waiting_count;
    size_t bytes; /* of all requests that are not answered yet */
    char input[FORWARD_INPUT_SIZE];
};

/* ---- forward_link.c ---- */

/* Connects to the address of that number by DEADLINE_MS, after so many TRIES of others. */
void forward_link_connect(struct forwarder *forwarder, unsigned address, unsigned tries,
                          uint64_t deadline_ms);

/* Sends FORWARD. False when the connection turned out to have ended before a byte was sent. */
bool forward_link_start(struct link *link, struct forward *forward);

/* Its place is free at once; its memory is, when the loop has closed the handle. */
void forward_link_close(struct link *link);

/* Ends what takes too long. */
void forward_link_check_time(struct link *link, uint64_t now_ms);

/* ---- forward.c ---- */

/* Sends what waits, as far as there are connections. */
void forwarder_pump(struct forwarder *forwarder);

/* FORWARD is the next to be sent. */
void forwarder_requeue(struct forwarder *forwarder, struct forward *forward);

void forwarder_finish(struct forwarder *forwarder, struct forward *forward,
                      enum forward_outcome outcome);

/* Without a whole answer: what is known of it depends on whether it was sent. */
void forwarder_fail(struct forwarder *forwarder, struct forward *forward);

/* The primary cannot be reached: all that waits fails now, better a quick 503 than a slow one. */
void forwarder_give_up(struct forwarder *forwarder, const char *reason);

/* A connection is gone. */
void forwarder_check_closed(struct forwarder *forwarder);

#endif
