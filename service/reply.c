#include "service/reply.h"

#include "base/json.h"
#include "base/number.h"

/* ---- one value ---- */

/* A text column may hold what is none: SQLite keeps what it was given. */
static enum err append_as_text(const struct value *value, struct buffer *out, struct errmsg *msg)
{
    struct scalar scalar = {.type = SCALAR_INTEGER, .is_quoted = true};
    int64_t held = value->integer;

    if (value->type == VALUE_TEXT) {
        if (!utf8_is_valid(value->text)) {
            return err_set(msg, ERR_INPUT, "a text that is not UTF-8");
        }
        json_write_string(out, value->text);
        return ERR_NONE;
    }
    if (value->type == VALUE_REAL) {
        scalar.type = SCALAR_NUMBER;
        memcpy(&held, &value->real, sizeof held);
    }
    scalar_append(out, &scalar, held);
    return ERR_NONE;
}

/* "-?[1-9][0-9]*", as JSON wants it. */
static bool is_integer_text(struct slice text)
{
    size_t first = text.len > 0 && text.ptr[0] == '-';

    for (size_t i = first; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return text.len > first && text.ptr[first] != '0';
}

/* An integer of more than 64 bits: PostgreSQL's numeric. */
static void append_digits(const struct scalar *scalar, struct slice digits, struct buffer *out)
{
    if (scalar->is_quoted) {
        json_write_string(out, digits);
    } else {
        buffer_append_slice(out, digits);
    }
}

static enum err append_value(const struct scalar *scalar, const struct value *value,
                             struct buffer *out, struct errmsg *msg)
{
    int64_t held;
    enum err rc;

    if (value->type == VALUE_NULL) {
        buffer_append_str(out, "null");
        return ERR_NONE;
    }
    if (scalar_is_text(scalar)) {
        return append_as_text(value, out, msg);
    }
    rc = scalar_from_value(scalar, value, &held, msg);
    if (rc == ERR_NONE) {
        scalar_append(out, scalar, held);
    } else if (scalar->type == SCALAR_INTEGER && value->type == VALUE_TEXT &&
               is_integer_text(value->text)) {
        append_digits(scalar, value->text, out);
        rc = ERR_NONE;
    }
    return rc;
}

/* ---- what was taken ---- */

/* Bound to be a text between quotes, as the name of a member must be. */
static enum err append_name(const struct take_rule *rule, const struct value *name,
                            struct buffer *out, struct errmsg *msg)
{
    struct scalar scalar = {.type = rule->type, .is_quoted = true};

    return append_value(&scalar, name, out, msg);
}

static enum err append_items(const struct take *take, const struct write_items *items,
                             struct buffer *out, struct errmsg *msg)
{
    struct scalar scalar = {.type = take->rule.type};
    bool is_map = take->shape == TAKE_MAP;
    enum err rc = ERR_NONE;

    buffer_append_byte(out, is_map ? '{' : '[');
    for (unsigned i = 0; i < items->count && rc == ERR_NONE; i++) {
        buffer_append(out, ",", i > 0);
        if (is_map) {
            rc = append_name(&take->names, &items->names[i], out, msg);
            buffer_append_byte(out, ':');
        }
        if (rc == ERR_NONE) {
            rc = append_value(&scalar, &items->values[i], out, msg);
        }
    }
    buffer_append_byte(out, is_map ? '}' : ']');
    return rc;
}

static enum err append_take(const struct write_job *job, unsigned index, struct buffer *out,
                            struct errmsg *msg)
{
    const struct take *take = &job->action->takes[index];
    struct scalar scalar = {.type = take->rule.type};
    enum err rc = take->shape == TAKE_ONE ? append_value(&scalar, &job->takes[index], out, msg)
                                          : append_items(take, &job->items[index], out, msg);

    return rc == ERR_NONE ? rc : err_wrap(msg, rc, "%.*s", SLICE_ARG(take->name));
}

/* ---- what came back ---- */

static enum err append_column(const struct returned *column, const struct value *value,
                              struct buffer *out, struct errmsg *msg)
{
    enum err rc = append_value(&column->scalar, value, out, msg);

    return rc == ERR_NONE ? rc : err_wrap(msg, rc, "column %.*s", SLICE_ARG(column->name));
}

static enum err append_returned(const struct write_job *job, unsigned statement, unsigned column,
                                struct buffer *out, struct errmsg *msg)
{
    static const struct value absent = {.type = VALUE_NULL};
    const struct write_rows *rows = &job->rows[statement];

    return append_column(&job->action->statements[statement].returns[column],
                         rows->row_count == 0 ? &absent : &rows->values[column], out, msg);
}

static enum err append_row(const struct statement *statement, const struct value *values,
                           struct buffer *out, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    buffer_append_byte(out, '{');
    for (unsigned i = 0; i < statement->return_count && rc == ERR_NONE; i++) {
        buffer_append(out, ",", i > 0);
        json_write_string(out, statement->returns[i].name);
        buffer_append_byte(out, ':');
        rc = append_column(&statement->returns[i], &values[i], out, msg);
    }
    buffer_append_byte(out, '}');
    return rc;
}

static enum err append_rows(const struct write_job *job, struct buffer *out, struct errmsg *msg)
{
    const struct statement *statement = &job->action->statements[job->action->rows];
    const struct write_rows *rows = &job->rows[job->action->rows];
    enum err rc = ERR_NONE;

    buffer_append_byte(out, '[');
    for (unsigned i = 0; i < rows->row_count && rc == ERR_NONE; i++) {
        buffer_append(out, ",", i > 0);
        rc = append_row(statement, rows->values + (size_t)i * statement->return_count, out, msg);
    }
    buffer_append_byte(out, ']');
    return rc;
}

static enum err append_part(const struct write_job *job, const struct template_part *part,
                            struct buffer *out, struct errmsg *msg)
{
    switch (part->kind) {
    case TEMPLATE_TAKE:
        return append_take(job, part->field, out, msg);
    case TEMPLATE_RETURNED:
        return append_returned(job, part->statement, part->field, out, msg);
    case TEMPLATE_ROWS:
        return append_rows(job, out, msg);
    default:
        buffer_append_slice(out, part->literal);
        return ERR_NONE;
    }
}

enum err reply_write(const struct write_job *job, struct buffer *out, struct errmsg *msg)
{
    const struct action *action = job->action;
    enum err rc = ERR_NONE;

    if (!action->is_json) {
        buffer_append_slice(out, action->text);
    }
    for (unsigned i = 0; action->is_json && i < action->answer.count && rc == ERR_NONE; i++) {
        rc = append_part(job, &action->answer.parts[i], out, msg);
    }
    if (rc == ERR_NONE && out->overflowed) {
        rc = err_set(msg, ERR_LIMIT, "the answer is larger than %zu bytes", out->max);
    }
    return rc;
}
