/*
 * A whole page: the parts of a route (definition.h), several collections for one key in one answer.
 *
 * Good for: one request in place of one a collection; each part is found by one descent.
 * Under the hood: the template is cut where another part begins; each run of it is a program over the
 * rows of one part (render.h). A document that is not there is null, its fields are absent values,
 * and rows that are not there are [], as routes of their own would answer them.
 * Memory: the caller's arena; a compiled page lives with its plan. Thread-safety: none, but what is
 * compiled is read-only.
 */
#ifndef VITRINE_SERVICE_PARTS_H
#define VITRINE_SERVICE_PARTS_H

#include <stdbool.h>

#include "service/render.h"
#include "service/route.h"

/* A stretch of the answer that concerns one part. */
struct parts_run {
    unsigned part;
    bool is_document; /* $NAME of a document: null when the key is not there */
    struct program program;
};

struct parts_program {
    struct parts_run *runs;
    unsigned run_count;
    struct program *rows; /* how part i renders a row */
    uint64_t *vectors;    /* bit k of i: the answer itself reads stored field k of part i */
};

/* The parts of a request, open. */
struct parts {
    const struct parts_program *program;
    struct part *all;
    unsigned count;
};

void parts_compile(struct parts_program *program, const struct route *route, struct arena *arena);

/*
 * Looks the key of ASK up in every part of ROUTE, the other parameters of which are read from MATCH and
 * QUERY. *MISSING is what to answer instead, when a part says so, or NULL. Errors: as page_open.
 */
MUST_CHECK enum err parts_open(const struct parts_program *program, const struct route *route,
                               const struct route_match *match, struct slice query,
                               const struct ask *ask, struct reader *reader, struct arena *arena,
                               struct parts *out, const struct failure **missing,
                               struct errmsg *msg);

/* The ETag of the answer (etag.h); SEED is that of the route. */
uint64_t parts_etag(const struct parts *parts, uint64_t seed);

/* Appends the answer. Errors: as page_read and program_run. */
MUST_CHECK enum err parts_append(const struct parts *parts, struct buffer *out, struct errmsg *msg);

#endif
