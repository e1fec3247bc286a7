#include "builder/sorting.h"

#include <stdlib.h>

#include "base/arena.h"

int sort_value_compare(const struct field *field, bool descending, const struct sort_value *a,
                       const struct sort_value *b)
{
    int order;

    if (a->is_null || b->is_null) {
        order = (int)b->is_null - (int)a->is_null; /* a null is the lowest value */
    } else if (scalar_is_text(&field->scalar)) {
        order = slice_compare(a->text, b->text);
    } else {
        order = (a->integer > b->integer) - (a->integer < b->integer);
    }
    return descending ? -order : order;
}

void order_check_init(struct order_check *check)
{
    *check = (struct order_check){0};
    buffer_init(&check->texts, SIZE_MAX / 2);
}

void order_check_free(struct order_check *check)
{
    buffer_free(&check->texts);
}

static bool has_text(const struct field *field, const struct sort_value *value)
{
    return scalar_is_text(&field->scalar) && !value->is_null;
}

/* Copies VALUES; text goes to the check's buffer, whose address is fixed before slices point there. */
static void remember(struct order_check *check, const struct order *order,
                     const struct field *fields, const struct sort_value *values)
{
    size_t size = 0;

    for (unsigned i = 0; i < order->term_count; i++) {
        size += has_text(&fields[order->terms[i].field], &values[i]) ? values[i].text.len : 0;
    }
    buffer_clear(&check->texts);
    buffer_reserve(&check->texts, size);
    for (unsigned i = 0; i < order->term_count; i++) {
        check->previous[i] = values[i];
        if (has_text(&fields[order->terms[i].field], &values[i])) {
            check->previous[i].text.ptr = check->texts.ptr + check->texts.len;
            buffer_append_slice(&check->texts, values[i].text);
        }
    }
    check->has_previous = true;
}

int order_check_next(struct order_check *check, const struct order *order,
                     const struct field *fields, const struct sort_value *values)
{
    int result = check->has_previous ? 0 : -1;

    for (unsigned i = 0; result == 0 && i < order->term_count; i++) {
        const struct sort_term *term = &order->terms[i];

        result = sort_value_compare(&fields[term->field], term->descending, &check->previous[i],
                                    &values[i]);
    }
    remember(check, order, fields, values);
    return result;
}

void sort_column_add(struct sort_column *column, const struct sort_value *value)
{
    if (column->row_count == column->room) {
        column->room = column->room == 0 ? 64 : column->room * 2;
        column->values = memory_realloc(column->values, column->room * sizeof column->values[0]);
    }
    column->values[column->row_count++] = *value;
}

void sort_column_free(struct sort_column *column)
{
    free(column->values);
    *column = (struct sort_column){0};
}

struct sort_context {
    const struct order *order;
    const struct field *fields;
    const struct sort_column *columns;
};

static int compare_rows(const void *left, const void *right, void *argument)
{
    const struct sort_context *context = argument;
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;

    for (unsigned i = 0; i < context->order->term_count; i++) {
        const struct sort_term *term = &context->order->terms[i];
        const struct sort_value *values = context->columns[term->field].values;
        int order = sort_value_compare(&context->fields[term->field], term->descending, &values[a],
                                       &values[b]);

        if (order != 0) {
            return order;
        }
    }
    return (a > b) - (a < b);
}

void sort_rows(const struct order *order, const struct field *fields,
               const struct sort_column *columns, uint32_t count, uint32_t *rows)
{
    struct sort_context context = {order, fields, columns};

    for (uint32_t i = 0; i < count; i++) {
        rows[i] = i;
    }
    if (count > 1) {
        qsort_r(rows, count, sizeof *rows, compare_rows, &context);
    }
}
