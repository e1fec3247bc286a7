/*
 * Notices that ROOT/current leads to another release, and opens it.
 *
 *   WATCHING --link changed--> OPENING (a thread of the pool) --> WATCHING
 *
 * A release that cannot be opened or verified is logged, with its reason, and not tried again until
 * the link changes; what is served stays as it was.
 *
 * Lifetime: swap_start, then swap_stop, whose handles are closed when the uv loop has run again.
 * Thread-safety: belongs to the thread of its uv loop, where on_plan is called too.
 */
#ifndef VITRINE_SERVICE_SWAP_H
#define VITRINE_SERVICE_SWAP_H

#include <stdbool.h>

#include <uv.h>

#include "base/err.h"
#include "service/plan.h"

enum { SWAP_POLL_MS = 500 }; /* for file systems that tell nothing */

struct swap {
    const char *root;
    bool verify;
    /* A release was opened; the callee gets the reference. */
    void (*on_plan)(void *context, struct plan *plan);
    void *context;
    uv_fs_event_t event;
    uv_timer_t poll;
    uv_work_t work;
    char *seen;      /* the folder that was tried last, owned */
    bool is_opening; /* `work` is under way; it alone touches the members below */
    bool is_missing; /* the link was gone at the last look */
    struct plan *plan;
    enum err rc;
    struct errmsg msg;
};

/* SEEN is the folder that is served already; it is copied. ROOT must outlive the swap. */
MUST_CHECK enum err swap_start(struct swap *swap, uv_loop_t *loop, const char *seen,
                               struct errmsg *msg);

/*
 * Stops watching. True when a release is still being opened, which can take long and cannot be
 * interrupted; the loop then runs until it is done.
 */
bool swap_stop(struct swap *swap);

/* After the loop has ended. */
void swap_free(struct swap *swap);

#endif
