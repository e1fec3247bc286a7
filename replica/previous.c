#include "replica/previous.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "replica/reader_inside.h"

static enum err unreadable(const struct previous *previous, struct errmsg *msg)
{
    return err_set(msg, ERR_CORRUPT, "read %s: %s", previous->file.path,
                   sqlite3_errmsg(previous->file.db));
}

enum err previous_damaged(const struct previous *previous, enum partition_table table, int64_t id,
                          struct errmsg *msg)
{
    return stored_damaged(&previous->file, table, id, msg);
}

enum err previous_open(struct previous *out, const char *path, enum store_kind kind,
                       struct errmsg *msg)
{
    const char *sql = kind == STORE_PARTITION_TEXT ? "SELECT name, key FROM keys ORDER BY name"
                                                   : "SELECT key FROM groups ORDER BY key";
    enum err rc;

    *out = (struct previous){.file = {.path = memory_copy_str(path)},
                             .has_names = kind == STORE_PARTITION_TEXT};
    rc = partition_open(&out->file, msg);
    if (rc != ERR_NONE || kind == STORE_LISTING) {
        return rc;
    }
    if (sqlite3_prepare_v2(out->file.db, sql, -1, &out->keys, NULL) != SQLITE_OK) {
        return unreadable(out, msg);
    }
    return previous_next(out, msg);
}

void previous_close(struct previous *previous)
{
    sqlite3_finalize(previous->keys);
    partition_close(&previous->file);
    free(previous->file.path);
    *previous = (struct previous){.keys = NULL};
}

enum err previous_next(struct previous *previous, struct errmsg *msg)
{
    int rc = sqlite3_step(previous->keys);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return unreadable(previous, msg);
    }
    previous->has_key = rc == SQLITE_ROW;
    if (previous->has_key && previous->has_names) {
        const char *text = (const char *)sqlite3_column_text(previous->keys, 0);
        int size = sqlite3_column_bytes(previous->keys, 0);

        previous->key =
            (struct key){.is_text = true, .text = slice_of(text == NULL ? "" : text, (size_t)size)};
        previous->id = sqlite3_column_int64(previous->keys, 1);
    } else if (previous->has_key) {
        previous->id = sqlite3_column_int64(previous->keys, 0);
        previous->key = (struct key){.integer = previous->id};
    }
    return ERR_NONE;
}

enum err previous_look(struct previous *previous, enum partition_table table, int64_t id,
                       struct look *out, struct errmsg *msg)
{
    sqlite3_blob *blob = NULL;
    enum tree_result result;
    enum err rc;

    *out = (struct look){.found = false};
    result = partition_look(&previous->file, table, id, &out->bytes);
    if (result != TREE_UNSURE) {
        out->found = result == TREE_FOUND;
        out->size = out->found ? out->bytes.len : 0;
        out->bytes.len = out->size < LOOK_MAX ? out->size : LOOK_MAX;
        return ERR_NONE;
    }
    rc = partition_seek(&previous->file, table, id, &blob, msg);
    if (rc != ERR_NONE || blob == NULL) {
        return rc;
    }
    out->found = true;
    out->size = (uint64_t)sqlite3_blob_bytes(blob);
    out->bytes = slice_of(out->copy, out->size < LOOK_MAX ? out->size : LOOK_MAX);
    return partition_read(&previous->file, blob, out->copy, 0, out->bytes.len, msg);
}

bool look_is_same(const struct look *look, struct slice blob)
{
    bool is_large = blob.ptr[0] == BLOB_LARGE;
    size_t size = is_large ? blob.len : (size_t)BLOB_HEADER_SIZE;

    return look->found && look->bytes.len >= size && (!is_large || look->size == size) &&
           ((uint8_t)look->bytes.ptr[0] & ~(unsigned)BLOB_COMPRESSED) == (uint8_t)blob.ptr[0] &&
           memcmp(look->bytes.ptr + 1, blob.ptr + 1, size - 1) == 0;
}

enum err previous_runs(struct previous *previous, struct run *runs, unsigned *count,
                       struct errmsg *msg)
{
    struct blob_large large;
    struct look look;
    enum err rc = previous_look(previous, TABLE_GROUPS, previous->id, &look, msg);

    *count = 0;
    if (rc != ERR_NONE) {
        return rc;
    }
    if (!look.found || look.bytes.len < BLOB_HEADER_SIZE) {
        return previous_damaged(previous, TABLE_GROUPS, previous->id, msg);
    }
    if (look.bytes.ptr[0] != BLOB_LARGE) {
        return ERR_NONE;
    }
    if (look.size != look.bytes.len || !blob_read_large(look.bytes, &large)) {
        return previous_damaged(previous, TABLE_GROUPS, previous->id, msg);
    }
    *count = 1 + large.permutation_count;
    runs[0] = (struct run){large.first_chunk, (large.row_count + CHUNK_ROWS - 1) / CHUNK_ROWS};
    for (unsigned i = 0; i < large.permutation_count; i++) {
        runs[1 + i] = (struct run){large.first_permutations[i],
                                   (large.row_count + PERMUTATION_ROWS - 1) / PERMUTATION_ROWS};
    }
    return ERR_NONE;
}
