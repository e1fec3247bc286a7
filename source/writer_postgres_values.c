#include "source/writer_postgres_values.h"

#include <assert.h>
#include <math.h>

#include "base/number.h"
#include "base/timestamp.h"
#include "source/source_postgres_bytes.h"
#include "source/source_postgres_decode.h"

enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_TEXT = 25,
    OID_FLOAT8 = 701,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700,
};

enum { FORMAT_TEXT, FORMAT_BINARY };

static const Oid scalar_oids[] = {
    [SCALAR_INTEGER] = OID_INT8,
    [SCALAR_BOOLEAN] = OID_BOOL,
    [SCALAR_TIMESTAMP] = OID_TIMESTAMPTZ,
    [SCALAR_DECIMAL] = OID_NUMERIC,
    [SCALAR_NUMBER] = OID_FLOAT8,
    [SCALAR_RATIO] = OID_NUMERIC,
    [SCALAR_TEXT] = OID_TEXT,
};

/* ---- parameters ---- */

static void add(struct call *call, Oid type, const char *value, size_t length, int format)
{
    assert(call->count < ACTION_BINDINGS_MAX);
    call->types[call->count] = type;
    call->values[call->count] = value;
    call->lengths[call->count] = (int)length;
    call->formats[call->count++] = format;
}

static void add_eight(struct call *call, Oid type, uint64_t bits)
{
    char *bytes = call->bytes[call->count];

    bits = htobe64(bits);
    memcpy(bytes, &bits, sizeof bits);
    add(call, type, bytes, sizeof bits, FORMAT_BINARY);
}

void call_add_integer(struct call *call, int64_t integer)
{
    add_eight(call, OID_INT8, (uint64_t)integer);
}

/* In binary the length counts, and a text needs no NUL behind it. */
void call_add_text(struct call *call, struct slice text)
{
    add(call, OID_TEXT, text.ptr == NULL ? "" : text.ptr, text.len, FORMAT_BINARY);
}

static void add_real(struct call *call, double real)
{
    uint64_t bits;

    memcpy(&bits, &real, sizeof bits);
    add_eight(call, OID_FLOAT8, bits);
}

/* What is beyond the years that we can write is for the server to refuse, as an invalid value. */
static void add_timestamp(struct call *call, int64_t ms)
{
    static const char beyond[] = "beyond the year 9999";

    if (ms < TIMESTAMP_MIN || ms > TIMESTAMP_MAX) {
        add(call, OID_TIMESTAMPTZ, beyond, sizeof beyond - 1, FORMAT_TEXT);
    } else {
        add_eight(call, OID_TIMESTAMPTZ, (uint64_t)((ms - POSTGRES_EPOCH_MS) * 1000));
    }
}

static void add_boolean(struct call *call, bool is_true)
{
    char *byte = call->bytes[call->count];

    *byte = is_true ? 1 : 0;
    add(call, OID_BOOL, byte, 1, FORMAT_BINARY);
}

/*
 * Text for a scalar that is none came back from an earlier statement. An integer that is text has more
 * than 64 bits. The NUL that libpq needs behind it was put there by arena_copy.
 */
static void add_as_text(struct call *call, const struct scalar *scalar, struct slice text)
{
    Oid type = scalar->type == SCALAR_INTEGER ? OID_NUMERIC : scalar_oids[scalar->type];

    add(call, type, text.ptr, text.len, FORMAT_TEXT);
}

void call_add(struct call *call, const struct scalar *scalar, const struct value *value)
{
    if (value->type == VALUE_NULL) {
        add(call, scalar_oids[scalar->type], NULL, 0, FORMAT_BINARY);
    } else if (scalar->type == SCALAR_TEXT) {
        call_add_text(call, value->text);
    } else if (value->type == VALUE_TEXT) {
        add_as_text(call, scalar, value->text);
    } else if (value->type == VALUE_REAL) {
        add_real(call, value->real);
    } else if (scalar->type == SCALAR_TIMESTAMP) {
        add_timestamp(call, value->integer);
    } else if (scalar->type == SCALAR_BOOLEAN) {
        add_boolean(call, value->integer != 0);
    } else if (scalar->type == SCALAR_NUMBER) {
        add_real(call, (double)value->integer);
    } else {
        call_add_integer(call, value->integer); /* also for a decimal: the server widens it */
    }
}

/* ---- columns ---- */

enum kind { KIND_BOOLEAN, KIND_INTEGER, KIND_REAL, KIND_NUMERIC, KIND_TEXT, KIND_TIME, KINDS };

static const struct {
    Oid oid;
    enum kind kind;
} kinds[] = {
    {16, KIND_BOOLEAN}, {20, KIND_INTEGER}, {21, KIND_INTEGER},   {23, KIND_INTEGER},
    {700, KIND_REAL},   {701, KIND_REAL},   {1700, KIND_NUMERIC}, {19, KIND_TEXT},
    {25, KIND_TEXT},    {1042, KIND_TEXT},  {1043, KIND_TEXT},    {2950, KIND_TEXT},
    {1082, KIND_TIME},  {1114, KIND_TIME},  {1184, KIND_TIME},
};

/* KINDS when it is none of these. */
static enum kind kind_of(Oid oid)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].oid == oid) {
            return kinds[i].kind;
        }
    }
    return KINDS;
}

bool writer_column_fits(const struct scalar *scalar, Oid oid)
{
    static const bool fits[][KINDS + 1] = {
        [SCALAR_INTEGER] = {[KIND_INTEGER] = true, [KIND_NUMERIC] = true, [KIND_BOOLEAN] = true},
        [SCALAR_BOOLEAN] = {[KIND_BOOLEAN] = true, [KIND_INTEGER] = true},
        [SCALAR_TIMESTAMP] = {[KIND_TIME] = true, [KIND_INTEGER] = true},
        [SCALAR_DECIMAL] = {[KIND_NUMERIC] = true, [KIND_INTEGER] = true, [KIND_REAL] = true},
        [SCALAR_NUMBER] = {[KIND_REAL] = true, [KIND_INTEGER] = true, [KIND_NUMERIC] = true},
        [SCALAR_RATIO] = {[KIND_NUMERIC] = false},
        [SCALAR_TEXT] =
            {[KIND_TEXT] = true, [KIND_INTEGER] = true, [KIND_REAL] = true, [KIND_NUMERIC] = true},
    };

    return fits[scalar->type][kind_of(oid)];
}

bool writer_column_may_fail(const struct scalar *scalar, Oid oid)
{
    return scalar->type == SCALAR_INTEGER && kind_of(oid) == KIND_NUMERIC;
}

static struct value integer_value(int64_t integer)
{
    return (struct value){.type = VALUE_INTEGER, .integer = integer};
}

static struct value text_value(struct slice text)
{
    return (struct value){.type = VALUE_TEXT, .text = text};
}

/* "5.00" is 5. */
static struct slice without_zero_fraction(struct slice digits)
{
    const char *point = memchr(digits.ptr, '.', digits.len);
    size_t len = digits.len;

    if (point == NULL) {
        return digits;
    }
    while (digits.ptr[len - 1] == '0') {
        len--;
    }
    return digits.ptr[len - 1] == '.' ? slice_of(digits.ptr, len - 1) : digits;
}

/* Of a numeric; NaN and infinity begin with a letter behind their sign. */
static struct value from_digits(const struct scalar *scalar, struct slice digits,
                                struct arena *arena)
{
    char last = digits.ptr[digits.len - 1];
    int64_t integer;
    double real;

    if (scalar->type != SCALAR_TEXT && (last < '0' || last > '9')) {
        return (struct value){.type = VALUE_NULL};
    }
    if (scalar->type == SCALAR_INTEGER) {
        digits = without_zero_fraction(digits);
        if (parse_integer(digits, &integer)) {
            return integer_value(integer);
        }
    }
    if (scalar->type == SCALAR_NUMBER) {
        return parse_number(digits, &real) ? (struct value){.type = VALUE_REAL, .real = real}
                                           : (struct value){.type = VALUE_NULL};
    }
    return text_value(arena_copy(arena, digits));
}

static struct value from_integer(const struct scalar *scalar, int64_t integer, struct arena *arena)
{
    char digits[INTEGER_TEXT_MAX];

    switch (scalar->type) {
    case SCALAR_TEXT:
        return text_value(arena_copy(arena, slice_of(digits, write_integer(digits, integer))));
    case SCALAR_BOOLEAN:
        return integer_value(integer != 0);
    case SCALAR_TIMESTAMP:
        return integer < TIMESTAMP_MIN || integer > TIMESTAMP_MAX
                   ? (struct value){.type = VALUE_NULL}
                   : integer_value(integer);
    default:
        return integer_value(integer);
    }
}

static struct value from_real(const struct scalar *scalar, double real, struct arena *arena)
{
    char digits[NUMBER_TEXT_MAX];

    if (!isfinite(real)) {
        return (struct value){.type = VALUE_NULL};
    }
    if (scalar->type == SCALAR_TEXT) {
        return text_value(arena_copy(arena, slice_of(digits, write_number(digits, real))));
    }
    return (struct value){.type = VALUE_REAL, .real = real};
}

struct value writer_column_value(const struct scalar *scalar, Oid oid, struct slice bytes,
                                 struct arena *arena)
{
    const struct postgres_type *type = postgres_type_find(oid);
    struct value value = {.type = VALUE_NULL};

    if (type == NULL || type->decode(bytes, arena, &value) != NULL) {
        return (struct value){.type = VALUE_NULL}; /* an infinite time */
    }
    switch (value.type) {
    case VALUE_INTEGER:
        return from_integer(scalar, value.integer, arena);
    case VALUE_REAL:
        return from_real(scalar, value.real, arena);
    default:
        return kind_of(oid) == KIND_NUMERIC ? from_digits(scalar, value.text, arena)
                                            : text_value(arena_copy(arena, value.text));
    }
}
