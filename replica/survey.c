#include "replica/survey.h"

#include <stdlib.h>

#include "base/file.h"
#include "replica/partition.h"

static void count_vector(struct vector_survey *survey, const struct vector *vector, size_t narrow)
{
    survey->count++;
    survey->null_count += vector->nulls != NULL;
    survey->narrow_bytes += narrow;
    survey->text_bytes += vector->text_size;
    survey->encodings[vector->encoding]++;
}

/* Where the vectors of a blob are counted: a block of a permutation counts as the first of them. */
static unsigned first_slot(const struct blob_header *header, const struct collection *collection)
{
    return header->kind == BLOB_PERMUTATION ? collection->vector_count : 0;
}

static bool count_blob(struct survey *survey, const struct collection *collection,
                       const bool *is_text, struct slice bytes)
{
    struct blob_header header;
    size_t at = BLOB_HEADER_SIZE;
    unsigned slot;

    if (bytes.len < BLOB_HEADER_SIZE || !blob_read_header(bytes.ptr, bytes.len, &header)) {
        return false;
    }
    survey->blob_count++;
    survey->compressed_count += header.is_compressed;
    survey->stored_text_bytes += bytes.len - header.narrow_size;
    survey->header_bytes += BLOB_HEADER_SIZE;
    if (header.kind == BLOB_LARGE) {
        survey->large_count++;
        survey->header_bytes += bytes.len - BLOB_HEADER_SIZE;
        return true;
    }
    slot = first_slot(&header, collection);
    for (unsigned i = 0; i < header.vector_count; i++) {
        struct vector vector;
        size_t start = at;

        if (slot + i >= survey->vector_count ||
            !vector_open(slice_of(bytes.ptr, header.narrow_size), &at, header.row_count,
                         is_text[slot + i], &vector)) {
            return false;
        }
        count_vector(&survey->vectors[slot + i], &vector, at - start);
    }
    return true;
}

static enum err count_table(struct partition *partition, const struct collection *collection,
                            const bool *is_text, const char *sql, struct survey *survey,
                            struct errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    enum err rc = ERR_NONE;
    int step;

    if (sqlite3_prepare_v2(partition->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        return err_set(msg, ERR_CORRUPT, "read %s: %s", partition->path,
                       sqlite3_errmsg(partition->db));
    }
    while (rc == ERR_NONE && (step = sqlite3_step(statement)) != SQLITE_DONE) {
        const char *bytes = step == SQLITE_ROW ? sqlite3_column_blob(statement, 1) : NULL;

        if (bytes == NULL ||
            !count_blob(survey, collection, is_text,
                        slice_of(bytes, (size_t)sqlite3_column_bytes(statement, 1)))) {
            rc = err_set(msg, ERR_CORRUPT, "read %s: row %lld is damaged", partition->path,
                         (long long)sqlite3_column_int64(statement, 0));
        }
    }
    sqlite3_finalize(statement);
    return rc;
}

static enum err count_partition(const struct release *release, const struct manifest_file *file,
                                const struct collection *collection, const bool *is_text,
                                struct survey *survey, struct errmsg *msg)
{
    struct partition partition = {.file = file,
                                  .path = path_join(release->dir, "%.*s", SLICE_ARG(file->path))};
    enum err rc = partition_open(&partition, msg);

    if (rc == ERR_NONE) {
        rc = count_table(&partition, collection, is_text, "SELECT key, data FROM groups", survey,
                         msg);
    }
    if (rc == ERR_NONE) {
        rc = count_table(&partition, collection, is_text, "SELECT id, data FROM chunks", survey,
                         msg);
    }
    partition_close(&partition);
    free(partition.path);
    return rc;
}

enum err survey_collection(const struct release *release, const struct collection *collection,
                           struct survey *out, struct errmsg *msg)
{
    bool is_text[BLOB_VECTORS_MAX] = {false};
    unsigned orders = collection->order_count > 0 ? collection->order_count - 1 : 0;
    enum err rc = ERR_NONE;

    memset(out, 0, sizeof *out);
    out->vector_count = collection->vector_count + orders;
    for (unsigned i = 0; i < collection->field_count; i++) {
        const struct field *field = &collection->fields[i];

        if (!field->is_hidden) {
            is_text[field->vector] = scalar_is_text(&field->scalar);
        }
    }
    for (unsigned i = 0; rc == ERR_NONE && i < release->manifest->file_count; i++) {
        const struct manifest_file *file = &release->manifest->files[i];

        if (file->kind == FILE_PARTITION && slice_equal(file->collection, collection->name)) {
            rc = count_partition(release, file, collection, is_text, out, msg);
        }
    }
    return rc;
}
