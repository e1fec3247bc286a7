#include "builder/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "builder/kept_key.h"
#include "builder/keys.h"
#include "builder/level.h"

struct stream {
    struct level_context context;
    const struct collection *collection;
    struct level *level;
    struct stream_row row;
    struct kept_key key; /* the current one, once there was a row */
};

char *key_text(char *text, const struct key *key)
{
    if (key->is_text) {
        int len = key->text.len < 64 ? (int)key->text.len : 64;

        snprintf(text, KEY_TEXT_SIZE, "key \"%.*s%s\"", len, key->text.ptr,
                 key->text.len > 64 ? "..." : "");
    } else {
        snprintf(text, KEY_TEXT_SIZE, "key %" PRId64, key->integer);
    }
    return text;
}

enum err stream_open(struct source *source, const struct collection *collection,
                     const struct key_range *range, struct stream **out, struct errmsg *msg)
{
    struct query_path path = {.collection = collection};
    struct stream *stream = memory_calloc(1, sizeof *stream);
    enum err rc;

    stream->context.source = source;
    stream->context.range = range;
    stream->context.key.is_text = collection->key_is_text;
    arena_init(&stream->context.arena, 65536);
    kept_key_init(&stream->key);
    stream->collection = collection;
    rc = level_open(&stream->context, &path, &stream->level, msg);
    if (rc != ERR_NONE) {
        stream_close(stream);
        return err_wrap(msg, rc, "%.*s", SLICE_ARG(collection->name));
    }
    *out = stream;
    return ERR_NONE;
}

void stream_close(struct stream *stream)
{
    if (stream != NULL) {
        level_close(stream->level);
        arena_free(&stream->context.arena);
        kept_key_free(&stream->key);
        free(stream);
    }
}

uint64_t stream_bytes(const struct stream *stream)
{
    return stream->context.bytes;
}

uint64_t stream_duplicate_names(const struct stream *stream)
{
    return stream->context.duplicate_names;
}

/* Makes KEY the current one; tells whether it is another than before. */
static enum err enter_key(struct stream *stream, const struct key *key, struct errmsg *msg)
{
    int order = stream->key.is_set ? key_compare(&stream->key.key, key) : -1;

    stream->row.is_first = order != 0;
    if (order == 0 && collection_is_document(stream->collection)) {
        return key_repeated(key, 2, msg);
    }
    if (order > 0) {
        return key_unsorted(key, msg);
    }
    if (order != 0) {
        kept_key_set(&stream->key, key);
        stream->context.key = stream->key.key;
    }
    return ERR_NONE;
}

enum err stream_next(struct stream *stream, const struct stream_row **row, struct errmsg *msg)
{
    struct level *level = stream->level;
    const struct value *identity[1];
    struct key key;
    enum err rc = ERR_NONE;

    if (stream->key.is_set) {
        rc = level_advance(level, msg);
    }
    if (rc == ERR_NONE && level->row == NULL) {
        *row = NULL;
        rc = level_check_used(level, msg);
        return rc == ERR_NONE ? rc : err_wrap(msg, rc, "%.*s", SLICE_ARG(stream->collection->name));
    }
    arena_reset(&stream->context.arena);
    if (rc == ERR_NONE) {
        rc = key_read(stream->collection, &level->row[0], &key, msg);
    }
    if (rc == ERR_NONE) {
        rc = enter_key(stream, &key, msg);
    }
    if (rc == ERR_NONE) {
        if (stream->row.is_first) {
            level->check.has_previous = false;
        }
        identity[0] = &level->row[0];
        rc = level_take(level, identity, msg);
    }
    if (rc != ERR_NONE) {
        return err_wrap(msg, rc, "%.*s", SLICE_ARG(stream->collection->name));
    }
    stream->row.key = stream->context.key;
    stream->row.fields = level->values;
    *row = &stream->row;
    return ERR_NONE;
}
