/*
 * client: sends a mix of requests over keep-alive connections and tallies what comes back.
 *
 * One request at a time on each connection, no pipelining, no retries. Two ways:
 *
 * - Closed loop (no rate): each connection sends its next request when it has the answer to the last.
 *   This finds the highest rate that a server sustains; its latencies are those at that rate.
 * - Open loop: requests are due at instants that are fixed in advance (schedule.h). One that finds
 *   every connection busy waits, and its latency counts from the instant that it was due, not from
 *   when it was sent. When the server stops for a while, all requests that were due meanwhile are
 *   slow, as they would be for visitors, who do not wait for each other. A generator that counts from
 *   sending leaves them out: Gil Tene calls this coordinated omission, and counting from the intended
 *   start is what his wrk2 does about it ("How NOT to Measure Latency", 2013).
 *
 *            assign                    opened                  answered
 *   CLOSED ---------> OPENING or BUSY -------> BUSY ---------------------> IDLE (or CLOSED)
 *                          | failed              | cut, time-out, ...      | closed by the server
 *                          +---> CLOSED <--------+-------------------------+
 *
 * One thread. The tally is the caller's; everything else ends with client_free.
 */
#ifndef VITRINE_BENCH_LOAD_CLIENT_H
#define VITRINE_BENCH_LOAD_CLIENT_H

#include <netinet/in.h>

#include "tally.h"

enum { CLIENT_CONNECTIONS_MAX = 4096 };

struct client_options {
    struct sockaddr_in address;
    unsigned connections;
    double seconds;        /* above 0 */
    uint64_t requests_max; /* 0: no such bound */
    double rate;           /* requests a second; 0: a closed loop */
    double timeout;        /* seconds from sending to the end of an answer */
    bool is_fresh; /* a connection of its own for each request; opening it is latency, too */
};

struct client;

/*
 * Opens all connections, unless each request has its own; ends the program when nobody listens.
 * Borrows MIX and TALLY.
 */
struct client *client_open(const struct client_options *options, struct mix *mix,
                           struct tally *tally);

/* Runs to the end, or until client_stop; returns seconds. An open loop waits for what is under way. */
double client_run(struct client *client);

/* Ends a run soon: nothing more becomes due. May be called by a signal handler. */
void client_stop(void);

void client_free(struct client *client);

#endif
