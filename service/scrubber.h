/*
 * Scrubs the release that is served, in the background, and mends it where it can.
 *
 *   IDLE --a release is served, its time has come, scrubber_hurry--> SCRUBBING, a step at a time
 *   SCRUBBING --every file was read--> IDLE, for every_ms
 *   SCRUBBING or IDLE --another release is served--> SCRUBBING of that one, from its beginning
 *   SCRUBBING --damage, and there is a source--> REPAIRING the file --> SCRUBBING
 *
 * A damaged page is logged once and noted in the status. A pass after which the files on the disk are
 * better than those that are open (mended here, or replaced by somebody else) ends with on_mended: the release
 * is to be opened again. A repair that failed is logged once for each reason and noted, too; it is tried
 * again after SCRUB_RETRY_MS, twice that, and so on up to SCRUB_RETRY_MAX_MS, each time with a pass over
 * the damaged files only. An order begins that anew.
 *
 * It has one thread, of the lowest priority for processor and disk, which reads no more than
 * bytes_per_second from the disk.
 *
 * Lifetime: scrubber_start, scrubber_stop, scrubber_free.
 * Thread-safety: belongs to the thread that started it; on_mended is called on its own.
 */
#ifndef VITRINE_SERVICE_SCRUBBER_H
#define VITRINE_SERVICE_SCRUBBER_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/err.h"
#include "replica/repair.h"
#include "service/plan.h"
#include "service/status.h"

enum { SCRUB_RETRY_MS = 1000, SCRUB_RETRY_MAX_MS = 300000 };

struct scrubber {
    uint64_t bytes_per_second;          /* 0: nothing is ever scrubbed */
    int64_t every_ms;                   /* from the end of a pass to the next one */
    const struct repair_source *repair; /* or NULL */
    struct status *status;
    void (*on_mended)(void *context, const struct plan *plan);
    void *context;
    uv_thread_t thread;
    bool has_thread;
    uv_mutex_t lock; /* for what follows */
    uv_cond_t changed;
    struct plan *plan; /* to be scrubbed, one reference */
    uint64_t orders;   /* counts what was asked for */
    bool is_stopping;
    bool is_repairing;
};

/* The members above `thread` are filled by the caller. */
MUST_CHECK enum err scrubber_start(struct scrubber *scrubber, struct errmsg *msg);

/* PLAN is served from now on. */
void scrubber_serve(struct scrubber *scrubber, struct plan *plan);

/* Begins a pass at once. */
void scrubber_hurry(struct scrubber *scrubber);

/*
 * Ends the thread, after the step that it is at. False when it is in the middle of a repair, which can
 * take long; a repair may be killed at any moment.
 */
bool scrubber_stop(struct scrubber *scrubber);

/* After scrubber_stop said true, or when it was never started. */
void scrubber_free(struct scrubber *scrubber);

#endif
