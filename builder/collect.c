#include "builder/collect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "builder/delta.h"
#include "builder/kept_key.h"
#include "builder/keys.h"
#include "builder/pack.h"
#include "builder/stream.h"
#include "replica/format.h"
#include "replica/logical.h"
#include "replica/store.h"

struct collecting {
    const struct collect_range *what;
    const struct key_range *range;
    struct progress *progress;
    uint64_t rows_shown; /* to progress, by this attempt or one that was given up */
    struct pack *pack;
    unsigned part;                    /* the number of the partition, from 1 */
    const struct manifest_file *base; /* of the partition; NULL: it is fresh */
    bool is_wasteful;                 /* base is no use after all */
    struct store *store;              /* the partition being filled, or NULL */
    struct manifest_file partition;   /* its entry so far */
    struct kept_key last_key;         /* of the partition */
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

/* "loans/0001.db"; "loans/0001-2.db" of the second part, unless another range's base is called so. */
static struct slice next_path(struct collecting *state)
{
    struct slice path = state->range->path;
    char name[256];

    if (++state->part == 1) {
        return arena_copy(&state->out->arena, path);
    }
    for (;; state->part++) {
        snprintf(name, sizeof name, "%.*s-%u.db", (int)(path.len - strlen(".db")), path.ptr,
                 state->part);
        if (!key_ranges_have(state->what->ranges, slice_str(name))) {
            return arena_copy(&state->out->arena, slice_str(name));
        }
    }
}

static enum err begin_partition(struct collecting *state, struct errmsg *msg)
{
    const struct collection *collection = state->what->collection;
    enum store_kind kind = collection->key_is_text ? STORE_PARTITION_TEXT : STORE_PARTITION;
    struct slice name = next_path(state);
    char *path = path_join(state->what->release_dir, "%.*s", SLICE_ARG(name));
    enum err rc = ERR_NONE;

    state->partition = (struct manifest_file){
        .kind = FILE_PARTITION, .path = name, .collection = collection->name};
    state->base = state->part == 1 && state->what->base != NULL ? state->range->base : NULL;
    if (state->base != NULL) {
        state->store = delta_begin(state->what->base, state->base, kind, path);
    }
    if (state->store == NULL) {
        state->base = NULL;
        rc = store_create(path, kind, &state->store, msg);
        if (rc == ERR_NONE) {
            rc = store_about(state->store, "collection", collection->name, msg);
        }
    }
    free(path);
    return rc;
}

/* A changed partition of which little is left as it was is given up. */
static enum err check_waste(struct collecting *state, struct errmsg *msg)
{
    if (state->base == NULL || !delta_is_wasteful(state->store, state->base)) {
        return ERR_NONE;
    }
    state->is_wasteful = true;
    return err_set(msg, ERR_LIMIT, "too much has changed");
}

static enum err end_partition(struct collecting *state, struct errmsg *msg)
{
    struct store *store = state->store;
    struct collected *out = state->out;
    enum err rc;

    if (store == NULL) {
        return ERR_NONE;
    }
    rc = store_key(store, NULL, msg);
    if (rc == ERR_NONE) {
        rc = check_waste(state, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
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
    uint64_t hash;
    enum err rc = pack_finish(state->pack, key, state->store, &hash, msg);

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
    counts->logical_hash += logical_key(key, hash);
    if (counts->row_count > state->rows_shown) {
        progress_add(state->progress, counts->row_count - state->rows_shown);
        state->rows_shown = counts->row_count;
    }
    return check_waste(state, msg);
}

/* Makes sure that there is a partition for KEY, which comes next; a full one ends here. */
static enum err make_room(struct collecting *state, const struct key *key, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    if (state->store != NULL && is_full(state)) {
        rc = end_partition(state, msg);
    }
    if (rc == ERR_NONE && state->store == NULL) {
        rc = begin_partition(state, msg);
    }
    return rc == ERR_NONE ? store_key(state->store, key, msg) : rc;
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
        rc = make_room(state, empty, msg);
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
            rc = make_room(state, &row->key, msg);
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
                   SLICE_ARG(state->what->collection->name), found, state->range->row_count);
}

static enum err collect_rows(struct collecting *state, struct source *source, struct errmsg *msg)
{
    struct stream *stream = NULL;
    struct keys *keys = NULL;
    enum err rc = stream_open(source, state->what->collection, state->range, &stream, msg);

    if (rc == ERR_NONE) {
        rc = keys_open(source, state->what->collection, state->range, &keys, msg);
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

static enum err attempt(struct collecting *state, struct source *source, struct errmsg *msg)
{
    enum err rc;

    *state->out = (struct collected){.file_count = 0};
    arena_init(&state->out->arena, 4096);
    state->pack = pack_new(state->what->collection);
    kept_key_init(&state->last_key);
    rc = collect_rows(state, source, msg);
    store_abandon(state->store);
    pack_free(state->pack);
    kept_key_free(&state->last_key);
    return rc;
}

enum err collect_range(struct source *source, const struct collect_range *what,
                       struct progress *progress, struct collected *out, struct errmsg *msg)
{
    const struct key_range *range = &what->ranges->items[what->index];
    struct collect_range plain = *what;
    struct collecting state = {.what = &plain, .range = range, .progress = progress, .out = out};
    enum err rc;

    if (range->base != NULL && !delta_is_promising(range->base, range->row_count)) {
        plain.base = NULL;
    }
    rc = attempt(&state, source, msg);
    if (!delta_is_given_up(state.base, state.is_wasteful, rc, msg)) {
        return rc;
    }
    collected_free(out);
    plain.base = NULL;
    state = (struct collecting){.what = &plain,
                                .range = range,
                                .progress = progress,
                                .rows_shown = state.rows_shown,
                                .out = out};
    return attempt(&state, source, msg);
}

void collected_free(struct collected *collected)
{
    arena_free(&collected->arena);
    free(collected->files);
    *collected = (struct collected){.file_count = 0};
}
