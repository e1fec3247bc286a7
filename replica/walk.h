/*
 * Walks all keys of one collection of a release, ascending: integers by value, texts by their bytes.
 *
 * Lifetime: walk_open, walk_next until *FOUND is false, walk_close; the reader must outlive it.
 * Thread-safety: none; belongs to the thread of its reader, which may look keys up meanwhile.
 */
#ifndef VITRINE_REPLICA_WALK_H
#define VITRINE_REPLICA_WALK_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/err.h"
#include "replica/reader.h"

struct walk {
    struct reader *reader;
    unsigned collection_index;
    unsigned partition;      /* the one that is walked */
    sqlite3_stmt *statement; /* NULL: between two */
};

void walk_open(struct walk *walk, struct reader *reader, unsigned collection_index);

/* The next key; a text lives until the next call. ERR_CORRUPT names the file. */
MUST_CHECK enum err walk_next(struct walk *walk, struct key *key, bool *found, struct errmsg *msg);
void walk_close(struct walk *walk);

#endif
