#include "source/source_postgres_decode.h"

#include "source/source_postgres_bytes.h"

enum {
    MS_PER_DAY = 86400000,
    NUMERIC_HEADER_SIZE = 8, /* digit count, weight, sign, scale: 2 bytes each */
    NUMERIC_POSITIVE = 0x0000,
    NUMERIC_NEGATIVE = 0x4000,
    NUMERIC_NAN = 0xC000,
    NUMERIC_INFINITE = 0xD000,
    NUMERIC_MINUS_INFINITE = 0xF000,
    NUMERIC_SCALE_MAX = 16383,
    UUID_SIZE = 16,
    UUID_TEXT_LEN = 36,
};

static const char wrong_size[] = "has a value of another size than its type";

static void set_integer(struct value *out, int64_t integer)
{
    out->type = VALUE_INTEGER;
    out->integer = integer;
}

/* SQLite has no -0; neither has a release, whatever it is built from. */
static void set_real(struct value *out, double real)
{
    out->type = VALUE_REAL;
    out->real = real == 0 ? 0 : real;
}

static void set_text(struct value *out, struct slice text)
{
    out->type = VALUE_TEXT;
    out->text = text;
}

/* ---- numbers ---- */

static const char *decode_boolean(struct slice bytes, struct arena *arena, struct value *out)
{
    (void)arena;
    if (bytes.len != 1) {
        return wrong_size;
    }
    set_integer(out, bytes.ptr[0] != 0);
    return NULL;
}

static const char *decode_int2(struct slice bytes, struct arena *arena, struct value *out)
{
    (void)arena;
    if (bytes.len != 2) {
        return wrong_size;
    }
    set_integer(out, (int16_t)load_u16be(bytes.ptr));
    return NULL;
}

static const char *decode_int4(struct slice bytes, struct arena *arena, struct value *out)
{
    (void)arena;
    if (bytes.len != 4) {
        return wrong_size;
    }
    set_integer(out, (int32_t)load_u32be(bytes.ptr));
    return NULL;
}

static const char *decode_int8(struct slice bytes, struct arena *arena, struct value *out)
{
    (void)arena;
    if (bytes.len != 8) {
        return wrong_size;
    }
    set_integer(out, (int64_t)load_u64be(bytes.ptr));
    return NULL;
}

static const char *decode_float4(struct slice bytes, struct arena *arena, struct value *out)
{
    uint32_t bits;
    float real;

    (void)arena;
    if (bytes.len != 4) {
        return wrong_size;
    }
    bits = load_u32be(bytes.ptr);
    memcpy(&real, &bits, sizeof real);
    set_real(out, (double)real);
    return NULL;
}

static const char *decode_float8(struct slice bytes, struct arena *arena, struct value *out)
{
    uint64_t bits;
    double real;

    (void)arena;
    if (bytes.len != 8) {
        return wrong_size;
    }
    bits = load_u64be(bytes.ptr);
    memcpy(&real, &bits, sizeof real);
    set_real(out, real);
    return NULL;
}

/* ---- numeric ---- */

/*
 *   OFFSET SIZE FIELD
 *   0      2    count of base-10000 digits
 *   2      2    weight of the first one, signed: its place is 10000^weight
 *   4      2    sign
 *   6      2    scale: decimal digits after the point
 *   8      2..  the digits; those that are zero at either end may be left out
 */
struct numeric {
    int digit_count;
    int weight;
    unsigned sign;
    unsigned scale;
    const char *digits;
};

static bool read_numeric(struct slice bytes, struct numeric *out)
{
    if (bytes.len < NUMERIC_HEADER_SIZE) {
        return false;
    }
    out->digit_count = load_u16be(bytes.ptr);
    out->weight = (int16_t)load_u16be(bytes.ptr + 2);
    out->sign = load_u16be(bytes.ptr + 4);
    out->scale = load_u16be(bytes.ptr + 6);
    out->digits = bytes.ptr + NUMERIC_HEADER_SIZE;
    if (bytes.len - NUMERIC_HEADER_SIZE != (size_t)out->digit_count * 2 ||
        out->scale > NUMERIC_SCALE_MAX) {
        return false;
    }
    for (int i = 0; i < out->digit_count; i++) {
        if (load_u16be(out->digits + (size_t)i * 2) > 9999) {
            return false;
        }
    }
    return true;
}

/* The base-10000 digit whose place is 10000^PLACE. */
static unsigned digit_at(const struct numeric *numeric, int place)
{
    int index = numeric->weight - place;

    return index < 0 || index >= numeric->digit_count
               ? 0
               : load_u16be(numeric->digits + (size_t)index * 2);
}

static char *write_four(char *p, unsigned digit)
{
    p[0] = (char)('0' + digit / 1000);
    p[1] = (char)('0' + digit / 100 % 10);
    p[2] = (char)('0' + digit / 10 % 10);
    p[3] = (char)('0' + digit % 10);
    return p + 4;
}

/* The part before the point, without zeros in front. */
static char *write_whole(char *p, const struct numeric *numeric)
{
    char *start = p;
    size_t zeros = 0;

    for (int place = numeric->weight; place >= 0; place--) {
        p = write_four(p, digit_at(numeric, place));
    }
    while (start + zeros < p && start[zeros] == '0') {
        zeros++;
    }
    memmove(start, start + zeros, (size_t)(p - start) - zeros);
    p -= zeros;
    if (p == start) {
        *p++ = '0';
    }
    return p;
}

static struct slice numeric_text(const struct numeric *numeric, struct arena *arena)
{
    size_t whole_size = numeric->weight < 0 ? 1 : ((size_t)numeric->weight + 1) * 4;
    char *text = arena_alloc(arena, 1 + whole_size + 1 + numeric->scale + 4);
    char *p = text;

    if (numeric->sign == NUMERIC_NEGATIVE) {
        *p++ = '-';
    }
    p = write_whole(p, numeric);
    if (numeric->scale > 0) {
        char *fraction = ++p;

        fraction[-1] = '.';
        for (int place = -1; (size_t)(p - fraction) < numeric->scale; place--) {
            p = write_four(p, digit_at(numeric, place));
        }
        p = fraction + numeric->scale;
    }
    return slice_of(text, (size_t)(p - text));
}

static const char *decode_numeric(struct slice bytes, struct arena *arena, struct value *out)
{
    struct numeric numeric;

    if (!read_numeric(bytes, &numeric)) {
        return "has a damaged number";
    }
    switch (numeric.sign) {
    case NUMERIC_POSITIVE:
    case NUMERIC_NEGATIVE:
        set_text(out, numeric_text(&numeric, arena));
        return NULL;
    case NUMERIC_NAN:
        set_text(out, slice_str("NaN"));
        return NULL;
    case NUMERIC_INFINITE:
        set_text(out, slice_str("Infinity"));
        return NULL;
    case NUMERIC_MINUS_INFINITE:
        set_text(out, slice_str("-Infinity"));
        return NULL;
    default:
        return "has a damaged number";
    }
}

/* ---- texts ---- */

static const char *decode_text(struct slice bytes, struct arena *arena, struct value *out)
{
    (void)arena;
    set_text(out, bytes);
    return NULL;
}

static const char *decode_uuid(struct slice bytes, struct arena *arena, struct value *out)
{
    static const char digits[] = "0123456789abcdef";
    char *text;
    char *p;

    if (bytes.len != UUID_SIZE) {
        return wrong_size;
    }
    text = p = arena_alloc(arena, UUID_TEXT_LEN);
    for (unsigned i = 0; i < UUID_SIZE; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = digits[byte >> 4];
        *p++ = digits[byte & 15];
    }
    set_text(out, slice_of(text, UUID_TEXT_LEN));
    return NULL;
}

/* ---- dates and times ---- */

static const char infinite[] = "is infinite, which is no point in time";

static const char *decode_timestamp(struct slice bytes, struct arena *arena, struct value *out)
{
    int64_t us;

    (void)arena;
    if (bytes.len != 8) {
        return wrong_size;
    }
    us = (int64_t)load_u64be(bytes.ptr);
    if (us == INT64_MAX || us == INT64_MIN) {
        return infinite;
    }
    set_integer(out, us / 1000 - (us % 1000 < 0) + POSTGRES_EPOCH_MS);
    return NULL;
}

static const char *decode_date(struct slice bytes, struct arena *arena, struct value *out)
{
    int32_t days;

    (void)arena;
    if (bytes.len != 4) {
        return wrong_size;
    }
    days = (int32_t)load_u32be(bytes.ptr);
    if (days == INT32_MAX || days == INT32_MIN) {
        return infinite;
    }
    set_integer(out, (int64_t)days * MS_PER_DAY + POSTGRES_EPOCH_MS);
    return NULL;
}

static const struct postgres_type types[] = {
    {16, decode_boolean},     {19, decode_text},      {20, decode_int8},
    {21, decode_int2},        {23, decode_int4},      {25, decode_text},
    {700, decode_float4},     {701, decode_float8},   {1042, decode_text},
    {1043, decode_text},      {1082, decode_date},    {1114, decode_timestamp},
    {1184, decode_timestamp}, {1700, decode_numeric}, {2950, decode_uuid},
};

const struct postgres_type *postgres_type_find(uint32_t oid)
{
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].oid == oid) {
            return &types[i];
        }
    }
    return NULL;
}
