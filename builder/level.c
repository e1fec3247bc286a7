#include "builder/level.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/number.h"
#include "builder/name_set.h"
#include "replica/format.h"

enum { IDENTITY_MAX = 1 + (DEFINITION_NESTING_MAX + 1) * DEFINITION_TERMS_MAX };

/* ---- opening ---- */

static enum err open_children(struct level *level, struct errmsg *msg)
{
    for (unsigned i = 0; i < level->field_count; i++) {
        struct query_path path = level->path;
        enum err rc;

        if (level->fields[i].nested == NULL) {
            continue;
        }
        path.nested[path.depth++] = level->fields[i].nested;
        rc = level_open(level->context, &path, &level->children[i], msg);
        if (rc != ERR_NONE) {
            return err_wrap(msg, rc, "%.*s", SLICE_ARG(level->fields[i].name));
        }
    }
    return ERR_NONE;
}

static void place_columns(struct level *level)
{
    unsigned at = level->identity_count;

    level->field_columns = memory_calloc(level->field_count, sizeof *level->field_columns);
    for (unsigned i = 0; i < level->field_count; i++) {
        level->field_columns[i] = at;
        at += query_field_columns(&level->fields[i]);
    }
    level->name_column = at;
}

enum err level_open(struct level_context *context, const struct query_path *path,
                    struct level **out, struct errmsg *msg)
{
    struct level *level = memory_calloc(1, sizeof *level);
    struct buffer sql;
    enum err rc;

    level->context = context;
    level->path = *path;
    level->fields = path->collection->fields;
    level->field_count = path->collection->field_count;
    level->order = path->collection->order_count > 0 ? &path->collection->orders[0] : NULL;
    if (path->depth > 0) {
        level->nested = path->nested[path->depth - 1];
        level->fields = level->nested->fields;
        level->field_count = level->nested->field_count;
        level->order = &level->nested->order;
    }
    level->identity_count = query_identity_count(path);
    level->values = memory_calloc(level->field_count, sizeof *level->values);
    level->children = memory_calloc(level->field_count, sizeof *level->children);
    order_check_init(&level->check);
    buffer_init(&level->json, BLOB_SIZE_MAX);
    place_columns(level);

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_rows(path, context->range, source_dialect(context->source), &sql);
    rc = key_range_query(context->source, context->range, buffer_str(&sql),
                         query_column_count(path), &level->rows, msg);
    buffer_free(&sql);
    if (rc == ERR_NONE) {
        rc = level_advance(level, msg);
    }
    if (rc == ERR_NONE) {
        rc = open_children(level, msg);
    }
    if (rc != ERR_NONE) {
        level_close(level);
        return rc;
    }
    *out = level;
    return ERR_NONE;
}

void level_close(struct level *level)
{
    if (level == NULL) {
        return;
    }
    for (unsigned i = 0; i < level->field_count; i++) {
        level_close(level->children[i]);
    }
    source_rows_close(level->rows);
    order_check_free(&level->check);
    buffer_free(&level->json);
    free(level->field_columns);
    free(level->values);
    free(level->children);
    free(level);
}

enum err level_advance(struct level *level, struct errmsg *msg)
{
    return source_rows_next(level->rows, &level->row, msg);
}

/* ---- scalars ---- */

static enum err refuse(const struct level *level, struct slice column, struct errmsg *msg)
{
    char text[KEY_TEXT_SIZE];

    return err_wrap(msg, ERR_INPUT, "%s: column %.*s", key_text(text, &level->context->key),
                    SLICE_ARG(column));
}

static void escape_text(struct level_context *context, struct slice raw, struct slice *out)
{
    struct buffer escaped;
    bool is_clean = true;

    for (size_t i = 0; i < raw.len && is_clean; i++) {
        unsigned char c = (unsigned char)raw.ptr[i];

        is_clean = c >= 0x20 && c != '"' && c != '\\';
    }
    if (is_clean) {
        *out = raw;
        return;
    }
    buffer_init(&escaped, SIZE_MAX / 2);
    json_escape(&escaped, raw);
    *out = arena_copy(&context->arena, buffer_slice(&escaped));
    buffer_free(&escaped);
}

static enum err take_text(struct level *level, const struct field *field, const struct value *value,
                          struct stream_field *out, struct errmsg *msg)
{
    char number[NUMBER_TEXT_MAX];

    if (value->type == VALUE_INTEGER) {
        out->raw = slice_of(number, write_integer(number, value->integer));
    } else if (value->type == VALUE_REAL) {
        out->raw = slice_of(number, write_number(number, value->real));
    } else {
        out->raw = value->text;
        if (!utf8_is_valid(out->raw)) {
            err_set(msg, ERR_INPUT, "the text is not valid UTF-8");
            return refuse(level, field->column, msg);
        }
    }
    if (out->raw.ptr == number) {
        out->raw = arena_copy(&level->context->arena, out->raw);
    }
    level->context->bytes += out->raw.len;
    escape_text(level->context, out->raw, &out->text);
    return ERR_NONE;
}

static enum err take_ratio(struct level *level, const struct field *field,
                           const struct value *values, struct stream_field *out, struct errmsg *msg)
{
    static const struct scalar integer = {.type = SCALAR_INTEGER};
    int64_t total = 0;
    int64_t count = 0;
    enum err rc = ERR_NONE;

    out->is_null = values[0].type == VALUE_NULL || values[1].type == VALUE_NULL;
    if (out->is_null) {
        return ERR_NONE;
    }
    rc = scalar_from_value(&integer, &values[0], &total, msg);
    if (rc != ERR_NONE) {
        return refuse(level, field->column, msg);
    }
    rc = scalar_from_value(&integer, &values[1], &count, msg);
    if (rc == ERR_NONE && count != 0 &&
        !ratio_scaled(total, count, field->scalar.scale, &out->integer)) {
        rc = err_set(msg, ERR_INPUT, "%lld / %lld does not fit 64 bits with %u digits",
                     (long long)total, (long long)count, field->scalar.scale);
    }
    out->is_null = count == 0;
    return rc == ERR_NONE ? ERR_NONE : refuse(level, field->divisor, msg);
}

static enum err take_scalar(struct level *level, unsigned index, struct errmsg *msg)
{
    const struct field *field = &level->fields[index];
    const struct value *value = &level->row[level->field_columns[index]];
    struct stream_field *out = &level->values[index];

    *out = (struct stream_field){.is_null = value->type == VALUE_NULL};
    level->context->bytes += 8;
    if (field->scalar.type == SCALAR_RATIO) {
        return take_ratio(level, field, value, out, msg);
    }
    if (out->is_null) {
        return ERR_NONE;
    }
    if (scalar_is_text(&field->scalar)) {
        return take_text(level, field, value, out, msg);
    }
    return scalar_from_value(&field->scalar, value, &out->integer, msg) == ERR_NONE
               ? ERR_NONE
               : refuse(level, field->column, msg);
}

/* ---- order ---- */

static struct sort_value sort_value_of(const struct field *field, const struct stream_field *value)
{
    struct sort_value sort_value = {.is_null = value->is_null, .integer = value->integer};

    if (scalar_is_text(&field->scalar)) {
        sort_value.text = value->raw;
    }
    return sort_value;
}

static enum err check_order(struct level *level, struct errmsg *msg)
{
    struct sort_value values[DEFINITION_TERMS_MAX];
    char text[KEY_TEXT_SIZE];
    int result;

    if (level->order == NULL) {
        return ERR_NONE;
    }
    for (unsigned i = 0; i < level->order->term_count; i++) {
        const struct stream_field *value = &level->values[level->order->terms[i].field];

        values[i] = sort_value_of(&level->fields[level->order->terms[i].field], value);
    }
    result = order_check_next(&level->check, level->order, level->fields, values);
    if (result < 0) {
        return ERR_NONE;
    }
    key_text(text, &level->context->key);
    if (result == 0) {
        return err_set(msg, ERR_INPUT,
                       "%s: two rows are equal in the order%s%.*s; end it with a field that is "
                       "different in every row",
                       text, level->nested == NULL ? " " : "", SLICE_ARG(level->order->name));
    }
    return err_set(msg, ERR_INPUT,
                   "%s: the source sorts the rows in another way than the order%s%.*s; give its "
                   "columns one type in the source",
                   text, level->nested == NULL ? " " : "", SLICE_ARG(level->order->name));
}

/* ---- nested rows ---- */

static bool value_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case VALUE_NULL:
        return true;
    case VALUE_INTEGER:
        return a->integer == b->integer;
    case VALUE_REAL:
        return a->real == b->real;
    default:
        return slice_equal(a->text, b->text);
    }
}

/* Whether the next row of LEVEL belongs to the row with this identity. */
static bool belongs(const struct level *level, const struct value *const *identity)
{
    if (level->row == NULL) {
        return false;
    }
    for (unsigned i = 0; i < level->identity_count; i++) {
        if (!value_equal(&level->row[i], identity[i])) {
            return false;
        }
    }
    return true;
}

static void append_value(struct buffer *out, const struct field *field,
                         const struct stream_field *value)
{
    if (value->is_null) {
        buffer_append_str(out, "null");
    } else if (field->nested != NULL) {
        buffer_append_slice(out, value->text);
    } else if (scalar_is_text(&field->scalar)) {
        buffer_append_byte(out, '"');
        buffer_append_slice(out, value->text);
        buffer_append_byte(out, '"');
    } else {
        scalar_append(out, &field->scalar, value->integer);
    }
}

/* One member of the nested list or map: an object, or a bare value. */
static void append_member(const struct level *level, struct buffer *out)
{
    bool is_first = true;

    if (level->nested->is_value) {
        append_value(out, &level->fields[level->nested->value_field],
                     &level->values[level->nested->value_field]);
        return;
    }
    buffer_append_byte(out, '{');
    for (unsigned i = 0; i < level->field_count; i++) {
        if (level->fields[i].is_hidden) {
            continue;
        }
        if (!is_first) {
            buffer_append_byte(out, ',');
        }
        is_first = false;
        json_write_string(out, level->fields[i].name);
        buffer_append_byte(out, ':');
        append_value(out, &level->fields[i], &level->values[i]);
    }
    buffer_append_byte(out, '}');
}

static enum err too_large(const struct level *level, struct errmsg *msg)
{
    char text[KEY_TEXT_SIZE];

    return err_set(msg, ERR_LIMIT,
                   "%s: the nested rows of one row take more than %d bytes; leave some out",
                   key_text(text, &level->context->key), BLOB_SIZE_MAX);
}

/* Appends `"name":` of the current row of a map; *IS_NEW is false when the name was there before. */
static enum err append_name(struct level *level, struct name_set *names, struct buffer *out,
                            bool *is_new, struct errmsg *msg)
{
    const struct field *field = &level->nested->name;
    const struct value *value = &level->row[level->name_column];
    struct stream_field name = {0};
    size_t start = out->len;
    enum err rc = ERR_NONE;

    if (value->type == VALUE_NULL) {
        err_set(msg, ERR_INPUT, "the name of a member is null; leave such rows out with WHERE");
        return refuse(level, field->column, msg);
    }
    buffer_append_byte(out, '"');
    if (scalar_is_text(&field->scalar)) {
        rc = take_text(level, field, value, &name, msg);
        buffer_append_slice(out, name.text);
    } else if (scalar_from_value(&field->scalar, value, &name.integer, msg) != ERR_NONE) {
        rc = refuse(level, field->column, msg);
    } else {
        scalar_append(out, &field->scalar, name.integer);
    }
    if (rc == ERR_NONE && out->overflowed) {
        rc = too_large(level, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    *is_new = name_set_add(names, &level->context->arena,
                           slice_of(out->ptr + start + 1, out->len - start - 1));
    buffer_append_str(out, "\":");
    if (!*is_new) {
        level->context->duplicate_names++;
        out->len = start;
    }
    return ERR_NONE;
}

/* All rows of LEVEL that belong to the row with IDENTITY, as one JSON value. */
static enum err gather(struct level *level, const struct value *const *identity,
                       struct stream_field *out, struct errmsg *msg)
{
    bool is_map = level->nested->shape == NESTED_MAP;
    struct name_set names = {0};
    struct buffer *json = &level->json;
    enum err rc = ERR_NONE;

    if (!belongs(level, identity)) {
        *out = (struct stream_field){.text = slice_str(is_map ? "{}" : "[]")};
        return ERR_NONE;
    }
    buffer_clear(json);
    level->check.has_previous = false;
    while (rc == ERR_NONE && belongs(level, identity)) {
        bool is_new = true;

        rc = level_take(level, identity, msg);
        if (rc != ERR_NONE) {
            break;
        }
        buffer_append_byte(json, json->len > 0 ? ',' : (is_map ? '{' : '['));
        if (is_map) {
            rc = append_name(level, &names, json, &is_new, msg);
        }
        if (is_new) {
            append_member(level, json);
        } else {
            json->len--; /* the comma */
        }
        if (rc == ERR_NONE && json->overflowed) {
            rc = too_large(level, msg);
        }
        if (rc == ERR_NONE) {
            rc = level_advance(level, msg);
        }
    }
    buffer_append_byte(json, is_map ? '}' : ']');
    *out = (struct stream_field){.text = arena_copy(&level->context->arena, buffer_slice(json))};
    return rc;
}

enum err level_check_used(const struct level *level, struct errmsg *msg)
{
    for (unsigned i = 0; i < level->field_count; i++) {
        const struct level *child = level->children[i];
        enum err rc;

        if (child == NULL) {
            continue;
        }
        rc = child->row == NULL
                 ? level_check_used(child, msg)
                 : err_set(msg, ERR_INPUT,
                           "nested rows are left over that belong to no row; the SELECT must give "
                           "the same rows each time it runs (no random(), no current time)");
        if (rc != ERR_NONE) {
            return err_wrap(msg, rc, "%.*s", SLICE_ARG(level->fields[i].name));
        }
    }
    return ERR_NONE;
}

enum err level_take(struct level *level, const struct value *const *identity, struct errmsg *msg)
{
    const struct value *extended[IDENTITY_MAX];
    unsigned count = level->identity_count;
    enum err rc = ERR_NONE;

    for (unsigned i = 0; rc == ERR_NONE && i < level->field_count; i++) {
        if (level->children[i] == NULL) {
            rc = take_scalar(level, i, msg);
        }
    }
    if (rc == ERR_NONE) {
        rc = check_order(level, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    memcpy(extended, identity, count * sizeof *extended);
    for (unsigned i = 0; level->order != NULL && i < level->order->term_count; i++) {
        extended[count++] = &level->row[level->field_columns[level->order->terms[i].field]];
    }
    for (unsigned i = 0; i < level->field_count; i++) {
        if (level->children[i] == NULL) {
            continue;
        }
        rc = gather(level->children[i], extended, &level->values[i], msg);
        if (rc != ERR_NONE) {
            return err_wrap(msg, rc, "%.*s", SLICE_ARG(level->fields[i].name));
        }
    }
    return ERR_NONE;
}
