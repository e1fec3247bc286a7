#include "builder/generate_cell.h"

#include "base/number.h"

static char *put_integer(char *p, uint64_t value)
{
    return p + write_integer(p, (int64_t)value);
}

static char *put_slice(char *p, struct slice text)
{
    memcpy(p, text.ptr, text.len);
    return p + text.len;
}

static char *put_boolean(char *p, bool value)
{
    return put_slice(p, value ? slice_str("true") : slice_str("false"));
}

static char *put_ranged(char *p, const struct sample *sample, struct random *random)
{
    uint64_t span = (uint64_t)(sample->most - sample->least) + 1;

    return p + write_integer(p, sample->least + (int64_t)random_below(random, span));
}

static char *put_number(char *p, const struct plan_column *column, struct random *random)
{
    const struct sample *sample = column->sample;

    if (column->spread.count == 0) {
        return put_ranged(p, sample, random);
    }
    return p + write_integer(p, sample->least + spread_pick(&column->spread, random_u32(random)));
}

static char *put_pick(char *p, const struct plan *plan, const struct plan_column *column,
                      struct random *random)
{
    uint32_t draw = random_u32(random);

    if (draw < column->share_below) {
        *p = '0';
        return p + 1;
    }
    return put_integer(p, 1 + random_below(random, plan->scale));
}

/*
 * Walks the list once for the rows of a parent and takes each item with the chance that leaves just
 * enough for the rows still to come: all different, in the order of the list.
 */
static char *put_distinct(char *p, struct plan_column *column, struct generate_row *row)
{
    unsigned item_count = column->sample->choice_count;
    unsigned wanted = row->count - row->index;

    while (column->cursor + wanted < item_count &&
           random_below(&row->random, item_count - column->cursor) >= wanted) {
        column->cursor++;
    }
    return put_slice(p, column->choices[column->cursor++ % item_count]);
}

static char *put_text(char *p, const struct plan *plan, const struct plan_column *column,
                      struct random *random)
{
    const struct sample *sample = column->sample;
    struct text_wish wish = {
        .least = (size_t)sample->least,
        .target = column->lengths[random_next(random) % PLAN_LENGTHS],
        .most = (size_t)sample->most,
        .end = sample->end,
    };

    return text_write(plan->words, random, &wish, p);
}

static char *put_title(char *p, const struct plan *plan, const struct plan_column *column,
                       struct random *random)
{
    const struct sample *sample = column->sample;
    uint64_t span = (uint64_t)(sample->most - sample->least) + 1;
    unsigned count = (unsigned)sample->least + (unsigned)random_below(random, span);

    return title_write(plan->words, random, count, p);
}

static char *put_url(char *p, const struct plan_column *column, struct random *random)
{
    if (column->pool == NULL) {
        return plan_url_write(column, random, p);
    }
    return put_slice(p, column->pool[random_below(random, column->sample->pool)]);
}

static char *put_value(const struct plan *plan, struct plan_column *column,
                       struct generate_row *row, char *p)
{
    struct random *random = &row->random;

    switch (column->sample->kind) {
    case SAMPLE_SEQUENCE:
        return put_integer(p, row->id);
    case SAMPLE_PARENT:
        return put_integer(p, row->parent);
    case SAMPLE_WITH:
        return put_integer(p, row->with);
    case SAMPLE_FIRST:
        return put_boolean(p, row->index == 0);
    case SAMPLE_BOOLEAN:
        return put_boolean(p, random_u32(random) < column->share_below);
    case SAMPLE_NAME:
        return nickname_write(plan->words, random, p);
    case SAMPLE_EMAIL:
        return email_write(plan->words, random, p);
    case SAMPLE_PICK:
        return put_pick(p, plan, column, random);
    case SAMPLE_INTEGER:
    case SAMPLE_SKEWED:
        return put_number(p, column, random);
    case SAMPLE_DECIMAL:
    case SAMPLE_TIMESTAMP:
        return put_ranged(p, column->sample, random);
    case SAMPLE_CHOICE:
        return put_slice(p, column->choices[spread_pick(&column->spread, random_u32(random))]);
    case SAMPLE_DISTINCT:
        return put_distinct(p, column, row);
    case SAMPLE_WORDS:
        return put_title(p, plan, column, random);
    case SAMPLE_TEXT:
        return put_text(p, plan, column, random);
    case SAMPLE_URL:
        return put_url(p, column, random);
    }
    return p;
}

char *generate_cell(const struct plan *plan, struct plan_column *column, struct generate_row *row,
                    char *p)
{
    if (row->index == 0) {
        column->cursor = 0;
    }
    if (column->null_below != 0 && random_u32(&row->random) < column->null_below) {
        return put_slice(p, slice_str("null"));
    }
    if (!column->is_quoted) {
        return put_value(plan, column, row, p);
    }
    *p++ = '"';
    p = put_value(plan, column, row, p);
    *p++ = '"';
    return p;
}
