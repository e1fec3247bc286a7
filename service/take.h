/*
 * The values that an action takes out of a request: path segments, query, cookies and the JSON
 * object in its body, checked by their rules.
 *
 * In a body types are those of JSON: "5" is no integer, 5.0 is none either. Elsewhere a value is
 * text and is read as what it should be. A member that is null counts as absent. A timestamp is ISO
 * 8601 text or milliseconds since 1970 as an integer.
 * Good for: bodies up to HTTP_BODY_MAX. Depth and number of values are bounded before the body is
 * parsed, so that a small body cannot become a large tree; what the parser needs for
 * TAKE_VALUES_MAX, a few MiB, is given back before take_read returns.
 * Memory: what is taken is copied to the caller's arena, so that it outlives the request; fallbacks
 * and failures are those of the definition.
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_TAKE_H
#define VITRINE_SERVICE_TAKE_H

#include <stdbool.h>

#include "base/arena.h"
#include "definition/definition.h"
#include "service/http.h"
#include "service/route.h"
#include "source/writer.h"

enum {
    TAKE_VALUES_MAX = 40000, /* of a body, members and items at every depth */
    TAKE_DEPTH_MAX = 32,     /* objects and lists within each other */
};

struct taken {
    struct value *values;      /* by take: TAKE_ONE; otherwise VALUE_NULL */
    struct write_items *items; /* by take: lists and maps */
    struct slice session;      /* the token that the client sent; empty when it sent none */
    struct slice set_cookie;   /* the header line, with its end and a NUL, of a token that was made;
                                  empty when none was */
    const struct failure *failure; /* why it is refused: that of the take, or that of the action */
};

/*
 * Reads the values of REQUEST, whose path matched ROUTE (with an action) as MATCH says and whose
 * query is QUERY, still encoded. False: OUT->failure is the answer; the first take that fails says
 * which.
 */
bool take_read(const struct route *route, const struct request *request,
               const struct route_match *match, struct slice query, struct arena *arena,
               struct taken *out);

#endif
