/*
 * The checks of a complete release before it is published: its counts against those of the last
 * release, and the definition's golden requests (definition/checks.h).
 *
 * Null and double keys need no check here: the rows with them do not become a release
 * (builder/keys.c, builder/stream.c).
 */
#ifndef VITRINE_BUILDER_CHECKS_H
#define VITRINE_BUILDER_CHECKS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/err.h"
#include "definition/definition.h"

/*
 * Answers the golden requests of the release in DIR and appends a line to FAILURES for each answer
 * that is not the expected one. The builder does not serve; who calls it brings this along.
 */
typedef enum err (*rehearse_fn)(const char *dir, struct buffer *failures, struct errmsg *msg);

struct checks_run {
    const struct definition *definition;
    const char *root;        /* ROOT/current is the last release, if it has the same name */
    const char *staging;     /* the folder of the complete release */
    unsigned accepted;       /* bit 1 << CHECK_x: this check is left out */
    rehearse_fn rehearse;    /* NULL: golden requests are not asked */
    struct buffer *failures; /* a line for each check that failed is appended */
};

/*
 * ERR_REFUSED when a check failed: `failures` then holds what failed, with the numbers, and MSG how
 * many and what to do. Other errors mean that the release could not be read.
 */
MUST_CHECK enum err checks_run(const struct checks_run *run, struct errmsg *msg);

#endif
