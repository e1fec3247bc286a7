#include "replica/store_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"
#include "replica/format.h"

/* A row that waits until the dictionary is known. */
struct pending {
    sqlite3_stmt *statement;
    int64_t id;
    struct slice blob; /* on the heap */
};

/* Learning ends with so many rows, or with so many bytes of them, at the latest. */
enum { PENDING_MAX = 65536, PENDING_BYTES_MAX = 64 << 20 };

/* Written once and fsynced at the end: no journal, no locks, nothing that depends on the machine. */
static const char settings[] = "PRAGMA page_size = 4096;"
                               "PRAGMA journal_mode = OFF;"
                               "PRAGMA synchronous = OFF;"
                               "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA auto_vacuum = NONE;"
                               "PRAGMA encoding = 'UTF-8';"
                               "PRAGMA cache_size = -4096;";

static const char *const schemas[] = {
    [STORE_PARTITION] = "CREATE TABLE groups(key INTEGER PRIMARY KEY, data BLOB NOT NULL);"
                        "CREATE TABLE chunks(id INTEGER PRIMARY KEY, data BLOB NOT NULL);",
    [STORE_PARTITION_TEXT] = "CREATE TABLE groups(key INTEGER PRIMARY KEY, data BLOB NOT NULL);"
                             "CREATE TABLE chunks(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
                             "CREATE TABLE keys(name TEXT PRIMARY KEY, key INTEGER NOT NULL)"
                             " WITHOUT ROWID;",
    [STORE_LISTING] = "CREATE TABLE blocks(id INTEGER PRIMARY KEY, data BLOB NOT NULL);",
};

enum err store_failed(const struct store *store, struct errmsg *msg)
{
    return err_set(msg, ERR_SYSTEM, "write %s: %s", store->path, sqlite3_errmsg(store->db));
}

enum err store_execute(struct store *store, const char *sql, struct errmsg *msg)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_NONE
                                                                       : store_failed(store, msg);
}

enum err store_prepare(struct store *store, const char *sql, sqlite3_stmt **out, struct errmsg *msg)
{
    return sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK
               ? ERR_NONE
               : store_failed(store, msg);
}

enum err store_prepare_inserts(struct store *store, enum store_kind kind, struct errmsg *msg)
{
    enum err rc;

    if (kind == STORE_LISTING) {
        return store_prepare(store, "INSERT INTO blocks VALUES(?1, ?2)", &store->insert_chunk, msg);
    }
    rc = store_prepare(store, "INSERT INTO groups VALUES(?1, ?2)", &store->insert_group, msg);
    if (rc == ERR_NONE) {
        rc = store_prepare(store, "INSERT INTO chunks VALUES(?1, ?2)", &store->insert_chunk, msg);
    }
    if (rc == ERR_NONE && kind == STORE_PARTITION_TEXT) {
        rc = store_prepare(store, "INSERT INTO keys VALUES(?1, ?2)", &store->insert_key, msg);
    }
    return rc;
}

static enum err set_up(struct store *store, enum store_kind kind, struct errmsg *msg)
{
    char identity[128];
    enum err rc;

    snprintf(identity, sizeof identity, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             FORMAT_APPLICATION_ID, FORMAT_VERSION);
    rc = store_execute(store, settings, msg);
    if (rc == ERR_NONE) {
        rc = store_execute(store, identity, msg);
    }
    if (rc == ERR_NONE) {
        rc = store_execute(
            store,
            "BEGIN; CREATE TABLE about(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
            "CREATE TABLE dictionary(id INTEGER PRIMARY KEY, data BLOB NOT NULL);",
            msg);
    }
    if (rc == ERR_NONE) {
        rc = store_execute(store, schemas[kind], msg);
    }
    return rc == ERR_NONE ? store_prepare_inserts(store, kind, msg) : rc;
}

struct store *store_new(const char *path)
{
    struct store *store = memory_calloc(1, sizeof *store);

    store->path = memory_copy_str(path);
    store->packer = text_packer_new();
    buffer_init(&store->packed, BLOB_SIZE_MAX);
    return store;
}

enum err store_create(const char *path, enum store_kind kind, struct store **out,
                      struct errmsg *msg)
{
    struct store *store;
    enum err rc;

    if (file_exists(path)) {
        return err_set(msg, ERR_SYSTEM, "write %s: the file is there already", path);
    }
    store = store_new(path);
    store->is_learning = true;
    if (sqlite3_open_v2(path, &store->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        rc = store_failed(store, msg);
    } else {
        rc = set_up(store, kind, msg);
    }
    if (rc != ERR_NONE) {
        store_abandon(store);
        return rc;
    }
    *out = store;
    return ERR_NONE;
}

enum err store_step(struct store *store, sqlite3_stmt *statement, struct errmsg *msg)
{
    int result = sqlite3_step(statement);

    if (result == SQLITE_CONSTRAINT) {
        result = sqlite3_extended_errcode(store->db);
    }
    sqlite3_reset(statement);
    if (result == SQLITE_CONSTRAINT_ROWID || result == SQLITE_CONSTRAINT_PRIMARYKEY) {
        return err_set(msg, ERR_INPUT, "write %s: the key is there already", store->path);
    }
    return result == SQLITE_DONE ? ERR_NONE : store_failed(store, msg);
}

static enum err insert(struct store *store, sqlite3_stmt *statement, int64_t id, struct slice blob,
                       struct errmsg *msg)
{
    sqlite3_bind_int64(statement, 1, id);
    if (sqlite3_bind_blob64(statement, 2, blob.ptr, blob.len, SQLITE_STATIC) != SQLITE_OK) {
        return store_failed(store, msg);
    }
    store->size_bytes += blob.len + 12; /* cell header, record header and rowid, about */
    return store_step(store, statement, msg);
}

/* ---- compression ---- */

/* The wide part of a blob when it is of a size to be compressed, otherwise nothing. */
static struct slice compressible(struct slice blob)
{
    size_t narrow = load_u32le(blob.ptr + 4);
    size_t wide = blob.len - narrow;

    return wide <= COMPRESS_MAX ? slice_of(blob.ptr + narrow, wide) : (struct slice){0};
}

static enum err insert_packed(struct store *store, sqlite3_stmt *statement, int64_t id,
                              struct slice blob, struct errmsg *msg)
{
    struct slice text = compressible(blob);

    buffer_clear(&store->packed);
    buffer_append(&store->packed, blob.ptr, blob.len - text.len);
    if (text.len == 0 || !text_pack(store->packer, text, &store->packed)) {
        return insert(store, statement, id, blob, msg);
    }
    store->packed.ptr[0] = (char)(store->packed.ptr[0] | BLOB_COMPRESSED);
    return insert(store, statement, id, buffer_slice(&store->packed), msg);
}

static enum err write_dictionary(struct store *store, struct errmsg *msg)
{
    struct slice dictionary = text_packer_dictionary(store->packer);
    sqlite3_stmt *statement = NULL;
    enum err rc;

    store->is_packed = dictionary.len > 0;
    if (!store->is_packed) {
        return ERR_NONE; /* there was no text at all */
    }
    rc = store_prepare(store, "INSERT INTO dictionary VALUES(?1, ?2)", &statement, msg);
    if (rc == ERR_NONE) {
        rc = insert(store, statement, 0, dictionary, msg);
    }
    sqlite3_finalize(statement);
    return rc;
}

enum err store_write(struct store *store, sqlite3_stmt *statement, int64_t id, struct slice blob,
                     struct errmsg *msg)
{
    return store->is_packed ? insert_packed(store, statement, id, blob, msg)
                            : insert(store, statement, id, blob, msg);
}

/* Writes the rows that waited for the dictionary, which is known now. */
static enum err write_pending(struct store *store, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    store->is_learning = false;
    for (unsigned i = 0; rc == ERR_NONE && i < store->pending_count; i++) {
        const struct pending *row = &store->pending[i];

        rc = store_write(store, row->statement, row->id, row->blob, msg);
    }
    for (unsigned i = 0; i < store->pending_count; i++) {
        free((char *)store->pending[i].blob.ptr);
    }
    store->pending_count = 0;
    return rc;
}

static enum err insert_blob(struct store *store, sqlite3_stmt *statement, int64_t id,
                            struct slice blob, struct errmsg *msg)
{
    struct slice text = compressible(blob);
    enum err rc;

    if (!store->is_learning) {
        return store_write(store, statement, id, blob, msg);
    }
    if (store->pending_count == store->pending_room) {
        store->pending_room = store->pending_room == 0 ? 128 : store->pending_room * 2;
        store->pending =
            memory_realloc(store->pending, store->pending_room * sizeof *store->pending);
    }
    store->pending[store->pending_count++] = (struct pending){
        statement, id, slice_of(memcpy(memory_alloc(blob.len), blob.ptr, blob.len), blob.len)};
    store->pending_bytes += blob.len;
    if (!text_packer_learn(store->packer, text) && store->pending_count < PENDING_MAX &&
        store->pending_bytes < PENDING_BYTES_MAX) {
        return ERR_NONE;
    }
    rc = write_dictionary(store, msg);
    return rc == ERR_NONE ? write_pending(store, msg) : rc;
}

/* ---- rows ---- */

enum err store_about(struct store *store, const char *name, struct slice value, struct errmsg *msg)
{
    sqlite3_stmt *insert = NULL;
    enum err rc = store_prepare(store, "INSERT INTO about VALUES(?1, ?2)", &insert, msg);

    if (rc == ERR_NONE) {
        sqlite3_bind_text(insert, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_text64(insert, 2, value.ptr, value.len, SQLITE_STATIC, SQLITE_UTF8);
        rc = store_step(store, insert, msg);
    }
    sqlite3_finalize(insert);
    return rc;
}

enum err store_name(struct store *store, struct slice name, int64_t id, struct errmsg *msg)
{
    sqlite3_bind_text64(store->insert_key, 1, name.ptr, name.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(store->insert_key, 2, id);
    store->size_bytes += name.len + 12;
    return store_step(store, store->insert_key, msg);
}

enum err store_key(struct store *store, const struct key *key, struct errmsg *msg)
{
    return store->change == NULL ? ERR_NONE : change_key(store, key, msg);
}

enum err store_run(struct store *store, unsigned run, struct errmsg *msg)
{
    if (store->change != NULL) {
        return change_run(store, run, msg);
    }
    store->run_first = store->chunk_count;
    return ERR_NONE;
}

enum err store_group(struct store *store, const struct key *key, struct slice blob,
                     struct errmsg *msg)
{
    int64_t id = key->integer;

    if (store->change != NULL) {
        return change_group(store, key, blob, msg);
    }
    if (key->is_text) {
        enum err rc;

        id = store->group_count++;
        rc = store_name(store, key->text, id, msg);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    return insert_blob(store, store->insert_group, id, blob, msg);
}

enum err store_chunk(struct store *store, struct slice blob, uint64_t *id, struct errmsg *msg)
{
    if (store->change != NULL) {
        return change_chunk(store, blob, id, msg);
    }
    *id = store->chunk_count++;
    return insert_blob(store, store->insert_chunk, (int64_t)*id, blob, msg);
}

uint64_t store_run_first(const struct store *store)
{
    return store->run_first;
}

uint64_t store_changes(const struct store *store)
{
    return store->change == NULL ? 0 : change_count(store->change);
}

uint64_t store_bytes(const struct store *store)
{
    return store->size_bytes;
}

static void finalize(struct store *store)
{
    for (unsigned i = 0; i < store->pending_count; i++) {
        free((char *)store->pending[i].blob.ptr);
    }
    free(store->pending);
    text_packer_free(store->packer);
    buffer_free(&store->packed);
    sqlite3_finalize(store->insert_group);
    sqlite3_finalize(store->insert_chunk);
    sqlite3_finalize(store->insert_key);
    change_free(store->change);
    sqlite3_close(store->db);
}

enum err store_finish(struct store *store, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    if (store->is_learning) {
        rc = write_pending(store, msg); /* too little text to be worth a dictionary */
    }
    if (rc == ERR_NONE) {
        rc = store_execute(store, "COMMIT", msg);
    }
    if (rc != ERR_NONE) {
        store_abandon(store);
        return rc;
    }
    finalize(store);
    rc = file_sync(store->path, msg);
    if (rc != ERR_NONE) {
        unlink(store->path);
    }
    free(store->path);
    free(store);
    return rc;
}

void store_abandon(struct store *store)
{
    if (store == NULL) {
        return;
    }
    finalize(store);
    unlink(store->path);
    free(store->path);
    free(store);
}
