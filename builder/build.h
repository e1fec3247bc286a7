/*
 * Builds a release: one consistent snapshot of the source -> an immutable folder, renamed into place
 * when it is complete, then activated, unless an operator holds it back (root_offer).
 *
 *   ROOT/releases/.building      work in progress; removed when the build fails, and at the next one
 *   ROOT/releases/000042         the release
 *   ROOT/current                 -> releases/000042
 *   ROOT/.build-lock             one builder or puller a root
 *
 * Unless `fresh` is set, the files are changed copies of those of the newest release of the same
 * definition (delta.h).
 *
 * Errors: ERR_SOURCE, ERR_INPUT (a row the definition cannot take), ERR_REFUSED (a check failed; the
 * root trusts other keys), ERR_SYSTEM, ERR_INTERRUPTED. After any of them the root is as it was. A kill
 * leaves it as it was too, or with the complete new release, which is not active yet when the kill
 * came right before.
 */
#ifndef VITRINE_BUILDER_BUILD_H
#define VITRINE_BUILDER_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "builder/checks.h"

struct signing_key;

struct build_options {
    const char *definition; /* path */
    const char *source;     /* URL */
    const char *root;
    int64_t keep;           /* releases to keep, the new one included; at least 2 */
    bool force;             /* whatever the current release is, and the room that it takes */
    bool fresh;             /* from nothing, not by changing copies of the release before */
    int64_t jobs;           /* threads, each with connections of its own; at least 1 */
    int64_t retries;        /* attempts after the first, when the source is lost */
    int64_t partition_rows; /* of a partition, unless one key has more */
    unsigned accepted;      /* bit 1 << CHECK_x: this check is left out */
    rehearse_fn rehearse;   /* answers the golden requests; NULL: they are not asked */
    struct buffer
        *failures; /* receives a line for each check that failed; NULL: nobody reads them */
    const struct signing_key *sign; /* what releases are signed with; NULL: they are not */
};

struct build_result {
    bool is_current; /* nothing changed: no release was built */
    uint64_t number; /* of the release built, or of the current one */
    uint64_t row_count;
    uint64_t file_bytes;
    int64_t elapsed_ms;
};

/* Builds and activates; prints a table of the collections to stdout when TABLE is set. */
MUST_CHECK enum err build_release(const struct build_options *options, bool table,
                                  struct build_result *out, struct errmsg *msg);

#endif
