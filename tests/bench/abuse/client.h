/*
 * client: many connections that ask too much, or too slowly, of a server.
 *
 * - FUZZ: each connection sends a few mutated requests (mutate.h) in one go or two, ends its side, and reads
 *   to the end; then another one is opened, until there were enough answers.
 * - SEND: each connection sends the same bytes over and over as fast as they are taken.
 * - DRIP: each connection sends those bytes one by one, one a tick.
 * - HOLD: each connection sends them once and reads a few bytes a tick, or none.
 *
 * A connection that ends is opened again at the next tick. One thread; ends with client_run.
 */
#ifndef VITRINE_BENCH_ABUSE_CLIENT_H
#define VITRINE_BENCH_ABUSE_CLIENT_H

#include <netinet/in.h>
#include <stdint.h>

#include "statuses.h"

enum abuse_mode { ABUSE_FUZZ, ABUSE_SEND, ABUSE_DRIP, ABUSE_HOLD };

struct abuse_options {
    struct sockaddr_in address;
    enum abuse_mode mode;
    unsigned connections;
    double seconds;    /* at most */
    double tick;       /* seconds, of DRIP and HOLD */
    unsigned take;     /* HOLD: bytes read a tick */
    uint64_t answers;  /* FUZZ: so many and no more */
    uint64_t seed;     /* FUZZ */
    const char *bytes; /* of the other modes; may be none of HOLD */
    size_t bytes_len;
};

struct abuse_result {
    uint64_t opened;
    uint64_t ended;    /* by the server, or broken */
    uint64_t open_max; /* at a time */
    uint64_t requests; /* FUZZ: sent */
    uint64_t sent;     /* bytes */
    uint64_t received;
    double seconds;
    struct statuses statuses;
};

/* Runs to the end, or until client_stop. Ends the program when nobody listens. */
void client_run(const struct abuse_options *options, struct abuse_result *result);

/* Ends a run soon; may be called by a signal handler. */
void client_stop(void);

#endif
