/*
 * The files of a release while it is made: manifest entries with sizes and hashes, and the page
 * hashes that become pages.xxh3.
 *
 * Thread-safety: none; a list belongs to the build. Memory: the arena and the buffer are the caller's,
 * `items` is freed by the caller.
 */
#ifndef VITRINE_BUILDER_FILE_LIST_H
#define VITRINE_BUILDER_FILE_LIST_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"
#include "replica/manifest.h"

/* The arena owns what the entries point to. */
struct file_list {
    struct arena *arena;
    struct manifest_file *items;
    unsigned count;
    unsigned room;
    struct buffer *pages; /* page hashes of partitions and listings so far */
};

/* Adds a finished file: hashes it and fills in size, hash and first_page. */
MUST_CHECK enum err file_list_add(struct file_list *files, const char *release_dir,
                                  struct manifest_file entry, struct errmsg *msg);

/* Forgets all files; what the arena holds stays there. */
void file_list_clear(struct file_list *files);

#endif
