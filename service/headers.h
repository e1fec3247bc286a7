/*
 * The headers of a request that somebody here reads; all others are only counted.
 *
 * Good for: the parser, which asks once a header line; most lines are told apart by a bit mask and a
 * letter.
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
    X(HEADER_ACCEPT_ENCODING, "accept-encoding", ", ")                                             \
    X(HEADER_CONTENT_TYPE, "content-type", NULL)                                                   \
    X(HEADER_COOKIE, "cookie", "; ")                                                               \
    X(HEADER_EXPECT, "expect", NULL)                                                               \
    X(HEADER_IDEMPOTENCY_KEY, "idempotency-key", NULL)                                             \
    X(HEADER_IF_NONE_MATCH, "if-none-match", ", ")                                                 \
    X(HEADER_TRANSFER_ENCODING, "transfer-encoding", ", ")                                         \
    X(HEADER_VITRINE_FORWARDED, "vitrine-forwarded", ", ")                                         \
    X(HEADER_X_FORWARDED_FOR, "x-forwarded-for", ", ")                                             \
    X(HEADER_X_REQUEST_ID, "x-request-id", ", ")

#define REQUEST_HEADER_CONSTANT(constant, name, join) constant,
enum request_header { REQUEST_HEADER_TABLE(REQUEST_HEADER_CONSTANT) REQUEST_HEADERS };
#undef REQUEST_HEADER_CONSTANT

/* Every request has it and nobody reads what it says: that it came is all that is kept of it. */
enum { HEADER_HOST = REQUEST_HEADERS };

/* Which header NAME is, in whatever case, or -1. */
int header_find(struct slice name);

/* What lines of it are joined with, or NULL. */
const char *header_join(enum request_header header);

#endif
