/*
 * The sources that a build reads from: one a thread, all in one snapshot, opened again when they are
 * lost.
 *
 * Thread-safety: belongs to the thread of the build; work_run hands the sources to its own.
 */
#ifndef VITRINE_BUILDER_READERS_H
#define VITRINE_BUILDER_READERS_H

#include "base/buffer.h"
#include "builder/work.h"
#include "source/source.h"

struct readers {
    const char *url;
    struct source **sources; /* NULL where not open */
    unsigned count;
    struct buffer position;  /* of the source, taken before the snapshot */
    uint64_t write_position; /* of the snapshot */
};

/* Opens the first source and takes the position; the caller passes OUT to readers_close in any case. */
MUST_CHECK enum err readers_open(struct readers *out, const char *url, unsigned count,
                                 struct errmsg *msg);
void readers_close(struct readers *readers);

/*
 * Fills the folder work->release_dir, which is emptied first, from one snapshot: work_run over
 * READERS. When the source is lost on the way, all of it is begun anew from a fresh snapshot, up to
 * RETRIES times, after a pause that doubles. ERR_SOURCE says which table is missing.
 */
MUST_CHECK enum err readers_work(struct readers *readers, struct work *work, int64_t retries,
                                 struct file_list *files, struct work_result *results,
                                 struct errmsg *msg);

#endif
