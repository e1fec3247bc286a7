/*
 * How a loop comes to serve another release without a pause: the readers of the new one are opened,
 * and those of the old one closed, by a thread of the pool; the loop exchanges two pointers.
 *
 *   IDLE --offered--> OPENING --opened--> on_served, CLOSING what it gave back --> IDLE
 *                     OPENING --failed--> IDLE: offered again; the loop goes on with what it has
 *
 * An offer that comes in between replaces one that has not been taken up: only the newest counts.
 *
 * Lifetime: changeover_init; changeover_close when the uv loop has ended.
 * Thread-safety: changeover_offer from any thread; the rest on the thread of the uv loop.
 */
#ifndef VITRINE_SERVICE_CHANGEOVER_H
#define VITRINE_SERVICE_CHANGEOVER_H

#include <stdatomic.h>
#include <stdbool.h>

#include <uv.h>

#include "base/err.h"
#include "service/plan.h"
#include "service/served.h"

struct changeover {
    /* Takes SERVED, and leaves there what was served before. */
    void (*on_served)(void *context, struct served *served);
    void *context;
    uv_loop_t *uv;
    _Atomic(struct plan *) offered; /* one reference, or NULL */
    uv_work_t work;
    bool is_at_work;      /* the pool alone touches the members below */
    struct plan *plan;    /* OPENING: one reference */
    struct served served; /* the next, then the one before */
    enum err rc;
    struct errmsg msg;
    bool has_failed; /* the last one could not be opened, which was told */
};

/* The members that the caller fills are on_served, context and uv. */
void changeover_init(struct changeover *changeover);

/*
 * Takes over the caller's reference. changeover_look must follow, on the other thread. NULL takes back
 * what was offered and not taken up.
 */
void changeover_offer(struct changeover *changeover, struct plan *plan);

/*
 * Takes up what was offered, unless it is at work already and will look then. To be called again and
 * again: what could not be opened, perhaps for want of descriptors, is tried again then.
 */
void changeover_look(struct changeover *changeover);

/* Drops what was offered and not taken up. */
void changeover_close(struct changeover *changeover);

#endif
