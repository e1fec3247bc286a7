#include "definition/scalar.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "base/number.h"
#include "base/timestamp.h"
#include "definition/wording.h"

const char *scalar_type_name(enum scalar_type type)
{
    static const char *const names[] = {
        [SCALAR_INTEGER] = "integer",     [SCALAR_BOOLEAN] = "boolean",
        [SCALAR_TIMESTAMP] = "timestamp", [SCALAR_DECIMAL] = "decimal",
        [SCALAR_NUMBER] = "number",       [SCALAR_RATIO] = "ratio",
        [SCALAR_TEXT] = "text",
    };

    return names[type];
}

/* Why a value of each type was not taken. */
static const char *const complaints[] = {
    [SCALAR_INTEGER] = "is not an integer",
    [SCALAR_BOOLEAN] = "is not a boolean (true, false, 1, 0)",
    [SCALAR_TIMESTAMP] = "is not a timestamp (2020-07-30T03:41:21.467Z, or milliseconds)",
    [SCALAR_DECIMAL] = "is not a decimal that fits 64 bits",
    [SCALAR_NUMBER] = "is not a finite number",
};

static enum err refuse(struct errmsg *msg, enum scalar_type type, const struct value *value)
{
    const char *complaint = complaints[type];

    if (value->type == VALUE_INTEGER) {
        return err_set(msg, ERR_INPUT, "%lld %s", (long long)value->integer, complaint);
    }
    if (value->type == VALUE_REAL) {
        return err_set(msg, ERR_INPUT, "%.17g %s", value->real, complaint);
    }
    return err_set(msg, ERR_INPUT, "%s %s", wording_quote(value->text).text, complaint);
}

/* A real without a fraction that fits an int64; 2^63 is the first that does not. */
static bool integral(double real, int64_t *out)
{
    if (!(real >= -9223372036854775808.0 && real < 9223372036854775808.0) || trunc(real) != real) {
        return false;
    }
    *out = (int64_t)real;
    return true;
}

static bool as_integer(const struct value *value, int64_t *out)
{
    switch (value->type) {
    case VALUE_INTEGER:
        *out = value->integer;
        return true;
    case VALUE_REAL:
        return integral(value->real, out);
    default:
        return parse_integer(value->text, out);
    }
}

static bool parse_boolean(struct slice text, int64_t *out)
{
    static const char *const words[2][6] = {
        {"f", "false", "0", "n", "no", "off"},
        {"t", "true", "1", "y", "yes", "on"},
    };

    for (unsigned is_true = 0; is_true < 2; is_true++) {
        for (unsigned i = 0; i < 6; i++) {
            const char *word = words[is_true][i];

            if (text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0) {
                *out = is_true;
                return true;
            }
        }
    }
    return false;
}

static bool as_boolean(const struct value *value, int64_t *out)
{
    int64_t number;

    if (value->type == VALUE_TEXT) {
        return parse_boolean(value->text, out);
    }
    if (!as_integer(value, &number) || (number != 0 && number != 1)) {
        return false;
    }
    *out = number;
    return true;
}

static bool as_timestamp(const struct value *value, int64_t *out)
{
    int64_t ms;

    if (value->type == VALUE_TEXT) {
        return timestamp_parse(value->text, out);
    }
    if (!as_integer(value, &ms) || ms < TIMESTAMP_MIN || ms > TIMESTAMP_MAX) {
        return false;
    }
    *out = ms;
    return true;
}

/* By way of the shortest text, so that 1.005 rounds as it reads and not as its bits do. */
static bool decimal_from_real(double real, unsigned scale, int64_t *out)
{
    char text[64];

    if (!isfinite(real) || fabs(real) >= 1e19) {
        return false;
    }
    if (parse_decimal(slice_of(text, write_number(text, real)), scale, out)) {
        return true;
    }
    /* The shortest text has an exponent: the value is tiny, or large and without a fraction. */
    return parse_decimal(slice_of(text, (size_t)snprintf(text, sizeof text, "%.20f", real)), scale,
                         out);
}

static bool as_decimal(const struct value *value, unsigned scale, int64_t *out)
{
    switch (value->type) {
    case VALUE_INTEGER:
        return !__builtin_mul_overflow(value->integer, power_of_ten(scale), out);
    case VALUE_REAL:
        return decimal_from_real(value->real, scale, out);
    default:
        return parse_decimal(value->text, scale, out);
    }
}

static bool as_number(const struct value *value, int64_t *out)
{
    double real;

    if (value->type == VALUE_TEXT) {
        if (!parse_number(value->text, &real)) {
            return false;
        }
    } else {
        real = value->type == VALUE_INTEGER ? (double)value->integer : value->real;
    }
    if (!isfinite(real)) {
        return false;
    }
    memcpy(out, &real, sizeof *out);
    return true;
}

enum err scalar_from_value(const struct scalar *scalar, const struct value *value, int64_t *out,
                           struct errmsg *msg)
{
    int64_t held = 0;
    bool is_taken = false;

    assert(value->type != VALUE_NULL);
    assert(scalar->type != SCALAR_TEXT && scalar->type != SCALAR_RATIO);
    switch (scalar->type) {
    case SCALAR_INTEGER:
        is_taken = as_integer(value, &held);
        break;
    case SCALAR_BOOLEAN:
        is_taken = as_boolean(value, &held);
        break;
    case SCALAR_TIMESTAMP:
        is_taken = as_timestamp(value, &held);
        break;
    case SCALAR_DECIMAL:
        is_taken = as_decimal(value, scalar->scale, &held);
        break;
    default:
        is_taken = as_number(value, &held);
        break;
    }
    if (!is_taken) {
        return refuse(msg, scalar->type, value);
    }
    *out = held;
    return ERR_NONE;
}

static unsigned write_text(char *p, const char *text)
{
    size_t len = strlen(text);

    memcpy(p, text, len);
    return (unsigned)len;
}

/* What no source gave (a damaged file) is answered as null, or as the nearest moment. */
static unsigned write_real(char *p, int64_t held)
{
    double real;

    memcpy(&real, &held, sizeof real);
    return isfinite(real) ? write_number(p, real) : write_text(p, "null");
}

static unsigned write_moment(char *p, int64_t ms)
{
    ms = ms < TIMESTAMP_MIN ? TIMESTAMP_MIN : ms;
    timestamp_write(p, ms > TIMESTAMP_MAX ? TIMESTAMP_MAX : ms);
    return TIMESTAMP_TEXT_LEN;
}

static unsigned write_bare(char *p, const struct scalar *scalar, int64_t held)
{
    switch (scalar->type) {
    case SCALAR_INTEGER:
        return write_integer(p, held);
    case SCALAR_BOOLEAN:
        return write_text(p, held != 0 ? "true" : "false");
    case SCALAR_TIMESTAMP:
        return write_moment(p, held);
    case SCALAR_NUMBER:
        return write_real(p, held);
    default:
        return write_decimal(p, held, scalar->scale);
    }
}

/* Types that are between quotes in answers whatever `text:` says. */
static bool is_always_quoted(enum scalar_type type)
{
    return type == SCALAR_TIMESTAMP || type == SCALAR_DECIMAL || type == SCALAR_RATIO;
}

unsigned scalar_write(char *p, const struct scalar *scalar, int64_t held)
{
    unsigned len;

    assert(scalar->type != SCALAR_TEXT);
    if (!scalar->is_quoted && !is_always_quoted(scalar->type)) {
        return write_bare(p, scalar, held);
    }
    p[0] = '"';
    len = 1 + write_bare(p + 1, scalar, held);
    p[len] = '"';
    return len + 1;
}

void scalar_append(struct buffer *out, const struct scalar *scalar, int64_t held)
{
    char *p = buffer_reserve(out, SCALAR_JSON_MAX);

    if (p != NULL) {
        out->len += scalar_write(p, scalar, held);
    }
}
