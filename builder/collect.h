/*
 * Builds the partitions and listings of one collection: source -> files.
 */
#ifndef VITRINE_BUILDER_COLLECT_H
#define VITRINE_BUILDER_COLLECT_H

#include "base/progress.h"
#include "builder/file_list.h"
#include "definition/definition.h"
#include "source/source.h"

struct collect_result {
    uint64_t row_count;
    uint64_t key_count;
    uint64_t source_bytes; /* bytes of values read */
    uint64_t file_bytes;
    uint64_t duplicate_names; /* members of maps that were left out */
};

/*
 * Writes RELEASE_DIR/COLLECTION/ with all partitions and listings, and adds them to FILES.
 * ERR_INTERRUPTED when a signal arrives.
 */
MUST_CHECK enum err collect(struct source *source, const struct collection *collection,
                            const char *release_dir, struct file_list *files,
                            struct progress *progress, struct collect_result *out,
                            struct errmsg *msg);

#endif
