/*
 * The previous file of a partition or listing, read beside the copy of it that is changed: its keys in
 * their order, and what each row holds, by its header.
 *
 * Good for: comparing without SQL and without a table that changes under an open cursor.
 * Lifetime: previous_open .. previous_close. Thread-safety: none.
 * Errors: ERR_CORRUPT with the path, when the file is not what a store wrote.
 */
#ifndef VITRINE_REPLICA_PREVIOUS_H
#define VITRINE_REPLICA_PREVIOUS_H

#include "replica/blob.h"
#include "replica/partition.h"
#include "replica/reader.h"
#include "replica/store.h"

enum {
    RUNS_MAX = 1 + DEFINITION_ORDERS_MAX,
    LOOK_MAX = BLOB_HEADER_SIZE + 16 + 8 * DEFINITION_ORDERS_MAX, /* bytes: a whole BLOB_LARGE */
};

struct previous {
    struct partition file;
    sqlite3_stmt *keys; /* NULL: a listing */
    bool has_names;     /* keys are texts */
    bool has_key;       /* `key` is the next one of them; its text lives until previous_next */
    struct key key;
    int64_t id; /* its row of groups */
};

/* Rows FIRST .. FIRST+COUNT-1 of chunks or blocks. */
struct run {
    uint64_t first;
    uint64_t count;
};

/* The beginning of a row, at most LOOK_MAX bytes. */
struct look {
    bool found;
    uint64_t size; /* of the whole blob */
    struct slice bytes;
    char copy[LOOK_MAX];
};

/* Opens the file and goes to its first key. The caller passes OUT to previous_close in any case. */
MUST_CHECK enum err previous_open(struct previous *out, const char *path, enum store_kind kind,
                                  struct errmsg *msg);
void previous_close(struct previous *previous);

MUST_CHECK enum err previous_next(struct previous *previous, struct errmsg *msg);

/* Row ID of TABLE. What *OUT points to lives as long as OUT and PREVIOUS. */
MUST_CHECK enum err previous_look(struct previous *previous, enum partition_table table, int64_t id,
                                  struct look *out, struct errmsg *msg);

/* Whether the row holds what BLOB, not compressed, does: by its header, or, of a large key, all of it. */
bool look_is_same(const struct look *look, struct slice blob);

/*
 * Where the chunks of the key are: run 0 has its rows, run k the permutation of its order k. None,
 * *COUNT is 0, unless it is a large one. RUNS has room for RUNS_MAX.
 */
MUST_CHECK enum err previous_runs(struct previous *previous, struct run *runs, unsigned *count,
                                  struct errmsg *msg);

/* "read FILE: chunks 17 is damaged" */
enum err previous_damaged(const struct previous *previous, enum partition_table table, int64_t id,
                          struct errmsg *msg);

#endif
