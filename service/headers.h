/*
 * The headers of a request that somebody here reads; all others are only counted.
 *
 * Good for: the parser, which asks once a header line; most lines are told apart by two bit masks.
 * Another header is another line of the table.
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_HEADERS_H
#define VITRINE_SERVICE_HEADERS_H

#include "base/slice.h"

/*
 * Its constant, its name in lower case, and what several lines of it are joined with, in their order.
 * NULL: it has one value, and lines that differ are a bad request.
 */
#define REQUEST_HEADER_TABLE(X)                                                                    \
    X(HEADER_CONTENT_TYPE, "content-type", NULL)                                                   \
    X(HEADER_COOKIE, "cookie", "; ")                                                               \
    X(HEADER_EXPECT, "expect", ", ")                                                               \
    X(HEADER_IDEMPOTENCY_KEY, "idempotency-key", NULL)                                             \
    X(HEADER_VITRINE_FORWARDED, "vitrine-forwarded", ", ")                                         \
    X(HEADER_X_FORWARDED_FOR, "x-forwarded-for", ", ")

#define REQUEST_HEADER_CONSTANT(constant, name, join) constant,
enum request_header { REQUEST_HEADER_TABLE(REQUEST_HEADER_CONSTANT) REQUEST_HEADERS };
#undef REQUEST_HEADER_CONSTANT

/* Which header NAME is, in whatever case, or -1. */
int header_find(struct slice name);

/* What lines of it are joined with, or NULL. */
const char *header_join(enum request_header header);

#endif
