#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/number.h"
#include "base/progress.h"
#include "commands/commands.h"
#include "commands/which_release.h"
#include "replica/reader.h"
#include "replica/survey.h"

struct inspect_arguments {
    const char *root;
    const char *release;
    const char *order;
    int64_t first;
    int64_t count;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct inspect_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_TEXT("release", "N", NULL, struct inspect_arguments, release,
                "which release; by default the current one"),
    OPTION_TEXT("order", "NAME", NULL, struct inspect_arguments, order,
                "with a key: the order of its rows; by default the stored one"),
    OPTION_INTEGER("first", "N", "0", 0, INT64_MAX, struct inspect_arguments, first,
                   "with a key: the first row to show, from 0"),
    OPTION_INTEGER("count", "N", "10000", 1, INT64_MAX, struct inspect_arguments, count,
                   "with a key: how many rows to show"),
    OPTION_END,
};

/* ---- a release ---- */

static void print_bound(const struct manifest_key *key)
{
    if (key->is_text) {
        printf("  \"%.*s\"", SLICE_ARG(key->text));
    } else {
        printf("  %" PRId64, key->integer);
    }
}

static void print_release(const struct release *release)
{
    const struct manifest *manifest = release->manifest;

    printf("release %06" PRIu64 " of %.*s, format %u, content %016" PRIx64, manifest->number,
           SLICE_ARG(manifest->definition_name), manifest->format, manifest->content_hash);
    if (manifest->parent_number > 0) {
        printf(", parent %06" PRIu64, manifest->parent_number);
    }
    printf("\n");
    printf("%-32s %12s %12s %15s  %s\n", "file", "rows", "keys", "bytes", "first and last key");
    for (unsigned i = 0; i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        char rows[32];
        char keys[32];
        char bytes[32];

        printf("%-32.*s %12s %12s %15s", SLICE_ARG(file->path),
               file->row_count > 0 ? grouped(rows, file->row_count) : "",
               file->key_count > 0 ? grouped(keys, file->key_count) : "",
               grouped(bytes, file->size_bytes));
        if (file->kind == FILE_PARTITION) {
            print_bound(&file->first_key);
            print_bound(&file->last_key);
        }
        printf("\n");
    }
}

/* ---- a collection ---- */

static void print_vector(struct slice name, const struct vector_survey *survey)
{
    char narrow[32];
    char text[32];

    printf("%-24.*s %15s %15s ", SLICE_ARG(name), grouped(narrow, survey->narrow_bytes),
           grouped(text, survey->text_bytes));
    for (unsigned id = 0; id < ENCODING_COUNT; id++) {
        if (survey->encodings[id] > 0) {
            printf(" %s %" PRIu64, encoding_name(id), survey->encodings[id]);
        }
    }
    printf("\n");
}

static enum err print_collection(const struct release *release, const struct collection *collection,
                                 struct errmsg *msg)
{
    struct survey *survey = memory_alloc(sizeof *survey);
    enum err rc = survey_collection(release, collection, survey, msg);
    char stored[32];

    if (rc == ERR_NONE) {
        printf("%.*s: %" PRIu64 " blobs, %" PRIu64 " keys with more than %d rows\n",
               SLICE_ARG(collection->name), survey->blob_count, survey->large_count, CHUNK_ROWS);
        printf("text as stored: %s bytes, compressed in %" PRIu64 " blobs\n",
               grouped(stored, survey->stored_text_bytes), survey->compressed_count);
        printf("%-24s %15s %15s  %s\n", "field", "narrow bytes", "text bytes",
               "encodings and how many vectors have them");
        for (unsigned i = 0; i < collection->field_count; i++) {
            if (!collection->fields[i].is_hidden) {
                print_vector(collection->fields[i].name,
                             &survey->vectors[collection->fields[i].vector]);
            }
        }
        for (unsigned i = 1; i < collection->order_count; i++) {
            char name[sizeof "order " + DEFINITION_NAME_MAX];

            snprintf(name, sizeof name, "order %.*s", SLICE_ARG(collection->orders[i].name));
            print_vector(slice_str(name), &survey->vectors[collection->vector_count + i - 1]);
        }
    }
    free(survey);
    return rc;
}

/* ---- a key ---- */

static enum err parse_key(const struct collection *collection, const char *text, struct key *out,
                          struct errmsg *msg)
{
    *out = (struct key){.is_text = collection->key_is_text, .text = slice_str(text)};
    if (!collection->key_is_text && !parse_integer(slice_str(text), &out->integer)) {
        return err_set(msg, ERR_USAGE, "\"%s\" is not a key: the keys of %.*s are integers", text,
                       SLICE_ARG(collection->name));
    }
    return ERR_NONE;
}

static enum err find_order(const struct collection *collection, const char *name, unsigned *out,
                           struct errmsg *msg)
{
    *out = 0;
    if (name == NULL) {
        return ERR_NONE;
    }
    for (unsigned i = 0; i < collection->order_count; i++) {
        if (slice_is(collection->orders[i].name, name)) {
            *out = i;
            return ERR_NONE;
        }
    }
    return err_set(msg, ERR_USAGE, "%.*s has no order \"%s\"", SLICE_ARG(collection->name), name);
}

/* A field may be named by any text. */
static void print_name(struct slice name)
{
    struct buffer json;

    buffer_init(&json, SIZE_MAX / 2);
    json_write_string(&json, name);
    printf("%.*s:", SLICE_ARG(buffer_slice(&json)));
    buffer_free(&json);
}

static enum err print_field(const struct field *field, const struct vector *vector, uint32_t row,
                            struct errmsg *msg)
{
    char number[SCALAR_JSON_MAX];
    struct slice text;
    int64_t integer;

    print_name(field->name);
    if (!scalar_is_text(&field->scalar)) {
        if (vector_integer(vector, row, &integer)) {
            printf("%.*s", (int)scalar_write(number, &field->scalar, integer), number);
        } else {
            printf("null");
        }
        return ERR_NONE;
    }
    switch (vector_text(vector, row, &text)) {
    case VECTOR_NULL:
        printf("null");
        return ERR_NONE;
    case VECTOR_VALUE:
        printf(field->nested != NULL ? "%.*s" : "\"%.*s\"", SLICE_ARG(text));
        return ERR_NONE;
    default:
        return err_set(msg, ERR_CORRUPT, "the text of %.*s is damaged", SLICE_ARG(field->name));
    }
}

static enum err print_row(const struct collection *collection, const struct chunk *chunk,
                          uint32_t row, struct errmsg *msg)
{
    const char *separator = "{";
    enum err rc = ERR_NONE;

    for (unsigned i = 0; rc == ERR_NONE && i < collection->field_count; i++) {
        if (!collection->fields[i].is_hidden) {
            printf("%s", separator);
            separator = ",";
            rc = print_field(&collection->fields[i], &chunk->vectors[collection->fields[i].vector],
                             row, msg);
        }
    }
    printf("}");
    return rc;
}

static enum err print_rows(struct group *group, const struct inspect_arguments *given,
                           unsigned order, struct errmsg *msg)
{
    const char *separator = "[";
    const struct chunk *chunk;
    struct rows rows;
    uint32_t row;
    enum err rc;

    group_rows(group, order, (uint64_t)given->first, (uint64_t)given->count, UINT64_MAX, &rows);
    while ((rc = rows_next(&rows, &chunk, &row, msg)) == ERR_NONE && chunk != NULL) {
        printf("%s\n", separator);
        separator = ",";
        rc = print_row(group->collection, chunk, row, msg);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    printf("%s\n]\n", separator[0] == '[' ? "[" : "");
    return rc;
}

static enum err print_key(struct release *release, const struct collection *collection,
                          const char *text, const struct inspect_arguments *given,
                          struct errmsg *msg)
{
    struct reader *reader = NULL;
    struct arena arena;
    struct group group;
    struct key key;
    unsigned order;
    bool found = false;
    enum err rc = parse_key(collection, text, &key, msg);

    arena_init(&arena, 1 << 16);
    if (rc == ERR_NONE) {
        rc = find_order(collection, given->order, &order, msg);
    }
    if (rc == ERR_NONE) {
        rc = reader_open(release, &reader, msg);
    }
    if (rc == ERR_NONE) {
        rc = reader_find(reader, (unsigned)(collection - release->definition->collections), &key,
                         &arena, &group, &found, msg);
    }
    if (rc == ERR_NONE && !found) {
        rc = err_set(msg, ERR_NOT_FOUND, "%.*s has no key %s", SLICE_ARG(collection->name), text);
    }
    if (rc == ERR_NONE) {
        fprintf(stderr, "%" PRIu64 " rows, content %016" PRIx64 "%s\n", group.row_count,
                group.content_hash, group.is_large ? ", in chunks" : "");
        rc = print_rows(&group, given, order, msg);
    }
    reader_close(reader);
    arena_free(&arena);
    return rc;
}

static enum err inspect(const struct inspect_arguments *given, const struct arguments *arguments,
                        struct errmsg *msg)
{
    const struct collection *collection;
    struct release *release = NULL;
    enum err rc = which_release(given->root, given->release,
                                &(struct release_check){.verify = false}, &release, msg);

    if (rc != ERR_NONE) {
        goto out;
    }
    if (arguments->count == 0) {
        print_release(release);
        goto out;
    }
    collection = definition_collection(release->definition, slice_str(arguments->items[0]));
    if (collection == NULL) {
        rc = err_set(msg, ERR_NOT_FOUND,
                     "the release has no collection \"%s\"; it has %u, and "
                     "`vitrine inspect --root %s` lists their files",
                     arguments->items[0], release->definition->collection_count, given->root);
    } else if (arguments->count == 1) {
        rc = print_collection(release, collection, msg);
    } else {
        rc = print_key(release, collection, arguments->items[1], given, msg);
    }
out:
    release_drop(release);
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct inspect_arguments *given = data;

    return inspect(given, arguments, msg);
}

const struct command command_inspect = {
    .name = "inspect",
    .usage = "--root DIR [options] [COLLECTION [KEY]]",
    .about = "shows a release, the encodings of a collection, or one key as JSON",
    .options = options,
    .most_arguments = 2,
    .given_size = sizeof(struct inspect_arguments),
    .work = work,
};
