#include "replica/partition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "replica/format.h"
#include "replica/partition_vfs.h"

static const char *const table_names[TABLE_COUNT] = {"groups", "chunks", "blocks"};

static void close_blobs(struct partition *partition)
{
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        sqlite3_blob_close(partition->blobs[i]);
        partition->blobs[i] = NULL;
    }
}

/* Whether SQLite failed because a page is not in memory. Then its handles begin anew. */
static bool is_cold(struct partition *partition, struct errmsg *msg)
{
    if (partition->residence == NULL || !partition->residence->clock->met_cold) {
        return false;
    }
    partition->residence->clock->met_cold = false;
    close_blobs(partition);
    err_set(msg, ERR_COLD, "read %s: not in memory", partition->path);
    return true;
}

static enum err damaged(struct partition *partition, struct errmsg *msg)
{
    if (is_cold(partition, msg)) {
        return ERR_COLD;
    }
    return err_set(msg, ERR_CORRUPT, "read %s: %s", partition->path, sqlite3_errmsg(partition->db));
}

/* "file:PATH?immutable=1" with what a URI cannot hold as %XX. */
static void append_uri(struct buffer *uri, const char *path)
{
    buffer_append_str(uri, "file:");
    for (const char *p = path; *p != '\0'; p++) {
        if (strchr("?#% ", *p) != NULL) {
            buffer_printf(uri, "%%%02X", (unsigned char)*p);
        } else {
            buffer_append_byte(uri, *p);
        }
    }
    buffer_append_str(uri, "?immutable=1");
}

/* The format stands in the header of the file, where SQLite keeps it for its users. */
static enum err check_identity(struct partition *partition, struct errmsg *msg)
{
    static const char *const pragmas[] = {"PRAGMA application_id", "PRAGMA user_version"};
    const int expected[] = {FORMAT_APPLICATION_ID, FORMAT_VERSION};

    for (unsigned i = 0; i < 2; i++) {
        sqlite3_stmt *statement = NULL;
        int value = 0;
        int rc = sqlite3_prepare_v2(partition->db, pragmas[i], -1, &statement, NULL);

        if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
            value = sqlite3_column_int(statement, 0);
        }
        sqlite3_finalize(statement);
        if (rc != SQLITE_OK) {
            return damaged(partition, msg);
        }
        if (value != expected[i]) {
            return err_set(msg, ERR_CORRUPT, "read %s: not a partition of this format",
                           partition->path);
        }
    }
    return ERR_NONE;
}

/* Copies the dictionary out of the file, when it has one. */
static enum err load_dictionary(struct partition *partition, struct errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    enum err rc = ERR_NONE;

    if (sqlite3_prepare_v2(partition->db, "SELECT data FROM dictionary WHERE id = 0", -1,
                           &statement, NULL) != SQLITE_OK) {
        return damaged(partition, msg);
    }
    switch (sqlite3_step(statement)) {
    case SQLITE_DONE:
        break;
    case SQLITE_ROW: {
        const void *bytes = sqlite3_column_blob(statement, 0);
        size_t size = (size_t)sqlite3_column_bytes(statement, 0);

        if (size > DICTIONARY_SIZE_MAX) {
            rc = err_set(msg, ERR_CORRUPT, "read %s: the dictionary is too large", partition->path);
        } else if (size > 0) {
            partition->unpacker = text_unpacker_new(slice_of(bytes, size));
        }
        break;
    }
    default:
        rc = damaged(partition, msg);
    }
    sqlite3_finalize(statement);
    return rc;
}

static enum err find_roots(struct partition *partition, struct errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(partition->db,
                                "SELECT rootpage FROM sqlite_schema"
                                " WHERE type = 'table' AND name = ?1",
                                -1, &statement, NULL);

    for (unsigned i = 0; rc == SQLITE_OK && i < TABLE_COUNT; i++) {
        sqlite3_bind_text(statement, 1, table_names[i], -1, SQLITE_STATIC);
        if (sqlite3_step(statement) == SQLITE_ROW) {
            partition->roots[i] = (uint32_t)sqlite3_column_int64(statement, 0);
        }
        rc = sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    return rc == SQLITE_OK ? ERR_NONE : damaged(partition, msg);
}

enum err partition_open(struct partition *partition, struct errmsg *msg)
{
    struct buffer text;
    enum err rc = ERR_NONE;

    if (partition->db != NULL) {
        return ERR_NONE;
    }
    buffer_init(&text, 65536);
    append_uri(&text, partition->path);
    if (sqlite3_open_v2(buffer_str(&text), &partition->db,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        partition_vfs_name()) != SQLITE_OK) {
        rc = damaged(partition, msg);
        goto out;
    }
    sqlite3_db_config(partition->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(partition->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(partition->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    buffer_clear(&text);
    buffer_printf(&text, "PRAGMA mmap_size = %d; PRAGMA cache_size = -512", PARTITION_MAPPED_MAX);
    if (sqlite3_exec(partition->db, buffer_str(&text), NULL, NULL, NULL) != SQLITE_OK) {
        rc = damaged(partition, msg);
        goto out;
    }
    rc = check_identity(partition, msg);
    if (rc == ERR_NONE) {
        rc = load_dictionary(partition, msg);
    }
    if (rc == ERR_NONE) {
        rc = find_roots(partition, msg);
    }
    if (rc == ERR_NONE) {
        tree_map(&partition->tree, partition->path);
    }
out:
    buffer_free(&text);
    if (rc != ERR_NONE) {
        partition_close(partition);
    }
    return rc;
}

void partition_close(struct partition *partition)
{
    close_blobs(partition);
    sqlite3_finalize(partition->find_key);
    partition->find_key = NULL;
    sqlite3_close(partition->db);
    partition->db = NULL;
    text_unpacker_free(partition->unpacker);
    partition->unpacker = NULL;
    residence_close(partition->residence);
    partition->residence = NULL;
    tree_unmap(&partition->tree);
}

void partition_watch(struct partition *partition, struct residence_clock *clock)
{
    partition->residence =
        residence_open(partition->path, partition->tree.bytes, partition->tree.size,
                       residence_means_for(partition->path), clock);
    partition->tree.residence = partition->residence;
    partition_vfs_watch(partition->db, partition->residence);
}

enum tree_result partition_look(const struct partition *partition, enum partition_table table,
                                int64_t id, struct slice *data)
{
    return tree_find(&partition->tree, partition->roots[table], id, data);
}

enum err partition_seek(struct partition *partition, enum partition_table table, int64_t id,
                        sqlite3_blob **blob, struct errmsg *msg)
{
    sqlite3_blob **handle = &partition->blobs[table];
    int rc;

    if (*handle != NULL && partition->at[table] == id) {
        *blob = *handle;
        return ERR_NONE;
    }
    if (*handle != NULL) {
        rc = sqlite3_blob_reopen(*handle, id);
    } else {
        rc = sqlite3_blob_open(partition->db, "main", table_names[table], "data", id, 0, handle);
    }
    if (rc == SQLITE_OK) {
        *blob = *handle;
        partition->at[table] = id;
        return ERR_NONE;
    }
    if (rc == SQLITE_ERROR && strncmp(sqlite3_errmsg(partition->db), "no such rowid", 13) == 0) {
        rc = SQLITE_OK;
    } else if (is_cold(partition, msg)) {
        *blob = NULL;
        return ERR_COLD;
    } else {
        err_set(msg, ERR_CORRUPT, "read %s: %s %lld: %s", partition->path, table_names[table],
                (long long)id, sqlite3_errmsg(partition->db));
    }
    sqlite3_blob_close(*handle);
    *handle = NULL;
    *blob = NULL;
    return rc == SQLITE_OK ? ERR_NONE : ERR_CORRUPT;
}

enum err partition_find_key(struct partition *partition, struct slice name, int64_t *id,
                            bool *found, struct errmsg *msg)
{
    int rc;

    if (partition->find_key == NULL &&
        sqlite3_prepare_v3(partition->db, "SELECT key FROM keys WHERE name = ?1", -1,
                           SQLITE_PREPARE_PERSISTENT, &partition->find_key, NULL) != SQLITE_OK) {
        return damaged(partition, msg);
    }
    sqlite3_bind_text64(partition->find_key, 1, name.ptr, name.len, SQLITE_STATIC, SQLITE_UTF8);
    rc = sqlite3_step(partition->find_key);
    *found = rc == SQLITE_ROW;
    if (*found) {
        *id = sqlite3_column_int64(partition->find_key, 0);
    }
    sqlite3_reset(partition->find_key);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_NONE : damaged(partition, msg);
}

enum err partition_read(struct partition *partition, sqlite3_blob *blob, void *to, uint64_t offset,
                        uint64_t size, struct errmsg *msg)
{
    if (size == 0) {
        return ERR_NONE;
    }
    if (sqlite3_blob_read(blob, to, (int)size, (int)offset) != SQLITE_OK) {
        return damaged(partition, msg);
    }
    return ERR_NONE;
}
