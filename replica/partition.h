/*
 * An open partition or listing file, and its blobs by id. The reader's own.
 *
 * A row that fits its page is found in the mapped file (partition_tree.h) and not copied. Others
 * are SQLite's: one sqlite3_blob a table is moved from row to row (sqlite3_blob_reopen), a B-tree
 * descent without SQL. A row that does not exist ends that handle, and the next lookup makes a new
 * one.
 *
 * Files are opened immutable (no locks, no change checks), without mutexes, memory mapped, with
 * views and triggers off: a file is data, never a program.
 *
 * Thread-safety: none. Memory: what partition_look finds lives until partition_close;
 * partition_read copies into the caller's memory.
 */
#ifndef VITRINE_REPLICA_PARTITION_H
#define VITRINE_REPLICA_PARTITION_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "replica/manifest.h"
#include "replica/partition_tree.h"
#include "replica/residence.h"
#include "replica/text_pack.h"

enum partition_table { TABLE_GROUPS, TABLE_CHUNKS, TABLE_BLOCKS, TABLE_COUNT };

struct partition {
    const struct manifest_file *file;
    char *path;
    sqlite3 *db; /* NULL until first used */
    sqlite3_blob *blobs[TABLE_COUNT];
    int64_t at[TABLE_COUNT];     /* the row that the handle is on */
    struct tree_file tree;       /* the file once more, mapped */
    struct residence *residence; /* of the mapped file; NULL: its pages are waited for */
    uint32_t roots[TABLE_COUNT]; /* the page where each table's B-tree begins; 0: no such table */
    sqlite3_stmt *find_key;      /* text keys */
    struct text_unpacker *unpacker; /* of compressed texts; NULL when the file has no dictionary */
};

/* Opens the file when it is not open yet. */
MUST_CHECK enum err partition_open(struct partition *partition, struct errmsg *msg);
void partition_close(struct partition *partition);

/*
 * From now on what would wait for the disk fails with ERR_COLD, while CLOCK is on. The file is
 * open, and CLOCK lives until it is closed.
 */
void partition_watch(struct partition *partition, struct residence_clock *clock);

/* Row ID of TABLE without a copy. TREE_UNSURE: ask partition_seek and partition_read. */
enum tree_result partition_look(const struct partition *partition, enum partition_table table,
                                int64_t id, struct slice *data);

/*
 * Moves the handle of TABLE to row ID: *BLOB is it, valid until the next call for that table, or
 * NULL when there is no such row.
 */
MUST_CHECK enum err partition_seek(struct partition *partition, enum partition_table table,
                                   int64_t id, sqlite3_blob **blob, struct errmsg *msg);

/* Text keys: the row of groups that NAME has. */
MUST_CHECK enum err partition_find_key(struct partition *partition, struct slice name, int64_t *id,
                                       bool *found, struct errmsg *msg);

/* Copies SIZE bytes at OFFSET of the blob; ERR_CORRUPT when they cannot be read. */
MUST_CHECK enum err partition_read(struct partition *partition, sqlite3_blob *blob, void *to,
                                   uint64_t offset, uint64_t size, struct errmsg *msg);

#endif
