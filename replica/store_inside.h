/*
 * The inside of a store, shared by store.c (a new file) and store_change.c (a copy that is changed).
 */
#ifndef VITRINE_REPLICA_STORE_INSIDE_H
#define VITRINE_REPLICA_STORE_INSIDE_H

#include <sqlite3.h>

#include "base/buffer.h"
#include "replica/store.h"
#include "replica/text_pack.h"

struct pending;
struct change;

struct store {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *insert_group;
    sqlite3_stmt *insert_chunk; /* listings: of a block */
    sqlite3_stmt *insert_key;   /* text keys */
    uint64_t chunk_count;       /* the next row of chunks or blocks */
    uint64_t run_first;         /* of the chunks of the run that is written */
    int64_t group_count;        /* text keys: the next row of groups */
    uint64_t size_bytes;
    struct text_packer *packer;
    bool is_learning; /* rows are pending */
    bool is_packed;   /* after learning: the file has a dictionary */
    struct pending *pending;
    unsigned pending_count;
    unsigned pending_room;
    size_t pending_bytes;
    struct buffer packed;  /* the blob being written */
    struct change *change; /* NULL: the file is a new one */
};

/* A store without a file. */
struct store *store_new(const char *path);

/* "write PATH: what SQLite says" */
enum err store_failed(const struct store *store, struct errmsg *msg);
MUST_CHECK enum err store_execute(struct store *store, const char *sql, struct errmsg *msg);
MUST_CHECK enum err store_prepare(struct store *store, const char *sql, sqlite3_stmt **out,
                                  struct errmsg *msg);

/* The statements that insert. */
MUST_CHECK enum err store_prepare_inserts(struct store *store, enum store_kind kind,
                                          struct errmsg *msg);

/* Runs a statement whose parameters are bound. ERR_INPUT when the key is there already. */
MUST_CHECK enum err store_step(struct store *store, sqlite3_stmt *statement, struct errmsg *msg);

/* Runs STATEMENT with ?1 = ID and ?2 = BLOB, compressed where the file has a dictionary. */
MUST_CHECK enum err store_write(struct store *store, sqlite3_stmt *statement, int64_t id,
                                struct slice blob, struct errmsg *msg);

/* Inserts the row of `keys` that gives NAME the row ID of groups. */
MUST_CHECK enum err store_name(struct store *store, struct slice name, int64_t id,
                               struct errmsg *msg);

/* ---- a copy that is changed ---- */

MUST_CHECK enum err change_key(struct store *store, const struct key *key, struct errmsg *msg);
MUST_CHECK enum err change_run(struct store *store, unsigned run, struct errmsg *msg);
MUST_CHECK enum err change_chunk(struct store *store, struct slice blob, uint64_t *id,
                                 struct errmsg *msg);
MUST_CHECK enum err change_group(struct store *store, const struct key *key, struct slice blob,
                                 struct errmsg *msg);
uint64_t change_count(const struct change *change);
void change_free(struct change *change); /* accepts NULL */

#endif
