#include "builder/key_range.h"

#include <stdio.h>
#include <stdlib.h>

#include "builder/kept_key.h"
#include "builder/keys.h"
#include "builder/query.h"

enum { SLACK = 4 }; /* a range with a base may have one SLACKth more rows than others */

struct counting {
    const struct collection *collection;
    uint64_t rows_max;
    const struct key_bases *bases;
    unsigned bases_begun;
    struct kept_key last; /* key counted */
    struct key_ranges *ranges;
    unsigned room;
};

static struct key copy_key(struct arena *arena, const struct key *key)
{
    struct key copy = *key;

    if (key->is_text) {
        copy.text = arena_copy(arena, key->text);
    }
    return copy;
}

/* The range behind the last one, from LOW on; the first has no lower limit: LOW is NULL. */
static struct key_range *add_range(struct counting *counting, const struct key *low)
{
    struct key_ranges *ranges = counting->ranges;
    struct key_range *range;

    if (ranges->count == counting->room) {
        counting->room = counting->room == 0 ? 16 : counting->room * 2;
        ranges->items = memory_realloc(ranges->items, counting->room * sizeof *ranges->items);
    }
    range = &ranges->items[ranges->count++];
    *range = (struct key_range){.has_low = low != NULL};
    if (low != NULL) {
        range->low = copy_key(&ranges->arena, low);
        range[-1].high = range->low;
        range[-1].has_high = true;
    }
    return range;
}

static struct key first_key(const struct manifest_file *base)
{
    return (struct key){.is_text = base->first_key.is_text,
                        .integer = base->first_key.integer,
                        .text = base->first_key.text};
}

/* The ranges of the bases that begin at KEY or before; of all that are left, when KEY is NULL. */
static void begin_bases(struct counting *counting, const struct key *key)
{
    while (counting->bases_begun < counting->bases->count) {
        const struct manifest_file *base = counting->bases->items[counting->bases_begun];
        struct key low = first_key(base);

        if (counting->bases_begun == 0) {
            counting->ranges->items[0].base = base; /* and all that comes before it */
        } else if (key != NULL && key_compare(&low, key) > 0) {
            return;
        } else {
            add_range(counting, &low)->base = base;
        }
        counting->bases_begun++;
    }
}

static uint64_t rows_most(const struct counting *counting, const struct key_range *range)
{
    return counting->rows_max + (range->base != NULL ? counting->rows_max / SLACK : 0);
}

/* KEY, with ROWS rows, goes to the last range or begins the next one. */
static void take_key(struct counting *counting, const struct key *key, uint64_t rows)
{
    struct key_ranges *ranges = counting->ranges;
    struct key_range *range;

    begin_bases(counting, key);
    range = &ranges->items[ranges->count - 1];
    if (range->row_count > 0 && range->row_count + rows > rows_most(counting, range)) {
        range = add_range(counting, key);
    }
    range->row_count += rows;
    ranges->row_count += rows;
}

static enum err take_count(struct counting *counting, const struct value *row, struct errmsg *msg)
{
    static const struct scalar integer = {.type = SCALAR_INTEGER};
    struct key key;
    int64_t rows;
    enum err rc = scalar_from_value(&integer, &row[1], &rows, msg);

    if (rc == ERR_NONE && row[0].type == VALUE_NULL) {
        rc = key_missing(counting->collection, (uint64_t)rows, msg);
    }
    if (rc == ERR_NONE) {
        rc = key_read(counting->collection, &row[0], &key, msg);
    }
    if (rc == ERR_NONE && rows > 1 && collection_is_document(counting->collection)) {
        rc = key_repeated(&key, (uint64_t)rows, msg);
    }
    if (rc == ERR_NONE && counting->last.is_set && key_compare(&counting->last.key, &key) >= 0) {
        rc = key_unsorted(&key, msg);
    }
    if (rc == ERR_NONE) {
        take_key(counting, &key, (uint64_t)rows);
        kept_key_set(&counting->last, &key);
    }
    return rc;
}

static enum err take_counts(struct counting *counting, struct source *source,
                            struct source_rows *rows, struct progress *progress, struct errmsg *msg)
{
    for (;;) {
        const struct value *row;
        enum err rc = source_is_stopped(source) ? err_set(msg, ERR_INTERRUPTED, "interrupted")
                                                : source_rows_next(rows, &row, msg);

        if (rc != ERR_NONE || row == NULL) {
            return rc;
        }
        rc = take_count(counting, row, msg);
        if (rc != ERR_NONE) {
            return rc;
        }
        progress_add(progress, 1);
    }
}

bool key_ranges_have(const struct key_ranges *ranges, struct slice path)
{
    for (unsigned i = 0; i < ranges->count; i++) {
        if (slice_equal(ranges->items[i].path, path)) {
            return true;
        }
    }
    return false;
}

static bool bases_have(const struct key_bases *bases, struct slice path)
{
    for (unsigned i = 0; i < bases->count; i++) {
        if (slice_equal(bases->items[i]->path, path)) {
            return true;
        }
    }
    return false;
}

static void name_ranges(struct key_ranges *ranges, const struct collection *collection,
                        const struct key_bases *bases)
{
    unsigned number = 0;

    for (unsigned i = 0; i < ranges->count; i++) {
        if (ranges->items[i].base != NULL) {
            ranges->items[i].path = ranges->items[i].base->path;
        }
    }
    for (unsigned i = 0; i < ranges->count; i++) {
        struct key_range *range = &ranges->items[i];
        char path[DEFINITION_NAME_MAX + 32];

        while (range->path.len == 0) {
            snprintf(path, sizeof path, "%.*s/%04u.db", SLICE_ARG(collection->name), ++number);
            if (!bases_have(bases, slice_str(path))) {
                range->path = arena_copy(&ranges->arena, slice_str(path));
            }
        }
    }
}

enum err key_ranges_read(struct source *source, const struct collection *collection,
                         uint64_t rows_max, const struct key_bases *bases,
                         struct progress *progress, struct key_ranges *out, struct errmsg *msg)
{
    struct counting counting = {
        .collection = collection, .rows_max = rows_max, .bases = bases, .ranges = out};
    struct source_rows *rows = NULL;
    struct buffer sql;
    enum err rc;

    *out = (struct key_ranges){.count = 0};
    arena_init(&out->arena, 4096);
    add_range(&counting, NULL);
    kept_key_init(&counting.last);
    buffer_init(&sql, QUERY_SIZE_MAX);
    query_counts(collection, source_dialect(source), &sql);
    rc = source_query(source, buffer_str(&sql), NULL, 0, 2, &rows, msg);
    if (rc == ERR_NONE) {
        rc = take_counts(&counting, source, rows, progress, msg);
    }
    begin_bases(&counting, NULL);
    name_ranges(out, collection, bases);
    source_rows_close(rows);
    buffer_free(&sql);
    kept_key_free(&counting.last);
    return rc == ERR_NONE ? rc : err_wrap(msg, rc, "%.*s", SLICE_ARG(collection->name));
}

void key_ranges_free(struct key_ranges *ranges)
{
    if (ranges->items != NULL) {
        arena_free(&ranges->arena);
        free(ranges->items);
        *ranges = (struct key_ranges){.count = 0};
    }
}

static struct value value_of(const struct key *key)
{
    if (key->is_text) {
        return (struct value){.type = VALUE_TEXT, .text = key->text};
    }
    return (struct value){.type = VALUE_INTEGER, .integer = key->integer};
}

enum err key_range_query(struct source *source, const struct key_range *range, const char *sql,
                         unsigned column_count, struct source_rows **out, struct errmsg *msg)
{
    struct value limits[2] = {value_of(&range->low), value_of(&range->high)};
    bool is_limited = range->has_low || range->has_high;

    return source_query(source, sql, limits, is_limited ? 2 : 0, column_count, out, msg);
}
