/* A release read from end to end in the foreground, with progress, for verify and repair. */
#ifndef VITRINE_COMMANDS_WALK_H
#define VITRINE_COMMANDS_WALK_H

#include <stdint.h>

#include "base/err.h"
#include "replica/manifest.h"
#include "replica/repair.h"

struct walk_found {
    unsigned damage_count;   /* pages, and files that are damaged as a whole */
    unsigned repaired_count; /* files */
    unsigned failed_count;   /* files that could not be */
};

/*
 * Reads the release in DIR, which MANIFEST describes, at BYTES_PER_SECOND (0: as fast as it goes) and prints every damage to stderr, behind
 * the name of COMMAND. With SOURCE, which may be NULL, each damaged file is repaired; why one could
 * not be is printed, too. ERR_INTERRUPTED after SIGINT or SIGTERM.
 */
MUST_CHECK enum err walk_release(const char *dir, const struct manifest *manifest,
                                 const char *command, uint64_t bytes_per_second,
                                 const struct repair_source *source, struct walk_found *out,
                                 struct errmsg *msg);

#endif
