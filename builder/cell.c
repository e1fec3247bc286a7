#include "builder/cell.h"

#include <inttypes.h>
#include <strings.h>

#include "base/timestamp.h"

enum { SHOWN_MAX = 40, SCHEME_SLIP_MAX = 8 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(struct slice text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

static struct slice skip(struct slice text, size_t count)
{
    return slice_of(text.ptr + count, text.len - count);
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text = skip(text, 1);
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* Up to SHOWN_MAX bytes, not cut within a character. */
static struct slice shown(struct slice text)
{
    if (text.len > SHOWN_MAX) {
        text.len = SHOWN_MAX;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

static enum err refuse(const struct table_column *column, struct slice text, const char *wanted,
                       struct errmsg *msg)
{
    struct slice head = shown(text);

    return err_set(msg, ERR_INPUT, "%.*s: \"%.*s%s\" is not %s", SLICE_ARG(column->header),
                   SLICE_ARG(head), head.len < text.len ? "..." : "", wanted);
}

static void set_integer(struct value *out, int64_t integer)
{
    out->type = VALUE_INTEGER;
    out->integer = integer;
}

static enum err integer_value(const struct table_column *column, struct slice text,
                              struct value *out, struct errmsg *msg)
{
    int64_t integer;

    if (!parse_integer(text, &integer)) {
        return refuse(column, text, "an integer", msg);
    }
    if (column->has_bounds && (integer < column->least || integer > column->most)) {
        return err_set(msg, ERR_INPUT, "%.*s: %" PRId64 " is not within %" PRId64 " to %" PRId64,
                       SLICE_ARG(column->header), integer, column->least, column->most);
    }
    set_integer(out, integer);
    return ERR_NONE;
}

static enum err boolean_value(const struct table_column *column, struct slice text,
                              struct value *out, struct errmsg *msg)
{
    static const char *const words[] = {"false", "true", "f", "t", "0", "1"};

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (is_word(text, words[i])) {
            set_integer(out, i % 2);
            return ERR_NONE;
        }
    }
    return refuse(column, text, "a boolean (true, false, t, f, 1 or 0)", msg);
}

/* "-?[0-9]+", also where the number is too large to be one. */
static bool is_all_digits(struct slice text)
{
    size_t at = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;

    if (at == text.len) {
        return false;
    }
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9') {
        at++;
    }
    return at == text.len;
}

static enum err timestamp_value(const struct table_column *column, struct slice text,
                                struct value *out, struct errmsg *msg)
{
    int64_t ms;

    if (is_all_digits(text)) {
        if (!parse_integer(text, &ms) || ms < TIMESTAMP_MIN || ms > TIMESTAMP_MAX) {
            return refuse(column, text, "milliseconds within the years 0000 to 9999", msg);
        }
    } else if (!timestamp_parse(text, &ms)) {
        return refuse(column, text, "a date or time (2020-07-30, 2020-07-30T03:41:21.467Z)", msg);
    }
    set_integer(out, ms);
    return ERR_NONE;
}

/* Exports were seen that repeat the column's name, or a currency, before the price. */
static struct slice skip_label(struct slice text)
{
    while (text.len > 0 && (is_letter(text.ptr[0]) || is_blank(text.ptr[0]) || text.ptr[0] == '_' ||
                            text.ptr[0] == ':' || text.ptr[0] == '$')) {
        text = skip(text, 1);
    }
    return trim(text);
}

static enum err decimal_value(const struct table_column *column, struct slice text,
                              struct cell_room *room, struct value *out, struct errmsg *msg)
{
    int64_t scaled;

    if (!parse_decimal(skip_label(text), column->scale, &scaled)) {
        return refuse(column, text, "a decimal number", msg);
    }
    out->type = VALUE_TEXT;
    out->text = slice_of(room->text, write_decimal(room->text, scaled, column->scale));
    return ERR_NONE;
}

static enum err number_value(const struct table_column *column, struct slice text,
                             struct value *out, struct errmsg *msg)
{
    if (!parse_number(text, &out->real)) {
        return refuse(column, text, "a number", msg);
    }
    out->type = VALUE_REAL;
    return ERR_NONE;
}

static bool begins_url(struct slice text)
{
    return (text.len >= 7 && memcmp(text.ptr, "http://", 7) == 0) ||
           (text.len >= 8 && memcmp(text.ptr, "https://", 8) == 0);
}

/* "uhttps://..." without what slipped in before the scheme; anything else as it is. */
static struct slice mend_url(struct slice text)
{
    struct slice rest = text;

    for (unsigned dropped = 0; dropped <= SCHEME_SLIP_MAX; dropped++) {
        if (begins_url(rest)) {
            return rest;
        }
        if (rest.len == 0 || !is_letter(rest.ptr[0])) {
            return text;
        }
        rest = skip(rest, 1);
    }
    return text;
}

static void text_value(const struct table_column *column, const struct csv_field *field,
                       struct value *out)
{
    if ((field->text.len == 0 && !field->is_quoted) || is_word(field->text, "null")) {
        out->type = VALUE_NULL;
        return;
    }
    out->type = VALUE_TEXT;
    out->text = column->type == COLUMN_URL ? mend_url(field->text) : field->text;
}

enum err cell_value(const struct table_column *column, const struct csv_field *field,
                    struct cell_room *room, struct value *out, struct errmsg *msg)
{
    struct slice text;

    if (column->type == COLUMN_TEXT || column->type == COLUMN_URL) {
        text_value(column, field, out);
        return ERR_NONE;
    }
    text = trim(field->text);
    if (text.len == 0 || is_word(text, "null")) {
        out->type = VALUE_NULL;
        return ERR_NONE;
    }
    switch (column->type) {
    case COLUMN_INTEGER:
        return integer_value(column, text, out, msg);
    case COLUMN_BOOLEAN:
        return boolean_value(column, text, out, msg);
    case COLUMN_TIMESTAMP:
        return timestamp_value(column, text, out, msg);
    case COLUMN_DECIMAL:
        return decimal_value(column, text, room, out, msg);
    default:
        return number_value(column, text, out, msg);
    }
}
