/*
 * The files of a release that arrives: which are here already and become links, which are fetched
 * whole, and which as differences.
 *
 * Lifetime: pull_files_begin, then pull_files_free. Thread-safety: none.
 */
#ifndef VITRINE_REPLICA_PULL_FILES_H
#define VITRINE_REPLICA_PULL_FILES_H

#include "base/buffer.h"
#include "base/err.h"
#include "replica/manifest.h"
#include "replica/pull.h"

enum pull_need {
    NEED_NOTHING, /* it is in the folder */
    NEED_WHOLE,
    NEED_REST,  /* part of it arrived before */
    NEED_DELTA, /* the file of that name in the basis shares half of its pages */
};

/* A release that is here. */
struct pull_here {
    char *dir;
    struct manifest *manifest;
};

struct pull_files {
    const char *root;
    const char *staging;             /* the folder that the release arrives in */
    const struct manifest *manifest; /* of that release */
    enum pull_need *needs;           /* one a file of it */
    struct pull_here *here;
    unsigned here_count;
    char *basis; /* absolute path of the current release; NULL without one */
    const struct manifest *basis_manifest;
    unsigned linked_count;
    unsigned delta_count;
};

/*
 * Fills the staging folder with all that is here: files that an earlier attempt left in it, and hard
 * links to files of other releases, both by size and hash in the manifests.
 */
MUST_CHECK enum err pull_files_begin(struct pull_files *files, struct errmsg *msg);
void pull_files_free(struct pull_files *files);

/* Decides between whole and delta; definition and page hashes have arrived. */
MUST_CHECK enum err pull_files_decide(struct pull_files *files, enum pull_transfer transfer,
                                      struct errmsg *msg);

/* Bytes of the files that are still needed, without what arrived of them in part. */
uint64_t pull_files_bytes(const struct pull_files *files);

/* Appends the paths of the files with NEED, each with a NUL; definition and page hashes only when
 * HEAD. Returns their number. */
unsigned pull_files_names(const struct pull_files *files, enum pull_need need, bool head,
                          struct buffer *out);

/* The same files are there now. */
void pull_files_arrived(struct pull_files *files, enum pull_need need, bool head);

/* Removes every file whose hash differs from the manifest's, and needs it again, whole. */
MUST_CHECK enum err pull_files_drop_damaged(struct pull_files *files, unsigned *count,
                                            struct errmsg *msg);

/* Removes what arrived in part. */
MUST_CHECK enum err pull_files_tidy(const struct pull_files *files, struct errmsg *msg);

/* Makes the folder durable. */
MUST_CHECK enum err pull_files_finish(struct pull_files *files, struct errmsg *msg);

#endif
