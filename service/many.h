/*
 * Many keys in one request: "?ids=1,2,3", each answered as by a route of one key.
 *
 * Good for: what a list of things shows of each of them. A key that is asked for several times is
 * answered once, at its first place; one that is not there is left out of an object and null in a list.
 * Memory: the keys live in the caller's arena; what is read of each key lives in the arena for rows,
 * which is reset for the next one.
 * Thread-safety: none.
 */
#ifndef VITRINE_SERVICE_MANY_H
#define VITRINE_SERVICE_MANY_H

#include "service/page.h"
#include "service/route.h"

struct many_key {
    struct key key;
    struct slice text; /* as it was asked for, decoded */
};

struct many {
    struct slice text;     /* all of them, as they were asked for */
    struct many_key *keys; /* no two are equal */
    unsigned count;
};

/*
 * Reads the keys of ROUTE from QUERY. What is to be answered instead when they are too many or one of them
 * is no key, otherwise NULL. A comma separates keys; encoded (%2C) it does so between integers, and
 * belongs to a key that is a text.
 */
const struct failure *many_read(const struct route *route, struct slice query, struct arena *arena,
                                struct many *out);

/*
 * Appends the answers to MANY, an object or a list, each by PROGRAM, and sets `shown` of PAGE, which has
 * the reader, route, row program and row arena; ASK has the order, page and count. Errors: as page_open,
 * page_read and program_run.
 */
MUST_CHECK enum err many_append(const struct many *many, const struct program *program,
                                struct page *page, const struct ask *ask, struct buffer *out,
                                struct errmsg *msg);

#endif
