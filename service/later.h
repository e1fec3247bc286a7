/*
 * An answer that comes later: what it waits for is done by another thread.
 *
 *   the loop's thread                            another thread
 *   request() returns it  ---- at work ---->     later_queue_add(queue, later)
 *   answer(later, out)    <--------------------- (or on the loop's own thread)
 *
 * The client may go away meanwhile: its connection lets go of it (later_forget), and whatever was
 * begun goes on, for nobody; what only reads may look at `is_forgotten` and do without.
 *
 * Ownership: embedded in what is at work, which belongs to whoever works on it until later_queue_add, and
 * from then on to the loop, until `answer`, where it frees itself.
 * Thread-safety: `connection` and `keep_alive` belong to the loop's thread, `next` to the queue;
 * `is_forgotten` may be read by any.
 */
#ifndef VITRINE_SERVICE_LATER_H
#define VITRINE_SERVICE_LATER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "base/buffer.h"
#include "service/meter.h"

struct access_kept;
struct connection;

struct later {
    struct connection *connection; /* that waits for it, or NULL */
    bool keep_alive;               /* it stays open after the answer; set before `answer` */
    atomic_bool is_forgotten;      /* nobody waits any more */
    struct later *next;
    struct meter_mark mark;   /* the loop's, as the next */
    struct access_kept *kept; /* NULL: no line is wanted */
    /* Once: appends the answer to OUT, unless OUT is NULL, for nobody waits; then frees itself. */
    void (*answer)(struct later *later, struct buffer *out);
};

static inline void later_forget(struct later *later)
{
    later->connection = NULL;
    atomic_store_explicit(&later->is_forgotten, true, memory_order_relaxed);
}

/* Those that are ready, on their way to the loop's thread, the first first. */
struct later_queue {
    uv_mutex_t lock;
    uv_async_t *wake; /* of the loop, or NULL: nobody is woken any more */
    struct later *first;
    struct later *last;
};

void later_queue_init(struct later_queue *queue, uv_async_t *wake);
void later_queue_free(struct later_queue *queue);

/* Any thread. */
void later_queue_add(struct later_queue *queue, struct later *later);

/* All of them, linked by `next`, or NULL. */
struct later *later_queue_take(struct later_queue *queue);

/* The loop's handles are about to be closed. */
void later_queue_mute(struct later_queue *queue);

#endif
