/* From the sample of a column to what its cells are made of. */
#include <math.h>

#include "base/number.h"
#include "builder/generate_plan.h"

#define BIT(type) (1u << (type))

enum { NUMBER_SIZE = 24, PARTS_MAX = 16 };

/* The column types that a kind makes values for. */
static const unsigned types_of[] = {
    [SAMPLE_SEQUENCE] = BIT(COLUMN_INTEGER),
    [SAMPLE_PARENT] = BIT(COLUMN_INTEGER),
    [SAMPLE_WITH] = BIT(COLUMN_INTEGER),
    [SAMPLE_FIRST] = BIT(COLUMN_BOOLEAN),
    [SAMPLE_NAME] = BIT(COLUMN_TEXT),
    [SAMPLE_EMAIL] = BIT(COLUMN_TEXT),
    [SAMPLE_PICK] = BIT(COLUMN_INTEGER),
    [SAMPLE_INTEGER] = BIT(COLUMN_INTEGER) | BIT(COLUMN_NUMBER),
    [SAMPLE_SKEWED] = BIT(COLUMN_INTEGER) | BIT(COLUMN_NUMBER),
    [SAMPLE_DECIMAL] = BIT(COLUMN_DECIMAL) | BIT(COLUMN_NUMBER),
    [SAMPLE_CHOICE] = BIT(COLUMN_TEXT) | BIT(COLUMN_URL),
    [SAMPLE_DISTINCT] = BIT(COLUMN_TEXT) | BIT(COLUMN_URL),
    [SAMPLE_WORDS] = BIT(COLUMN_TEXT),
    [SAMPLE_TEXT] = BIT(COLUMN_TEXT),
    [SAMPLE_URL] = BIT(COLUMN_TEXT) | BIT(COLUMN_URL),
    [SAMPLE_TIMESTAMP] = BIT(COLUMN_TIMESTAMP),
    [SAMPLE_BOOLEAN] = BIT(COLUMN_BOOLEAN),
};

/* "table books: column pages: " goes in front of what is wrong with a column. */
static enum err refuse(const struct plan_table *table, const struct plan_column *column,
                       struct errmsg *msg)
{
    return err_wrap(msg, ERR_DEFINITION, "table %.*s: column %.*s", SLICE_ARG(table->table->name),
                    SLICE_ARG(column->column->name));
}

static uint32_t below(double share)
{
    return share >= 1 ? UINT32_MAX : (uint32_t)(share * 4294967296.0);
}

/* A clean file loads without a rejected record, so what would be rejected is refused here. */
static enum err check_rules(const struct plan_column *column, struct errmsg *msg)
{
    const struct sample *sample = column->sample;
    const struct table_column *to = column->column;
    bool is_ranged = sample->kind == SAMPLE_INTEGER || sample->kind == SAMPLE_SKEWED;

    if ((types_of[sample->kind] & BIT(to->type)) == 0) {
        return err_set(msg, ERR_DEFINITION, "the sample %s does not make values of its type",
                       sample_kind_name(sample->kind));
    }
    if (to->is_required && sample->null_share > 0) {
        return err_set(msg, ERR_DEFINITION, "a required column cannot be null in its sample");
    }
    if (is_ranged && to->has_bounds && (sample->least < to->least || sample->most > to->most)) {
        return err_set(msg, ERR_DEFINITION, "the sample leaves the bounds %lld to %lld",
                       (long long)to->least, (long long)to->most);
    }
    return ERR_NONE;
}

/* Kinds that need a parent, and lists that must be long enough for it. */
static enum err check_place(const struct plan_column *column, const struct plan_table *table,
                            struct errmsg *msg)
{
    const struct sample *sample = column->sample;
    bool needs_parent = sample->kind == SAMPLE_PARENT || sample->kind == SAMPLE_FIRST ||
                        sample->kind == SAMPLE_DISTINCT;
    const struct plan_table *counted = table->with != NULL ? table->with : table;

    if (needs_parent && table->each == NULL) {
        return err_set(msg, ERR_DEFINITION, "the root table has no parent for the sample %s",
                       sample_kind_name(sample->kind));
    }
    if (sample->kind == SAMPLE_WITH && table->with == NULL) {
        return err_set(msg, ERR_DEFINITION, "the sample with needs `with: TABLE` at the table");
    }
    if (sample->kind == SAMPLE_DISTINCT && counted->table->sample->most > sample->choice_count) {
        return err_set(msg, ERR_DEFINITION,
                       "distinct lists %u values, but a parent may have %u rows; say most: %u",
                       sample->choice_count, (unsigned)counted->table->sample->most,
                       sample->choice_count);
    }
    return ERR_NONE;
}

/* TEXT as a quoted field holds it. */
static struct slice escape(struct arena *arena, struct slice text)
{
    char *to = arena_alloc(arena, text.len * 2 + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            to[len++] = '"';
        }
        to[len++] = text.ptr[i];
    }
    return slice_of(to, len);
}

static void make_choices(struct plan_column *column, struct arena *arena)
{
    const struct sample *sample = column->sample;
    size_t longest = 0;

    column->choices = arena_calloc(arena, sample->choice_count, sizeof *column->choices);
    for (unsigned i = 0; i < sample->choice_count; i++) {
        column->choices[i] = escape(arena, sample->choices[i]);
        longest = column->choices[i].len > longest ? column->choices[i].len : longest;
    }
    spread_init(&column->spread, arena, sample->weights, sample->choice_count);
    column->most_size = longest + 2;
}

/* Wishes that average at the mean: least + (most - least) * u^p for even draws of u. */
static void make_lengths(struct plan_column *column, struct arena *arena)
{
    const struct sample *sample = column->sample;
    double least = (double)sample->least;
    double span = (double)(sample->most - sample->least);
    double power = span > 0 ? fmax(span / (sample->mean - least) - 1, 0.01) : 1;

    column->lengths = arena_calloc(arena, PLAN_LENGTHS, sizeof *column->lengths);
    for (unsigned i = 0; i < PLAN_LENGTHS; i++) {
        column->lengths[i] = (uint32_t)(least + span * pow((i + 0.5) / PLAN_LENGTHS, power));
    }
    column->most_size = (size_t)sample->most + 2 + GENERATE_TEXT_SLACK;
}

/* Reads "{digits:13}" or "{hex:12}" at the start of TEXT; false when it is neither. */
static bool read_part(struct slice text, struct plan_url_part *part, size_t *size)
{
    const char *end = memchr(text.ptr, '}', text.len);
    struct slice inner;
    size_t name_len;
    int64_t count;

    if (end == NULL) {
        return false;
    }
    inner = slice_of(text.ptr + 1, (size_t)(end - text.ptr) - 1);
    name_len = inner.len >= 4 && memcmp(inner.ptr, "hex:", 4) == 0 ? 4 : 7;
    if (inner.len <= name_len || (name_len == 7 && memcmp(inner.ptr, "digits:", 7) != 0) ||
        !parse_integer(slice_of(inner.ptr + name_len, inner.len - name_len), &count) || count < 1 ||
        count > 64) {
        return false;
    }
    part->is_hex = name_len == 4;
    part->count = (unsigned)count;
    *size = inner.len + 2;
    return true;
}

static enum err make_parts(struct plan_column *column, struct arena *arena, struct errmsg *msg)
{
    struct slice left = column->sample->pattern;

    column->parts = arena_calloc(arena, PARTS_MAX, sizeof *column->parts);
    column->most_size = 2;
    while (left.len > 0) {
        struct plan_url_part *part = &column->parts[column->part_count];
        const char *brace = memchr(left.ptr, '{', left.len);
        size_t len = brace == NULL ? left.len : (size_t)(brace - left.ptr);
        size_t size = 0;

        if (column->part_count == PARTS_MAX) {
            return err_set(msg, ERR_DEFINITION, "a URL has at most %d places to fill", PARTS_MAX);
        }
        part->literal = escape(arena, slice_of(left.ptr, len));
        left = slice_of(left.ptr + len, left.len - len);
        if (brace != NULL && !read_part(left, part, &size)) {
            return err_set(msg, ERR_DEFINITION,
                           "a URL has places like {digits:13} or {hex:12}, of 1 to 64 characters");
        }
        left = slice_of(left.ptr + size, left.len - size);
        column->most_size += part->literal.len + part->count;
        column->part_count++;
    }
    return ERR_NONE;
}

char *plan_url_write(const struct plan_column *column, struct random *random, char *p)
{
    for (unsigned i = 0; i < column->part_count; i++) {
        const struct plan_url_part *part = &column->parts[i];
        uint64_t bits = 0;

        memcpy(p, part->literal.ptr, part->literal.len);
        p += part->literal.len;
        for (unsigned k = 0; k < part->count; k++) {
            bits = k % 8 == 0 ? random_next(random) : bits >> 8;
            *p++ = part->is_hex ? "0123456789abcdef"[bits & 15]
                                : (char)('0' + (char)((bits & 0xff) * 10 >> 8));
        }
    }
    return p;
}

static void make_pool(struct plan_column *column, struct arena *arena,
                      const struct plan_table *table, uint64_t seed)
{
    uint32_t count = column->sample->pool;
    uint64_t stream = random_stream(seed, table->table->name);
    struct random random = random_start(random_stream(stream, column->column->name), count);

    column->pool = arena_calloc(arena, count, sizeof *column->pool);
    for (uint32_t i = 0; i < count; i++) {
        char *start = arena_alloc(arena, column->most_size);

        column->pool[i] = slice_of(start, (size_t)(plan_url_write(column, &random, start) - start));
    }
}

static enum err make_values(struct plan_column *column, struct arena *arena,
                            const struct plan_table *table, uint64_t seed, struct errmsg *msg)
{
    const struct sample *sample = column->sample;
    enum err rc;

    switch (sample->kind) {
    case SAMPLE_SKEWED:
        spread_init_skewed(&column->spread, arena, (unsigned)(sample->most - sample->least + 1));
        return ERR_NONE;
    case SAMPLE_INTEGER:
        if (sample->weights != NULL) {
            spread_init(&column->spread, arena, sample->weights, sample->weight_count);
        }
        return ERR_NONE;
    case SAMPLE_CHOICE:
    case SAMPLE_DISTINCT:
        make_choices(column, arena);
        return ERR_NONE;
    case SAMPLE_TEXT:
        make_lengths(column, arena);
        return ERR_NONE;
    case SAMPLE_WORDS:
        column->most_size = (size_t)sample->most * (GENERATE_WORD_MAX + 1) + GENERATE_WORD_MAX;
        return ERR_NONE;
    case SAMPLE_URL:
        rc = make_parts(column, arena, msg);
        if (rc == ERR_NONE && sample->pool > 0) {
            make_pool(column, arena, table, seed);
        }
        return rc;
    default:
        return ERR_NONE;
    }
}

enum err plan_column_make(struct plan_column *column, struct arena *arena,
                          const struct plan_table *table, uint64_t seed, struct errmsg *msg)
{
    const struct sample *sample = column->sample;
    enum column_type type = column->column->type;
    enum err rc = check_rules(column, msg);

    column->is_quoted = type == COLUMN_TEXT || type == COLUMN_URL;
    column->null_below = below(sample->null_share);
    column->share_below = below(sample->share);
    column->most_size = sample->kind == SAMPLE_NAME || sample->kind == SAMPLE_EMAIL
                            ? GENERATE_NAME_MAX * 2 + 2
                            : NUMBER_SIZE;
    if (rc == ERR_NONE) {
        rc = check_place(column, table, msg);
    }
    if (rc == ERR_NONE) {
        rc = make_values(column, arena, table, seed, msg);
    }
    return rc == ERR_NONE ? ERR_NONE : refuse(table, column, msg);
}
