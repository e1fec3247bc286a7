/* What comes before a release becomes the current one by the wish of an operator. */
#ifndef VITRINE_COMMANDS_READY_H
#define VITRINE_COMMANDS_READY_H

#include <stdint.h>

#include "base/err.h"
#include "replica/release.h"

#define READY_WARM_DEFAULT "500M"
#define READY_WARM_ABOUT                                                                           \
    "bytes a second that are read to bring the release into memory before it is served: 64M, 2G; " \
    "0 does without"

/*
 * Opens release NUMBER ("42", "000042") of ROOT, verifies every page of it, and brings it into the
 * page cache by WARM_BYTES a second, when that is not 0. *OUT is to be dropped when the release is the
 * current one: it keeps the release from being removed meanwhile. Errors as of which_release; one that
 * is damaged is remembered as refused.
 */
MUST_CHECK enum err ready_release(const char *root, const char *number, int64_t warm_bytes,
                                  struct release **out, uint64_t *out_number, struct errmsg *msg);

#endif
