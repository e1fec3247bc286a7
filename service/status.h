/*
 * What the service knows of itself, for /readyz and /metrics: what is served, and what scrubbing found.
 *
 * Written by the thread that swaps and by the one that scrubs, a few times a second at most; read as a
 * whole, by copy. Nothing of it is on the way of a request.
 *
 * Lifetime: status_init, status_free. Thread-safety: any thread.
 */
#ifndef VITRINE_SERVICE_STATUS_H
#define VITRINE_SERVICE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/buffer.h"
#include "replica/scrub.h"
#include "service/plan.h"
#include "service/writes.h"

enum {
    STATUS_DAMAGES_MAX = 256,
    STATUS_FAILURES_MAX = 16,
    STATUS_PATH_MAX = 128,
    STATUS_NAME_MAX = 64,
    STATUS_EVENTS_MAX = 12,
};

/* What a collection of the release that is served holds. */
struct status_collection {
    char name[STATUS_NAME_MAX];
    uint64_t rows;
    uint64_t keys;
    uint64_t bytes; /* of its files */
};

/* A release that was served from then on, or refused. */
struct status_event {
    int64_t at_ms; /* the last time */
    char release[STATUS_NAME_MAX];
    bool is_refused;
    uint64_t times;       /* is_refused: in a row, for the same reason */
    struct errmsg reason; /* is_refused: why */
};

/* One damaged page of the release that is served. */
struct status_damage {
    char file[STATUS_PATH_MAX];
    struct scrub_damage damage;
    uint64_t pass; /* the one that found it last */
};

/* A damaged file of it that could not be repaired. */
struct status_failure {
    char file[STATUS_PATH_MAX];
    struct errmsg reason;
};

struct status_view {
    int64_t started_ms; /* since 1970, as all times here */
    bool is_serving;    /* a release is open */
    bool is_stopping;
    char release_name[RELEASE_NAME_MAX];
    uint64_t release_number;
    int64_t built_ms;
    char definition[STATUS_NAME_MAX];
    uint64_t swaps;    /* releases opened after the first */
    uint64_t refusals; /* tries to open one that failed */
    uint64_t scrubbed_pages;
    uint64_t scrubbed_bytes; /* read from the disk */
    uint64_t scrub_passes;   /* that came to their end */
    int64_t scrub_passed_ms; /* when the last of them did; 0: none */
    uint64_t repairs;
    uint64_t repair_failures;
    struct writes_view writes;
    struct status_collection collections[DEFINITION_COLLECTIONS_MAX];
    unsigned collection_count;
    struct status_event events[STATUS_EVENTS_MAX]; /* the last ones, the newest first */
    unsigned event_count;
    int64_t now_ms;        /* when this was looked at */
    int64_t max_age_ms;    /* beyond which data is too old; 0: any age will do */
    unsigned damage_count; /* beyond STATUS_DAMAGES_MAX they are logged only */
    struct status_damage damages[STATUS_DAMAGES_MAX];
    unsigned failure_count; /* beyond STATUS_FAILURES_MAX they are logged only */
    struct status_failure failures[STATUS_FAILURES_MAX];
};

struct status {
    uv_mutex_t lock;
    const struct writes *writes; /* looked at when somebody reads; NULL: there are none */
    const struct plan *plan;     /* compared, never followed */
    uint64_t pass;
    struct status_view view;
};

/*
 * NOW_MS is when the process began. With data older than MAX_AGE_MS no requests should be sent here; 0:
 * any age will do.
 */
void status_init(struct status *status, int64_t now_ms, int64_t max_age_ms);
void status_free(struct status *status);

/* A copy, as of NOW_MS; OUT is large, so best not on the stack. */
void status_read(struct status *status, int64_t now_ms, struct status_view *out);

/* WRITES are taken from now on; they stay open until nobody reads any more. */
void status_take_writes(struct status *status, const struct writes *writes);

/* PLAN is served from NOW_MS on; what was damaged in the one before is forgotten. */
void status_serve(struct status *status, const struct plan *plan, int64_t now_ms);

/* The release in DIR could not be opened. */
void status_refused(struct status *status, const char *dir, const struct errmsg *reason,
                    int64_t now_ms);

/* It is about to end: not ready from now on. */
void status_stop(struct status *status);

/* ---- scrubbing of PLAN; what it says of one that is served no longer is dropped ---- */

void status_pass_begins(struct status *status, const struct plan *plan);
void status_scrubbed(struct status *status, uint64_t pages, uint64_t read_bytes);

/* True when this is the first time that the damage is seen. */
bool status_damaged(struct status *status, const struct plan *plan,
                    const struct manifest_file *file, const struct scrub_damage *damage);

/* Whether damage of FILE is known. */
bool status_is_damaged(struct status *status, const struct plan *plan,
                       const struct manifest_file *file);

void status_repaired(struct status *status, const struct plan *plan,
                     const struct manifest_file *file);

/* True when it failed for this reason for the first time in a row. */
bool status_repair_failed(struct status *status, const struct plan *plan,
                          const struct manifest_file *file, const struct errmsg *reason);

/* Whether a file of PLAN could not be repaired when that was tried last. */
bool status_has_failure(struct status *status, const struct plan *plan);

/*
 * The pass came to its end, at NOW_MS; one that is not FULL looked at damaged files only. True when a
 * page that was damaged was not found damaged again: the file has been replaced, and the release is to
 * be opened again to see it.
 */
bool status_pass_ends(struct status *status, const struct plan *plan, bool full, int64_t now_ms);

/* Appends what does not work although requests should be sent here, one thing a line. */
void status_remarks(const struct status_view *view, struct buffer *out);

/* Appends why no requests should be sent here, one reason a line; nothing when they should. */
void status_reasons(const struct status_view *view, struct buffer *out);

#endif
