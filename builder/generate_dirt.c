#include "builder/generate_dirt.h"

#include <assert.h>

#include "builder/generate_dirt_kinds.h"

enum { HELD_MAX = 64 << 20 };

static bool takes(const struct dirt_kind *kind, const struct plan_table *table, unsigned column)
{
    const struct table_column *to = table->columns[column].column;
    bool is_key = (int)column == table->table->primary_key;

    if ((kind->types & 1u << to->type) == 0) {
        return false;
    }
    switch (kind->need) {
    case NEEDS_NOTHING:
        return true;
    case NEEDS_OPTIONAL:
        return !to->is_required;
    case NEEDS_REQUIRED:
        return to->is_required;
    case NEEDS_BOUNDS:
        return to->has_bounds;
    case NEEDS_KEY:
        return is_key;
    case NEEDS_PLAIN:
        return !is_key;
    case NEEDS_DISTINCT:
        return table->columns[column].sample->kind == SAMPLE_DISTINCT;
    }
    return false;
}

/* A random one of the columns that KIND takes; -1 when there is none. */
static int choose_column(const struct dirt_kind *kind, const struct plan_table *table,
                         struct random *random)
{
    unsigned found = 0;
    int column = -1;

    for (unsigned i = 0; i < table->column_count; i++) {
        if (takes(kind, table, i) && random_below(random, ++found) == 0) {
            column = (int)i;
        }
    }
    return column;
}

static void begin_pause(struct dirt *dirt)
{
    uint64_t mean = DIRT_ROWS_PER_KIND / dirt->kind_count;

    dirt->rows_left = random_below(&dirt->random, 2 * mean);
}

void dirt_init(struct dirt *dirt, struct arena *arena, const struct plan_table *table,
               uint64_t seed)
{
    uint64_t stream = random_stream(seed, table->table->name);

    *dirt = (struct dirt){.table = table};
    dirt->random = random_start(random_stream(stream, slice_str("dirt")), 0);
    dirt->kinds = arena_calloc(arena, dirt_kind_count, sizeof *dirt->kinds);
    for (unsigned i = 0; i < dirt_kind_count; i++) {
        if (dirt_kinds[i].types == 0 || choose_column(&dirt_kinds[i], table, &dirt->random) >= 0) {
            dirt->kinds[dirt->kind_count++] = i;
        }
    }
    buffer_init(&dirt->changed, HELD_MAX);
    buffer_init(&dirt->held, HELD_MAX);
    begin_pause(dirt);
}

void dirt_free(struct dirt *dirt)
{
    buffer_free(&dirt->changed);
    buffer_free(&dirt->held);
}

static void change_record(struct dirt *dirt, unsigned kind, struct slice row, const uint32_t *ends)
{
    unsigned count = dirt->table->column_count;

    if (kind == KIND_FIELD_MORE || count < 2) {
        buffer_append_slice(&dirt->changed, row);
        buffer_append_str(&dirt->changed, ",one more");
    } else {
        buffer_append(&dirt->changed, row.ptr, ends[count - 2]);
    }
}

static void change_field(struct dirt *dirt, const struct dirt_kind *kind, struct slice row,
                         const uint32_t *ends)
{
    int chosen = choose_column(kind, dirt->table, &dirt->random);
    struct dirt_spot spot;
    size_t start;

    assert(chosen >= 0);
    start = chosen == 0 ? 0 : ends[chosen - 1] + 1;
    spot.column = &dirt->table->columns[chosen];
    spot.field = slice_of(row.ptr + start, ends[chosen] - start);
    spot.chance = random_next(&dirt->random) >> 8;
    buffer_append(&dirt->changed, row.ptr, start);
    kind->soil(&dirt->changed, &spot);
    buffer_append(&dirt->changed, row.ptr + ends[chosen], row.len - ends[chosen]);
}

struct slice dirt_apply(struct dirt *dirt, struct slice row, const uint32_t *ends, bool *is_held)
{
    unsigned kind;

    *is_held = false;
    if (dirt->rows_left > 0) {
        dirt->rows_left--;
        return row;
    }
    begin_pause(dirt);
    kind = dirt->kinds[dirt->next];
    dirt->next = (dirt->next + 1) % dirt->kind_count;
    if (kind == KIND_SWAPPED) {
        if (dirt->held.len > 0) {
            return row; /* one is waiting already */
        }
        buffer_append_slice(&dirt->held, row);
        *is_held = true;
        return row;
    }
    buffer_clear(&dirt->changed);
    if (kind < KIND_FIRST_OF_FIELD) {
        change_record(dirt, kind, row, ends);
    } else {
        change_field(dirt, &dirt_kinds[kind], row, ends);
    }
    return buffer_slice(&dirt->changed);
}

bool dirt_has_mark(unsigned index)
{
    return index % 3 == 0;
}

bool dirt_has_no_last_end(unsigned index)
{
    return index % 3 == 1;
}

bool dirt_has_crlf(unsigned index)
{
    return index == 2;
}
