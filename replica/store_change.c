/*
 * A store that changes a copy of the previous file. The previous file itself is read beside it, key by
 * key in their order, so that no table is changed under an open cursor, and what is to be compared is
 * found without SQL (previous.h).
 */
#include <stdlib.h>

#include "base/arena.h"
#include "replica/format.h"
#include "replica/previous.h"
#include "replica/store_inside.h"

struct change {
    bool is_listing;
    struct previous old;
    bool is_matched;           /* old.key is the key that store_key said */
    struct run runs[RUNS_MAX]; /* of that key, in the previous file */
    unsigned run_count;
    bool is_in_run;
    unsigned run;   /* the one that is written */
    uint64_t index; /* of its next chunk */
    bool is_moved;  /* it has no place among the old ids */
    uint64_t count; /* store_changes */
    sqlite3_stmt *update_group;
    sqlite3_stmt *delete_group;
    sqlite3_stmt *delete_key;
    sqlite3_stmt *update_chunk; /* listings: a block */
    sqlite3_stmt *delete_chunk;
    sqlite3_stmt *move_chunk;
};

static const char settings[] = "PRAGMA journal_mode = OFF;"
                               "PRAGMA synchronous = OFF;"
                               "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA secure_delete = ON;" /* what is gone is gone from the file */
                               "PRAGMA cache_size = -4096;"
                               "BEGIN;";

/* ---- deleting ---- */

static enum err delete_by_id(struct store *store, sqlite3_stmt *statement, int64_t id,
                             struct errmsg *msg)
{
    sqlite3_bind_int64(statement, 1, id);
    return store_step(store, statement, msg);
}

/* Deletes what RUN has from chunk INDEX on. */
static enum err delete_rest(struct store *store, const struct run *run, uint64_t index,
                            struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    for (; rc == ERR_NONE && index < run->count; index++) {
        rc = delete_by_id(store, store->change->delete_chunk, (int64_t)(run->first + index), msg);
    }
    return rc;
}

/* Ends the run that is being written; what it had and needs no longer goes. */
static enum err end_run(struct store *store, struct errmsg *msg)
{
    struct change *change = store->change;
    bool has_rest = change->is_in_run && !change->is_moved && change->run < change->run_count;

    change->is_in_run = false;
    return has_rest ? delete_rest(store, &change->runs[change->run], change->index, msg) : ERR_NONE;
}

/* Ends the runs of the key; those from NEXT on were not written at all. */
static enum err end_runs(struct store *store, unsigned next, struct errmsg *msg)
{
    struct change *change = store->change;
    enum err rc = end_run(store, msg);

    for (; rc == ERR_NONE && next < change->run_count; next++) {
        rc = delete_rest(store, &change->runs[next], 0, msg);
    }
    change->run_count = 0;
    return rc;
}

/* Deletes the old key, which no call has named. */
static enum err delete_old_key(struct store *store, struct errmsg *msg)
{
    struct change *change = store->change;
    struct slice name = change->old.key.text;
    enum err rc = previous_runs(&change->old, change->runs, &change->run_count, msg);

    if (rc == ERR_NONE) {
        rc = end_runs(store, 0, msg);
    }
    if (rc == ERR_NONE) {
        rc = delete_by_id(store, change->delete_group, change->old.id, msg);
    }
    if (rc == ERR_NONE && change->old.has_names) {
        sqlite3_bind_text64(change->delete_key, 1, name.ptr, name.len, SQLITE_STATIC, SQLITE_UTF8);
        rc = store_step(store, change->delete_key, msg);
    }
    change->count++;
    return rc;
}

/* ---- keys ---- */

/* Which comes first: <0 the old key, >0 KEY, or it is the same. Of two that end both, the other. */
static int compare_old(const struct change *change, const struct key *key)
{
    const struct key *old = &change->old.key;

    if (key == NULL) {
        return -1;
    }
    return old->is_text ? slice_compare(old->text, key->text)
                        : (old->integer > key->integer) - (old->integer < key->integer);
}

/* The blocks behind the last one that was written. */
static enum err end_listing(struct store *store, struct errmsg *msg)
{
    struct change *change = store->change;
    uint64_t surplus = change->runs[0].count - change->index;

    change->count += change->index < change->runs[0].count ? surplus : 0;
    return end_run(store, msg);
}

enum err change_key(struct store *store, const struct key *key, struct errmsg *msg)
{
    struct change *change = store->change;
    enum err rc = ERR_NONE;

    if (change->is_listing) {
        return end_listing(store, msg);
    }
    while (rc == ERR_NONE && change->old.has_key && compare_old(change, key) < 0) {
        rc = delete_old_key(store, msg);
        if (rc == ERR_NONE) {
            rc = previous_next(&change->old, msg);
        }
    }
    change->run_count = 0;
    change->is_matched =
        rc == ERR_NONE && change->old.has_key && key != NULL && compare_old(change, key) == 0;
    return change->is_matched ? previous_runs(&change->old, change->runs, &change->run_count, msg)
                              : rc;
}

/* A key that the previous file does not have. */
static enum err insert_group(struct store *store, const struct key *key, struct slice blob,
                             struct errmsg *msg)
{
    int64_t id = key->integer;
    enum err rc = ERR_NONE;

    if (key->is_text) {
        id = store->group_count++;
        rc = store_name(store, key->text, id, msg);
    }
    return rc == ERR_NONE ? store_write(store, store->insert_group, id, blob, msg) : rc;
}

enum err change_group(struct store *store, const struct key *key, struct slice blob,
                      struct errmsg *msg)
{
    struct change *change = store->change;
    struct look look;
    enum err rc = end_runs(store, change->is_in_run ? change->run + 1 : 0, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (!change->is_matched) {
        change->count++;
        return insert_group(store, key, blob, msg);
    }
    change->is_matched = false;
    rc = previous_look(&change->old, TABLE_GROUPS, change->old.id, &look, msg);
    if (rc == ERR_NONE && look_is_same(&look, blob)) {
        store->size_bytes += look.size;
    } else if (rc == ERR_NONE) {
        change->count++;
        rc = store_write(store, change->update_group, change->old.id, blob, msg);
    }
    return rc == ERR_NONE ? previous_next(&change->old, msg) : rc;
}

/* ---- chunks ---- */

enum err change_run(struct store *store, unsigned run, struct errmsg *msg)
{
    struct change *change = store->change;
    enum err rc = end_run(store, msg);

    change->run = run;
    change->index = 0;
    change->is_in_run = true;
    change->is_moved = run >= change->run_count;
    store->run_first = change->is_moved ? store->chunk_count : change->runs[run].first;
    return rc;
}

/* The run has more chunks than before and others stand behind it: it goes to the end. */
static enum err move_run(struct store *store, const struct run *run, struct errmsg *msg)
{
    struct change *change = store->change;
    enum err rc = ERR_NONE;

    store->run_first = store->chunk_count;
    for (uint64_t i = 0; rc == ERR_NONE && i < run->count; i++) {
        sqlite3_bind_int64(change->move_chunk, 1, (int64_t)(run->first + i));
        sqlite3_bind_int64(change->move_chunk, 2, (int64_t)store->chunk_count++);
        rc = store_step(store, change->move_chunk, msg);
    }
    change->is_moved = true;
    return rc;
}

/* Writes the chunk to the place of an old one. */
static enum err compare_chunk(struct store *store, int64_t id, struct slice blob,
                              struct errmsg *msg)
{
    struct change *change = store->change;
    struct look look;
    enum partition_table table = change->is_listing ? TABLE_BLOCKS : TABLE_CHUNKS;
    enum err rc = previous_look(&change->old, table, id, &look, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (!look.found) {
        return previous_damaged(&change->old, table, id, msg);
    }
    if (look_is_same(&look, blob)) {
        store->size_bytes += look.size;
        return ERR_NONE;
    }
    change->count += change->is_listing;
    return store_write(store, change->update_chunk, id, blob, msg);
}

enum err change_chunk(struct store *store, struct slice blob, uint64_t *id, struct errmsg *msg)
{
    struct change *change = store->change;
    const struct run *run = &change->runs[change->run];
    bool is_behind = !change->is_moved && change->index >= run->count;
    enum err rc = ERR_NONE;

    if (is_behind && run->first + change->index != store->chunk_count) {
        rc = move_run(store, run, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    *id = store->run_first + change->index++;
    if (!change->is_moved && !is_behind) {
        return compare_chunk(store, (int64_t)*id, blob, msg);
    }
    change->count += change->is_listing;
    store->chunk_count++;
    return store_write(store, store->insert_chunk, (int64_t)*id, blob, msg);
}

uint64_t change_count(const struct change *change)
{
    return change->count;
}

/* ---- opening ---- */

static enum err prepare_changes(struct store *store, enum store_kind kind, struct errmsg *msg)
{
    struct change *change = store->change;
    bool is_listing = kind == STORE_LISTING;
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
        bool is_wanted;
    } all[] = {
        {&change->update_chunk, "UPDATE blocks SET data = ?2 WHERE id = ?1", is_listing},
        {&change->delete_chunk, "DELETE FROM blocks WHERE id = ?1", is_listing},
        {&change->update_chunk, "UPDATE chunks SET data = ?2 WHERE id = ?1", !is_listing},
        {&change->delete_chunk, "DELETE FROM chunks WHERE id = ?1", !is_listing},
        {&change->move_chunk, "UPDATE chunks SET id = ?2 WHERE id = ?1", !is_listing},
        {&change->update_group, "UPDATE groups SET data = ?2 WHERE key = ?1", !is_listing},
        {&change->delete_group, "DELETE FROM groups WHERE key = ?1", !is_listing},
        {&change->delete_key, "DELETE FROM keys WHERE name = ?1", change->old.has_names},
    };
    enum err rc = store_prepare_inserts(store, kind, msg);

    for (unsigned i = 0; rc == ERR_NONE && i < sizeof all / sizeof all[0]; i++) {
        if (all[i].is_wanted) {
            rc = store_prepare(store, all[i].sql, all[i].statement, msg);
        }
    }
    return rc;
}

/* The one number that SQL gives. */
static enum err ask(struct store *store, const char *sql, int64_t *out, struct errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    enum err rc = store_prepare(store, sql, &statement, msg);

    if (rc == ERR_NONE && sqlite3_step(statement) != SQLITE_ROW) {
        rc = store_failed(store, msg);
    } else if (rc == ERR_NONE) {
        *out = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return rc;
}

/* Where new ids begin. */
static enum err find_ends(struct store *store, struct errmsg *msg)
{
    struct change *change = store->change;
    int64_t next_chunk = 0;
    enum err rc;

    if (change->is_listing) {
        rc = ask(store, "SELECT coalesce(max(id), -1) + 1 FROM blocks", &next_chunk, msg);
        change->runs[0] = (struct run){0, (uint64_t)next_chunk};
        change->run_count = 1;
        change->is_in_run = true;
    } else {
        rc = ask(store, "SELECT coalesce(max(id), -1) + 1 FROM chunks", &next_chunk, msg);
    }
    store->chunk_count = (uint64_t)next_chunk;
    if (rc == ERR_NONE && change->old.has_names) {
        rc = ask(store, "SELECT coalesce(max(key), -1) + 1 FROM groups", &store->group_count, msg);
    }
    return rc;
}

/* New texts are compressed against the dictionary that the file has. */
static enum err load_dictionary(struct store *store, struct errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    enum err rc = store_prepare(store, "SELECT data FROM dictionary WHERE id = 0", &statement, msg);
    int step = rc == ERR_NONE ? sqlite3_step(statement) : SQLITE_DONE;

    if (step == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(statement, 0);
        size_t size = (size_t)sqlite3_column_bytes(statement, 0);

        store->is_packed = bytes != NULL && size <= DICTIONARY_SIZE_MAX;
        if (store->is_packed) {
            text_packer_load(store->packer, slice_of(bytes, size));
        }
    } else if (step != SQLITE_DONE) {
        rc = store_failed(store, msg);
    }
    sqlite3_finalize(statement);
    return rc;
}

enum err store_change(const char *path, const char *base, enum store_kind kind, struct store **out,
                      struct errmsg *msg)
{
    struct store *store = store_new(path);
    struct change *change = memory_calloc(1, sizeof *change);
    enum err rc;

    change->is_listing = kind == STORE_LISTING;
    store->change = change;
    rc = previous_open(&change->old, base, kind, msg);
    if (rc == ERR_NONE &&
        sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK) {
        rc = store_failed(store, msg);
    }
    if (rc == ERR_NONE) {
        rc = store_execute(store, settings, msg);
    }
    if (rc == ERR_NONE) {
        rc = prepare_changes(store, kind, msg);
    }
    if (rc == ERR_NONE) {
        rc = find_ends(store, msg);
    }
    if (rc == ERR_NONE) {
        rc = load_dictionary(store, msg);
    }
    if (rc != ERR_NONE) {
        store_abandon(store);
        return rc;
    }
    *out = store;
    return ERR_NONE;
}

enum err store_free_part(struct store *store, double *part, struct errmsg *msg)
{
    int64_t pages = 0;
    int64_t unused = 0;
    enum err rc = ask(store, "PRAGMA page_count", &pages, msg);

    if (rc == ERR_NONE) {
        rc = ask(store, "PRAGMA freelist_count", &unused, msg);
    }
    if (rc == ERR_NONE) {
        *part = pages == 0 ? 0 : (double)unused / (double)pages;
    }
    return rc;
}

void change_free(struct change *change)
{
    if (change == NULL) {
        return;
    }
    sqlite3_finalize(change->update_group);
    sqlite3_finalize(change->delete_group);
    sqlite3_finalize(change->delete_key);
    sqlite3_finalize(change->update_chunk);
    sqlite3_finalize(change->delete_chunk);
    sqlite3_finalize(change->move_chunk);
    previous_close(&change->old);
    free(change);
}
