/*
 * What must hold of a release before it is published, as the definition says it under `checks:`.
 *
 *   empty     a collection has a key
 *   shrink    it has not lost more keys or rows since the last release than a percentage
 *   growth    nor gained more
 *   requests  golden requests: what the service answers to them is what the definition expects
 *
 * Lifetime and thread rule: those of the definition (definition.h), in whose arena they live.
 */
#ifndef VITRINE_DEFINITION_CHECKS_H
#define VITRINE_DEFINITION_CHECKS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { CHECK_FAILURES_MAX = 4 << 20 }; /* bytes of what is said when everything fails */

enum check { CHECK_EMPTY, CHECK_SHRINK, CHECK_GROWTH, CHECK_REQUESTS, CHECK_COUNT };

/* As the definition and the command line call it: "shrink". */
static inline const char *check_name(enum check check)
{
    static const char *const names[CHECK_COUNT] = {
        [CHECK_EMPTY] = "empty",
        [CHECK_SHRINK] = "shrink",
        [CHECK_GROWTH] = "growth",
        [CHECK_REQUESTS] = "requests",
    };

    return names[check];
}

#define CHECK_ANY UINT_MAX /* instead of a percentage: as much as there may be */

/* How many keys and rows a collection may have. */
struct count_limits {
    bool accepts_empty;
    unsigned shrink_percent; /* fewer than the last release, or CHECK_ANY */
    unsigned growth_percent; /* more than the last release, or CHECK_ANY */
    int64_t small;           /* the last release's count is compared from here on */
};

enum expectation_kind {
    EXPECT_ANY,        /* $any */
    EXPECT_NUMBER,     /* $number */
    EXPECT_TEXT,       /* $text */
    EXPECT_BOOLEAN,    /* $boolean */
    EXPECT_LIST,       /* $list */
    EXPECT_OBJECT,     /* $object */
    EXPECT_VALUE,      /* the scalar in `json` */
    EXPECT_MEMBERS,    /* an object that has at least the members `names`, each as in `items` */
    EXPECT_ITEMS,      /* a list of exactly these `items` */
    EXPECT_CONDITIONS, /* {$least: 1, $each: ...} */
};

/* What a JSON value, or a part of one, must be. */
struct expectation {
    enum expectation_kind kind;
    struct slice json;         /* EXPECT_VALUE */
    struct slice *names;       /* EXPECT_MEMBERS */
    struct expectation *items; /* EXPECT_MEMBERS and EXPECT_ITEMS */
    unsigned count;            /* of `items` */
    int64_t least;             /* EXPECT_CONDITIONS: a number, or the items of a list */
    int64_t most;
    struct expectation *each; /* EXPECT_CONDITIONS: of every item of a list, or NULL */
    struct expectation *some; /* EXPECT_CONDITIONS: of one item at least, or NULL */
};

/* A request, and the answer that it must have. */
struct golden {
    struct slice target; /* "/loans?branch=north" */
    unsigned line;       /* of the definition */
    unsigned status;
    struct expectation *expect; /* of the body as JSON, or NULL */
    bool has_text;
    struct slice text; /* has_text: the whole body */
};

struct checks {
    struct count_limits limits; /* of collections that say nothing else */
    struct golden *requests;
    unsigned request_count;
};

#endif
