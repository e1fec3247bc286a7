/*
 * Memory that clients hold: answers that they have not taken, and requests that they have not ended.
 *
 * Good for: a bound for all connections together. Each has bounds of its own, but ten thousand times
 * those are more than a machine has. Beyond the bound, connections are closed that hold much, and for
 * long: a client that takes a large answer as fast as it can holds it for a moment.
 * Under the hood: one count for all loops. A loop closes connections of its own only, and only when it
 * holds more than an even share of the bound: when the bound is passed, at least one loop does. That one
 * may see it a tick later, so for that long there can be twice as much.
 * Thread-safety: `bytes` is written by all loops; the functions belong to the thread of the connection.
 */
#ifndef VITRINE_SERVICE_HELD_H
#define VITRINE_SERVICE_HELD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct connection;
struct loop;

struct held {
    size_t most; /* bytes, of all loops together */
    unsigned loop_count;
    atomic_size_t bytes;
};

/* Counts what CONNECTION holds; to be called when any of it has changed. */
void held_note(struct connection *connection);

/* The same; when it is more than before, it may have become too much, and CONNECTION may be closed. */
void held_look(struct connection *connection);

/* CONNECTION is being closed; what it held is free when held_leave is called. */
void held_close(struct connection *connection);
void held_leave(struct connection *connection);

/*
 * Whether LOOP had better answer nobody until connections that are being closed are gone: their memory is
 * free at the end of this turn, and as many requests may be answered until then as there are connections.
 */
bool held_is_full(const struct loop *loop);

/*
 * Closes connections of LOOP when there is too much: those first that hold the most bytes times the time
 * that they have held any. Then there is an eighth less than the bound, so that this is not done for
 * every answer.
 */
void held_check(struct loop *loop);

#endif
