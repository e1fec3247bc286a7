/*
 * Notices that ROOT/current leads to another release, and opens it.
 *
 *   WATCHING --link changed, time to try again, swap_reload--> OPENING (a thread of the pool)
 *   OPENING --opened--> WATCHING
 *   WATCHING --swap_reopen--> OPENING what is served already
 *   OPENING --failed--> WATCHING, and tries again after SWAP_RETRY_MS, twice that, ...
 *
 * The folder of the root is watched (inotify); the link is looked at every SWAP_POLL_MS besides. A
 * release that cannot be opened or verified is logged, once for each reason; a damaged one is
 * remembered in the root as refused, until it is opened after all. What is served stays as it was.
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

enum {
    SWAP_POLL_MS = 5000,
    SWAP_POLL_UNWATCHED_MS = 500, /* for file systems that tell nothing */
    SWAP_RETRY_MS = 1000,
    SWAP_RETRY_MAX_MS = 300000,
};

struct swap {
    const char *root;
    struct release_check check; /* what a release must pass to be served */
    /* A release was opened; the callee gets the reference. */
    void (*on_plan)(void *context, struct plan *plan);
    void (*on_refused)(void *context); /* or it could not be */
    void *context;
    uv_fs_event_t event;
    uv_timer_t poll;
    uv_work_t work;
    uint64_t poll_ms;
    bool is_missing;                  /* the link was gone at the last look */
    bool is_asked;                    /* swap_reload was called while a release was being opened */
    uint64_t retry_ms;                /* how long the next failure is waited for */
    uint64_t retry_at_ms;             /* has_failed: on the clock of uv_now */
    bool is_opening;                  /* `work` is under way; it alone touches the members below */
    char *seen;                       /* the folder that was tried last, owned */
    const char *target;               /* what is being opened: `seen` or `reopened` */
    char *reopened;                   /* a folder to open again, owned, or NULL */
    bool has_failed;                  /* it could not be opened */
    char said[sizeof(struct errmsg)]; /* why, as it was logged last */
    struct plan *plan;
    enum err rc;
    struct errmsg msg;
};

/* SEEN is the folder that is served already; it is copied. The members that the caller
 * fills point to what must outlive the swap. */
MUST_CHECK enum err swap_start(struct swap *swap, uv_loop_t *loop, const char *seen,
                               struct errmsg *msg);

/*
 * Opens the release in DIR again, which is served: files of it have been replaced. Dropped when another
 * release is opened in the meantime. When it fails, what is served stays; that is logged.
 */
void swap_reopen(struct swap *swap, const char *dir);

/* Looks at the link at once, and tries again what has failed. */
void swap_reload(struct swap *swap);

/*
 * Stops watching. True when a release is still being opened, which can take long and cannot be
 * interrupted; the loop then runs until it is done.
 */
bool swap_stop(struct swap *swap);

/* After the loop has ended. */
void swap_free(struct swap *swap);

#endif
