/*
 * Builds the partitions of one range of keys of a collection: source -> files.
 *
 * Thread-safety: none; several ranges may be collected at once, each from a source of its own.
 */
#ifndef VITRINE_BUILDER_COLLECT_H
#define VITRINE_BUILDER_COLLECT_H

#include "base/progress.h"
#include "builder/key_range.h"
#include "definition/definition.h"
#include "replica/manifest.h"
#include "replica/release.h"
#include "source/source.h"

struct collect_counts {
    uint64_t row_count;
    uint64_t key_count;
    uint64_t source_bytes;    /* of values read */
    uint64_t duplicate_names; /* members of maps that were left out */
    uint64_t logical_hash;    /* of the keys, replica/logical.h */
};

/* What became of a range. */
struct collected {
    struct arena arena;          /* what the files' entries point to */
    struct manifest_file *files; /* partitions: path, keys and counts are filled in */
    unsigned file_count;
    struct collect_counts counts;
};

/* Which range of which collection. */
struct collect_range {
    const struct collection *collection;
    const struct key_ranges *ranges;
    unsigned index; /* in ranges->items */
    const char *release_dir;
    const struct release
        *base; /* the release of the range's base; NULL: everything is built fresh */
};

/*
 * Writes the partition of WHAT to RELEASE_DIR, whose folder for the collection is there: 0001.db, and
 * 0001-2.db, 0001-3.db, ... when one file would be too large. A range with a base becomes a changed copy
 * of it, where that pays (delta.h). The caller passes OUT to collected_free in any case.
 * ERR_INTERRUPTED when a signal arrives or the source is stopped.
 */
MUST_CHECK enum err collect_range(struct source *source, const struct collect_range *what,
                                  struct progress *progress, struct collected *out,
                                  struct errmsg *msg);
void collected_free(struct collected *collected);

#endif
