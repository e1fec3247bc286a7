/*
 * A row of an SQLite table, found by its rowid in the mapped bytes of the file.
 *
 * Good for: the lookup of every read. It gives a pointer into the file instead of a copy, and costs
 * a tenth of what sqlite3_blob_reopen and sqlite3_blob_read do.
 * Under the hood: the B-tree of a table, https://www.sqlite.org/fileformat2.html, section 1.6. Only
 * what an immutable file of ours holds is understood: pages of FORMAT_PAGE_SIZE with nothing
 * reserved, and rows of two columns (a rowid, a blob) that fit their page. Whatever is not so, or
 * looks damaged, is TREE_UNSURE: SQLite reads that row, and has the last word and the message.
 * Thread-safety: read-only after tree_map. Memory: what is found lives until tree_unmap.
 */
#ifndef VITRINE_REPLICA_PARTITION_TREE_H
#define VITRINE_REPLICA_PARTITION_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "replica/residence.h"

struct tree_file {
    const uint8_t *bytes; /* NULL: not mapped, every answer is TREE_UNSURE */
    size_t size;
    struct residence *residence; /* which of its pages may be read; NULL: all */
};

/* TREE_COLD: a page on the way is not in memory. */
enum tree_result { TREE_FOUND, TREE_ABSENT, TREE_UNSURE, TREE_COLD };

/* Maps the file at PATH; without it when that cannot be done, or its header is an unusual one. */
void tree_map(struct tree_file *file, const char *path);
void tree_unmap(struct tree_file *file);

/* The second column, a blob, of the row ID of the table whose B-tree begins on page ROOT. */
enum tree_result tree_find(const struct tree_file *file, uint32_t root, int64_t id,
                           struct slice *data);

#endif
