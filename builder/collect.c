#include "builder/collect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "builder/kept_key.h"
#include "builder/keys.h"
#include "builder/pack.h"
#include "builder/stream.h"
#include "replica/format.h"
#include "replica/store.h"

struct collecting {
    const struct collection *collection;
    const struct key_range *range;
    unsigned number; /* of the range */
    const char *release_dir;
    struct progress *progress;
    struct pack *pack;
    struct store *store;            /* the partition being filled, or NULL */
    struct manifest_file partition; /* its entry so far */
    struct kept_key last_key;       /* of the partition */
    struct collected *out;
};

/* A key as the manifest says it; its text is copied to ARENA. */
static struct manifest_key manifest_key(struct arena *arena, const struct key *key)
{
    struct manifest_key copy = {.is_text = key->is_text, .integer = key->integer};

    if (key->is_text) {
        copy.text = arena_copy(arena, key->text);
    }
    return copy;
}

/* ---- partitions ---- */

static enum err begin_partition(struct collecting *state, struct errmsg *msg)
{
    const struct collection *collection = state->collection;
    struct arena *arena = &state->out->arena;
    unsigned part = state->out->file_count + 1;
    char suffix[16] = "";
    char name[256];
    char *path;
    enum err rc;

    if (part > 1) {
        snprintf(suffix, sizeof suffix, "-%u", part);
    }
    snprintf(name, sizeof name, "%.*s/%04u%s.db", SLICE_ARG(collection->name), state->number,
             suffix);
    state->partition = (struct manifest_file){.kind = FILE_PARTITION,
                                              .path = arena_copy(arena, slice_str(name)),
                                              .collection = collection->name};
    path = path_join(state->release_dir, "%s", name);
    rc = store_create(path, collection->key_is_text ? STORE_PARTITION_TEXT : STORE_PARTITION,
                      &state->store, msg);
    free(path);
    if (rc == ERR_NONE) {
        rc = store_about(state->store, "collection", collection->name, msg);
    }
    return rc;
}

static enum err end_partition(struct collecting *state, struct errmsg *msg)
{
    struct store *store = state->store;
    struct collected *out = state->out;
    enum err rc;

    if (store == NULL) {
        return ERR_NONE;
    }
    state->store = NULL;
    state->partition.last_key = manifest_key(&out->arena, &state->last_key.key);
    rc = store_finish(store, msg);
    if (rc == ERR_NONE) {
        out->files = memory_realloc(out->files, (out->file_count + 1) * sizeof *out->files);
        out->files[out->file_count++] = state->partition;
    }
    return rc;
}

/* The range sees to the rows of a partition; one of long texts may be large all the same. */
static bool is_full(const struct collecting *state)
{
    return state->partition.key_count > 0 && store_bytes(state->store) > PARTITION_BYTES_MAX;
}

/* Writes the group of KEY from what was packed. */
static enum err end_key(struct collecting *state, const struct key *key, struct errmsg *msg)
{
    uint64_t row_count = pack_row_count(state->pack);
    struct collect_counts *counts = &state->out->counts;
    char text[KEY_TEXT_SIZE];
    enum err rc = pack_finish(state->pack, key, state->store, msg);

    if (rc != ERR_NONE) {
        return err_wrap(msg, rc, "%s", key_text(text, key));
    }
    if (state->partition.key_count++ == 0) {
        state->partition.first_key = manifest_key(&state->out->arena, key);
    }
    kept_key_set(&state->last_key, key);
    state->partition.row_count += row_count;
    counts->row_count += row_count;
    counts->key_count++;
    progress_add(state->progress, row_count);
    return ERR_NONE;
}

/* Makes sure that there is a partition for the next key; a full one ends here. */
static enum err make_room(struct collecting *state, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    if (state->store != NULL && is_full(state)) {
        rc = end_partition(state, msg);
    }
    if (rc == ERR_NONE && state->store == NULL) {
        rc = begin_partition(state, msg);
    }
    return rc;
}

/* ---- the pass over the rows ---- */

/* Groups without rows for the keys that `keys` yields before KEY (all, when KEY is NULL). */
static enum err empty_keys(struct collecting *state, struct keys *keys, const struct key *key,
                           struct errmsg *msg)
{
    for (;;) {
        const struct key *empty;
        enum err rc = keys_before(keys, key, &empty, msg);

        if (rc != ERR_NONE || empty == NULL) {
            return rc;
        }
        rc = make_room(state, msg);
        if (rc == ERR_NONE) {
            rc = end_key(state, empty, msg);
        }
        if (rc != ERR_NONE) {
            return rc;
        }
    }
}

static enum err take_row(struct collecting *state, struct keys *keys, struct kept_key *current,
                         const struct stream_row *row, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    if (row->is_first) {
        if (current->is_set) {
            rc = end_key(state, &current->key, msg);
        }
        if (rc == ERR_NONE) {
            rc = empty_keys(state, keys, &row->key, msg);
        }
        if (rc == ERR_NONE) {
            rc = make_room(state, msg);
        }
        kept_key_set(current, &row->key);
    }
    return rc == ERR_NONE ? pack_row(state->pack, row->fields, state->store, msg) : rc;
}

static enum err take_rows(struct collecting *state, struct source *source, struct stream *stream,
                          struct keys *keys, struct errmsg *msg)
{
    struct kept_key current; /* of the rows being packed */
    const struct stream_row *row;
    enum err rc;

    kept_key_init(&current);
    for (;;) {
        rc = source_is_stopped(source) ? err_set(msg, ERR_INTERRUPTED, "interrupted")
                                       : stream_next(stream, &row, msg);
        if (rc != ERR_NONE || row == NULL) {
            break;
        }
        rc = take_row(state, keys, &current, row, msg);
        if (rc != ERR_NONE) {
            break;
        }
    }
    if (rc == ERR_NONE && current.is_set) {
        rc = end_key(state, &current.key, msg);
    }
    if (rc == ERR_NONE) {
        rc = empty_keys(state, keys, NULL, msg);
    }
    kept_key_free(&current);
    return rc;
}

static enum err check_count(const struct collecting *state, struct errmsg *msg)
{
    uint64_t found = state->out->counts.row_count;

    if (found == state->range->row_count) {
        return ERR_NONE;
    }
    return err_set(msg, ERR_INPUT,
                   "%.*s: %" PRIu64 " rows where %" PRIu64
                   " were counted; the SELECT must give the same rows each time it runs, and the "
                   "source must compare keys as it sorts them: give the key column one type",
                   SLICE_ARG(state->collection->name), found, state->range->row_count);
}

static enum err collect_rows(struct collecting *state, struct source *source, struct errmsg *msg)
{
    struct stream *stream = NULL;
    struct keys *keys = NULL;
    enum err rc = stream_open(source, state->collection, state->range, &stream, msg);

    if (rc == ERR_NONE) {
        rc = keys_open(source, state->collection, state->range, &keys, msg);
    }
    if (rc == ERR_NONE) {
        rc = take_rows(state, source, stream, keys, msg);
    }
    if (rc == ERR_NONE) {
        rc = check_count(state, msg);
    }
    if (rc == ERR_NONE) {
        rc = end_partition(state, msg);
    }
    if (stream != NULL) {
        state->out->counts.source_bytes = stream_bytes(stream);
        state->out->counts.duplicate_names = stream_duplicate_names(stream);
    }
    keys_close(keys);
    stream_close(stream);
    return rc;
}

enum err collect_range(struct source *source, const struct collection *collection,
                       const struct key_range *range, unsigned number, const char *release_dir,
                       struct progress *progress, struct collected *out, struct errmsg *msg)
{
    struct collecting state = {.collection = collection,
                               .range = range,
                               .number = number,
                               .release_dir = release_dir,
                               .progress = progress,
                               .pack = pack_new(collection),
                               .out = out};
    enum err rc;

    *out = (struct collected){.file_count = 0};
    arena_init(&out->arena, 4096);
    kept_key_init(&state.last_key);
    rc = collect_rows(&state, source, msg);
    store_abandon(state.store);
    pack_free(state.pack);
    kept_key_free(&state.last_key);
    return rc;
}

void collected_free(struct collected *collected)
{
    arena_free(&collected->arena);
    free(collected->files);
    *collected = (struct collected){.file_count = 0};
}
