/*
 * A plan is a release made ready to be served: its route table and its templates, compiled once and
 * shared by all loops.
 *
 * Lifetime: counted; plan_open gives the first reference, the last plan_drop frees it and drops the
 * release.
 * Thread-safety: read-only once open; any thread may hold and drop references.
 */
#ifndef VITRINE_SERVICE_PLAN_H
#define VITRINE_SERVICE_PLAN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "replica/release.h"
#include "service/parts.h"
#include "service/render.h"
#include "service/route.h"

struct plan {
    struct arena arena;
    struct release *release;
    struct route_table *routes;
    struct program *rows;        /* how route i renders a row */
    struct program *answers;     /* how route i renders its answer; of many keys: that of one */
    struct parts_program *parts; /* how route i renders its parts, when it has some */
    struct slice *caches;        /* what route i says to caches: a header line */
    uint64_t *etag_seeds;        /* of route i: etag.h */
    char release_name[RELEASE_NAME_MAX];
    atomic_int references;
};

/* Opens the release in DIR, which must pass CHECK, and compiles it. Errors: as release_open. */
MUST_CHECK enum err plan_open(const char *dir, const struct release_check *check, struct plan **out,
                              struct errmsg *msg);
struct plan *plan_hold(struct plan *plan);
void plan_drop(struct plan *plan); /* accepts NULL */

#endif
