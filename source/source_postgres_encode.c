#include "source/source_postgres_encode.h"

#include "base/json.h"
#include "base/number.h"
#include "source/source_postgres_bytes.h"

enum {
    NUMERIC_DIGITS_MAX = 16, /* of base 10000; 19 digits and the scale's alignment take 11 */
    NUMERIC_NEGATIVE = 0x4000,
    NULL_SIZE = -1,
};

#define TIMESTAMP_LEAST_MS (-210866803200000LL) /* 4713 BC */
#define TIMESTAMP_MOST_MS 9224318015999999LL    /* the year 294276 */

void postgres_encode_header(struct buffer *out)
{
    static const char header[19] = "PGCOPY\n\377\r\n"; /* then a NUL, flags 0 and extension 0 */

    buffer_append(out, header, sizeof header);
}

void postgres_encode_trailer(struct buffer *out)
{
    append_u16be(out, (uint16_t)-1);
}

/* ---- numeric ---- */

/* The digits of "-123.45" around its point. */
struct decimal {
    bool is_negative;
    struct slice whole;
    struct slice fraction;
};

static bool all_digits(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool read_decimal(struct slice text, struct decimal *out)
{
    const char *point;
    size_t whole_len;

    out->is_negative = text.len > 0 && text.ptr[0] == '-';
    if (out->is_negative) {
        text = slice_of(text.ptr + 1, text.len - 1);
    }
    point = text.len == 0 ? NULL : memchr(text.ptr, '.', text.len);
    whole_len = point == NULL ? text.len : (size_t)(point - text.ptr);
    out->whole = slice_of(text.ptr, whole_len);
    out->fraction = point == NULL ? slice_of("", 0) : slice_of(point + 1, text.len - whole_len - 1);
    return whole_len > 0 && text.len <= DECIMAL_TEXT_MAX && all_digits(out->whole) &&
           all_digits(out->fraction);
}

/* The decimal digit LEFT of the point (0 is the ones) or, when negative, right of it (-1, -2 ...). */
static unsigned decimal_digit(const struct decimal *decimal, int left)
{
    if (left >= 0) {
        return (size_t)left < decimal->whole.len
                   ? (unsigned)(decimal->whole.ptr[decimal->whole.len - 1 - (size_t)left] - '0')
                   : 0;
    }
    return (size_t)-left <= decimal->fraction.len
               ? (unsigned)(decimal->fraction.ptr[-left - 1] - '0')
               : 0;
}

static uint16_t digit_of_four(const struct decimal *decimal, int place)
{
    unsigned value = 0;

    for (int i = 3; i >= 0; i--) {
        value = value * 10 + decimal_digit(decimal, place * 4 + i);
    }
    return (uint16_t)value;
}

static void append_numeric(struct buffer *out, const struct decimal *decimal)
{
    int weight = (int)((decimal->whole.len + 3) / 4) - 1;
    int last = -(int)((decimal->fraction.len + 3) / 4);
    uint16_t digits[NUMERIC_DIGITS_MAX];
    unsigned count = 0;

    while (weight >= last && digit_of_four(decimal, weight) == 0) {
        weight--;
    }
    for (int place = weight; place >= last; place--) {
        digits[count++] = digit_of_four(decimal, place);
    }
    append_u32be(out, 8 + count * 2);
    append_u16be(out, (uint16_t)count);
    append_u16be(out, (uint16_t)(count == 0 ? 0 : weight));
    append_u16be(out, decimal->is_negative && count > 0 ? NUMERIC_NEGATIVE : 0);
    append_u16be(out, (uint16_t)decimal->fraction.len);
    for (unsigned i = 0; i < count; i++) {
        append_u16be(out, digits[i]);
    }
}

/* ---- values: NULL, or what is wrong ---- */

static const char *encode_integer(const struct value *value, struct buffer *out)
{
    if (value->type != VALUE_INTEGER) {
        return "the value is no integer";
    }
    append_u32be(out, 8);
    append_u64be(out, (uint64_t)value->integer);
    return NULL;
}

static const char *encode_boolean(const struct value *value, struct buffer *out)
{
    if (value->type != VALUE_INTEGER || (value->integer != 0 && value->integer != 1)) {
        return "the value is neither 0 nor 1";
    }
    append_u32be(out, 1);
    buffer_append_byte(out, (char)value->integer);
    return NULL;
}

static const char *encode_timestamp(const struct value *value, struct buffer *out)
{
    if (value->type != VALUE_INTEGER || value->integer < TIMESTAMP_LEAST_MS ||
        value->integer > TIMESTAMP_MOST_MS) {
        return "the value is no time that PostgreSQL has";
    }
    append_u32be(out, 8);
    append_u64be(out, (uint64_t)((value->integer - POSTGRES_EPOCH_MS) * 1000));
    return NULL;
}

static const char *encode_number(const struct value *value, struct buffer *out)
{
    uint64_t bits;

    if (value->type != VALUE_REAL) {
        return "the value is no number";
    }
    memcpy(&bits, &value->real, sizeof bits);
    append_u32be(out, 8);
    append_u64be(out, bits);
    return NULL;
}

static const char *encode_decimal(const struct value *value, struct buffer *out)
{
    struct decimal decimal;

    if (value->type != VALUE_TEXT || !read_decimal(value->text, &decimal)) {
        return "the value is no decimal";
    }
    append_numeric(out, &decimal);
    return NULL;
}

static const char *encode_text(const struct value *value, struct buffer *out)
{
    if (value->type != VALUE_TEXT) {
        return "the value is no text";
    }
    if (value->text.len > 0 && memchr(value->text.ptr, '\0', value->text.len) != NULL) {
        return "PostgreSQL takes no text with a NUL byte";
    }
    if (!utf8_is_valid(value->text)) {
        return "PostgreSQL takes no text that is not UTF-8";
    }
    append_u32be(out, (uint32_t)value->text.len);
    buffer_append_slice(out, value->text);
    return NULL;
}

static const char *(*const encoders[])(const struct value *value, struct buffer *out) = {
    [COLUMN_INTEGER] = encode_integer, [COLUMN_TEXT] = encode_text,
    [COLUMN_BOOLEAN] = encode_boolean, [COLUMN_TIMESTAMP] = encode_timestamp,
    [COLUMN_DECIMAL] = encode_decimal, [COLUMN_NUMBER] = encode_number,
    [COLUMN_URL] = encode_text,
};

enum err postgres_encode_row(const struct table *table, const struct value *values,
                             struct buffer *out, struct errmsg *msg)
{
    size_t start = out->len;

    append_u16be(out, (uint16_t)table->column_count);
    for (unsigned i = 0; i < table->column_count; i++) {
        const char *problem = NULL;

        if (values[i].type == VALUE_NULL) {
            append_u32be(out, (uint32_t)NULL_SIZE);
        } else {
            problem = encoders[table->columns[i].type](&values[i], out);
        }
        if (problem != NULL) {
            out->len = start;
            return err_set(msg, ERR_INPUT, "%.*s: %s", SLICE_ARG(table->columns[i].name), problem);
        }
    }
    return ERR_NONE;
}
