/*
 * The collections of a release, built by several threads at once: ranges of keys and listings are
 * the tasks, each thread has a source of its own, and all read one snapshot.
 *
 * The files and their order depend on the data and the base alone, not on the number of threads.
 */
#ifndef VITRINE_BUILDER_WORK_H
#define VITRINE_BUILDER_WORK_H

#include "builder/collect.h"
#include "builder/file_list.h"
#include "definition/definition.h"
#include "source/source.h"

/* One a collection. */
struct work_result {
    struct collect_counts counts;
    uint64_t file_bytes;
};

struct work {
    const struct definition *definition;
    struct source *const *sources; /* one a thread, all in one snapshot */
    unsigned source_count;
    const char *release_dir;
    uint64_t partition_rows;    /* at most, unless one key has more */
    const struct release *base; /* whose files are changed (delta.h); NULL: all are built fresh */
};

/*
 * Writes every collection's folder and adds its files to FILES in the order of the definition.
 * RESULTS has one entry a collection. The first error of a thread stops the others and is returned:
 * ERR_INTERRUPTED, ERR_LOST, ERR_SOURCE, ERR_INPUT, ERR_LIMIT or ERR_SYSTEM.
 */
MUST_CHECK enum err work_run(const struct work *work, struct file_list *files,
                             struct work_result *results, struct errmsg *msg);

#endif
