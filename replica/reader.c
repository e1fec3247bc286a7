#include "replica/reader.h"

#include <stdlib.h>

#include "base/file.h"
#include "replica/reader_inside.h"

/* ---- opening ---- */

static void fill_files(struct reader *reader, unsigned index, struct collection_files *files)
{
    const struct definition *definition = reader->release->definition;
    const struct collection *collection = &definition->collections[index];
    const struct manifest *manifest = reader->release->manifest;

    for (unsigned i = 0; i < collection->field_count; i++) {
        if (!collection->fields[i].is_hidden) {
            files->is_text[collection->fields[i].vector] =
                scalar_is_text(&collection->fields[i].scalar);
        }
    }
    files->listings = memory_calloc(collection->listing_count, sizeof *files->listings);
    files->partitions = memory_calloc(manifest->file_count, sizeof *files->partitions);
    for (unsigned i = 0; i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        struct partition *partition = NULL;

        if (!slice_equal(file->collection, collection->name)) {
            continue;
        }
        if (file->kind == FILE_PARTITION) {
            partition = &files->partitions[files->partition_count++];
        }
        for (unsigned k = 0; file->kind == FILE_LISTING && k < collection->listing_count; k++) {
            if (slice_equal(file->listing, collection->listings[k].order.name)) {
                partition = &files->listings[k];
            }
        }
        if (partition != NULL && partition->file == NULL) {
            partition->file = file;
            partition->path = path_join(reader->release->dir, "%.*s", SLICE_ARG(file->path));
        }
    }
}

/* Opens every file once, so that a file that SQLite cannot read is noticed before it is served. */
static enum err open_files(const struct collection *collection, struct collection_files *files,
                           struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    for (unsigned i = 0; rc == ERR_NONE && i < files->partition_count; i++) {
        rc = partition_open(&files->partitions[i], msg);
    }
    for (unsigned i = 0; rc == ERR_NONE && i < collection->listing_count; i++) {
        if (files->listings[i].file == NULL) {
            return err_set(msg, ERR_CORRUPT, "the release has no file for the listing %.*s of %.*s",
                           SLICE_ARG(collection->listings[i].order.name),
                           SLICE_ARG(collection->name));
        }
        rc = partition_open(&files->listings[i], msg);
    }
    return rc;
}

enum err reader_open(struct release *release, struct reader **out, struct errmsg *msg)
{
    const struct definition *definition = release->definition;
    struct reader *reader = memory_calloc(1, sizeof *reader);
    enum err rc = ERR_NONE;

    reader->release = release_hold(release);
    arena_init(&reader->chunk_arena, 65536);
    reader->collections = memory_calloc(definition->collection_count, sizeof *reader->collections);
    for (unsigned i = 0; rc == ERR_NONE && i < definition->collection_count; i++) {
        fill_files(reader, i, &reader->collections[i]);
        rc = open_files(&definition->collections[i], &reader->collections[i], msg);
    }
    if (rc != ERR_NONE) {
        reader_close(reader);
        return rc;
    }
    *out = reader;
    return ERR_NONE;
}

void reader_close(struct reader *reader)
{
    const struct definition *definition;

    if (reader == NULL) {
        return;
    }
    definition = reader->release->definition;
    for (unsigned i = 0; i < definition->collection_count; i++) {
        struct collection_files *files = &reader->collections[i];

        for (unsigned k = 0; k < files->partition_count; k++) {
            partition_close(&files->partitions[k]);
            free(files->partitions[k].path);
        }
        for (unsigned k = 0;
             files->listings != NULL && k < definition->collections[i].listing_count; k++) {
            partition_close(&files->listings[k]);
            free(files->listings[k].path);
        }
        free(files->partitions);
        free(files->listings);
    }
    free(reader->collections);
    arena_free(&reader->chunk_arena);
    release_drop(reader->release);
    free(reader);
}

void reader_watch(struct reader *reader)
{
    const struct definition *definition = reader->release->definition;

    residence_clock_start(&reader->clock);
    for (unsigned i = 0; i < definition->collection_count; i++) {
        struct collection_files *files = &reader->collections[i];

        for (unsigned k = 0; k < files->partition_count; k++) {
            partition_watch(&files->partitions[k], &reader->clock);
        }
        for (unsigned k = 0; k < definition->collections[i].listing_count; k++) {
            partition_watch(&files->listings[k], &reader->clock);
        }
    }
}

void reader_begin(struct reader *reader, bool may_wait)
{
    reader->clock.is_on = !may_wait;
    if (!may_wait) {
        residence_clock_look(&reader->clock);
    }
}

const struct release *reader_release(const struct reader *reader)
{
    return reader->release;
}

const struct reader_counts *reader_counts(const struct reader *reader)
{
    return &reader->counts;
}

/* ---- keys ---- */

static int compare_key(const struct key *key, const struct manifest_key *bound)
{
    if (key->is_text) {
        return slice_compare(key->text, bound->text);
    }
    return (key->integer > bound->integer) - (key->integer < bound->integer);
}

/* The partition whose key range holds KEY, or NULL. */
static struct partition *find_partition(struct collection_files *files, const struct key *key)
{
    unsigned low = 0;
    unsigned high = files->partition_count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (compare_key(key, &files->partitions[middle].file->last_key) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == files->partition_count ||
        compare_key(key, &files->partitions[low].file->first_key) < 0) {
        return NULL;
    }
    return &files->partitions[low];
}

/* A key with many rows: where its chunks and permutations are. */
static enum err open_large(const struct stored_blob *blob, struct group *group, int64_t id,
                           struct errmsg *msg)
{
    struct blob_large large;
    unsigned orders = group->collection->order_count;

    if (blob->bytes.len != blob->size || !blob_read_large(blob->bytes, &large) || orders == 0 ||
        large.permutation_count != orders - 1 || large.row_count <= CHUNK_ROWS) {
        return stored_damaged(group->partition, TABLE_GROUPS, id, msg);
    }
    group->is_large = true;
    group->row_count = large.row_count;
    group->content_hash = large.content_hash;
    group->first_chunk = large.first_chunk;
    for (unsigned i = 0; i + 1 < orders; i++) {
        group->first_permutation[i + 1] = large.first_permutations[i];
    }
    return ERR_NONE;
}

static unsigned permutation_count(const struct collection *collection)
{
    return collection->order_count == 0 ? 0 : collection->order_count - 1;
}

enum err reader_find(struct reader *reader, unsigned collection_index, const struct key *key,
                     struct arena *arena, struct group *out, bool *found, struct errmsg *msg)
{
    struct collection_files *files = &reader->collections[collection_index];
    const struct collection *collection =
        &reader->release->definition->collections[collection_index];
    struct partition *partition = find_partition(files, key);
    struct stored_blob blob;
    int64_t id = key->integer;
    enum err rc = ERR_NONE;

    *found = false;
    *out = (struct group){
        .reader = reader, .partition = partition, .collection = collection, .arena = arena};
    if (partition == NULL) {
        return ERR_NONE;
    }
    if (key->is_text) {
        rc = partition_find_key(partition, key->text, &id, found, msg);
        if (rc != ERR_NONE || !*found) {
            return rc;
        }
    }
    rc = stored_read(reader, partition, TABLE_GROUPS, id, arena, &blob, found, msg);
    if (rc != ERR_NONE || !*found) {
        return rc;
    }
    if (blob.header.kind == BLOB_LARGE) {
        return open_large(&blob, out, id, msg);
    }
    if (!stored_open_vectors(&blob, BLOB_ROWS,
                             collection->vector_count + permutation_count(collection),
                             files->is_text, arena, &out->chunk)) {
        return stored_damaged(partition, TABLE_GROUPS, id, msg);
    }
    out->row_count = blob.header.row_count;
    out->content_hash = blob.header.content_hash;
    out->chunk.table = TABLE_GROUPS;
    out->chunk.id = id;
    return ERR_NONE;
}
