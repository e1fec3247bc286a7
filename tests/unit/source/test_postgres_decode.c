#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "source/source_postgres_decode.h"

enum {
    BOOLEAN = 16,
    BIGINT = 20,
    SMALLINT = 21,
    INTEGER = 23,
    TEXT = 25,
    REAL = 700,
    DOUBLE = 701,
    DATE = 1082,
    TIMESTAMP = 1114,
    TIMESTAMPTZ = 1184,
    NUMERIC = 1700,
    UUID = 2950,
};

/* What BYTES are to a column of type OID; texts live in ARENA. */
static const char *decode(uint32_t oid, struct slice bytes, struct arena *arena, struct value *out)
{
    const struct postgres_type *type = postgres_type_find(oid);
    char *copy = malloc(bytes.len == 0 ? 1 : bytes.len); /* so that reading beyond is seen */
    const char *problem;

    assert_non_null(type);
    memcpy(copy, bytes.ptr, bytes.len);
    problem = type->decode(slice_of(copy, bytes.len), arena, out);
    if (problem == NULL && out->type == VALUE_TEXT) {
        out->text = arena_copy(arena, out->text);
    }
    free(copy);
    return problem;
}

#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

static void integers_booleans_and_times_become_integers(void **state)
{
    static const struct {
        uint32_t oid;
        struct slice bytes;
        int64_t wanted;
    } cases[] = {
        {BOOLEAN, BYTES("\0"), 0},
        {BOOLEAN, BYTES("\1"), 1},
        {SMALLINT, BYTES("\x80\0"), -32768},
        {INTEGER, BYTES("\xff\xff\xff\xfe"), -2},
        {BIGINT, BYTES("\x80\0\0\0\0\0\0\0"), INT64_MIN},
        {BIGINT, BYTES("\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MAX},
        {TIMESTAMPTZ, BYTES("\0\0\0\0\0\0\0\0"), 946684800000},
        {TIMESTAMPTZ, BYTES("\0\0\0\0\0\0\x03\xe7"), 946684800000},
        {TIMESTAMPTZ, BYTES("\0\0\0\0\0\0\x03\xe8"), 946684800001},
        {TIMESTAMP, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), 946684799999},
        {TIMESTAMP, BYTES("\xff\xff\xff\xff\xff\xff\xfc\x18"), 946684799999},
        {TIMESTAMP, BYTES("\xff\xff\xff\xff\xff\xff\xfc\x17"), 946684799998},
        {DATE, BYTES("\0\0\0\1"), 946684800000 + 86400000},
        {DATE, BYTES("\xff\xff\xd5\x33"), 0},
        {DATE, BYTES("\xff\xff\xd5\x32"), -86400000},
    };
    struct arena *arena = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct value value = {.type = VALUE_NULL};

        assert_null(decode(cases[i].oid, cases[i].bytes, arena, &value));
        assert_int_equal(value.type, VALUE_INTEGER);
        assert_int_equal(value.integer, cases[i].wanted);
    }
}

static void floats_become_reals(void **state)
{
    struct arena *arena = *state;
    struct value value;

    assert_null(decode(REAL, slice_of("\x3f\x00\x00\x00", 4), arena, &value));
    assert_int_equal(value.type, VALUE_REAL);
    assert_true(value.real == 0.5);
    assert_null(decode(DOUBLE, slice_of("\xbf\xb9\x99\x99\x99\x99\x99\x9a", 8), arena, &value));
    assert_int_equal(value.type, VALUE_REAL);
    assert_true(value.real == -0.1);
    assert_null(decode(DOUBLE, slice_of("\x80\0\0\0\0\0\0\0", 8), arena, &value));
    assert_true(value.real == 0 && !signbit(value.real)); /* as SQLite has it */
}

static void texts_and_uuids_become_text(void **state)
{
    struct arena *arena = *state;
    struct value value;

    assert_null(decode(TEXT, slice_of("", 0), arena, &value));
    assert_int_equal(value.type, VALUE_TEXT);
    assert_int_equal(value.text.len, 0);
    assert_null(decode(TEXT, slice_str("Caf\xc3\xa9"), arena, &value));
    assert_true(slice_is(value.text, "Caf\xc3\xa9"));
    assert_null(
        decode(UUID, slice_str("\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10"),
               arena, &value));
    assert_true(slice_is(value.text, "01234567-89ab-cdef-fedc-ba9876543210"));
}

/* Header: count, weight, sign, scale. */
static void numerics_keep_every_digit(void **state)
{
    static const struct {
        struct slice bytes;
        const char *wanted;
    } cases[] = {
        {BYTES("\0\0\0\0\0\0\0\0"), "0"},
        {BYTES("\0\0\0\0\0\0\0\2"), "0.00"},
        {BYTES("\0\1\0\0\0\0\0\2\0\x8c"), "140.00"},
        {BYTES("\0\2\0\0\x40\0\0\2\0\x8c\x13\x88"), "-140.50"},
        {BYTES("\0\1\xff\xff\0\0\0\4\0\1"), "0.0001"},
        {BYTES("\0\1\xff\xfe\0\0\0\6\0\x64"), "0.000001"},
        {BYTES("\0\1\0\1\0\0\0\0\0\1"), "10000"},
        {BYTES("\0\2\0\1\0\0\0\0\0\1\0\7"), "10007"},
        {BYTES("\0\2\0\0\0\0\0\1\0\1\x04\xd2"), "1.1"}, /* a scale below the digits cuts */
        {BYTES("\0\0\0\0\xc0\0\0\0"), "NaN"},
        {BYTES("\0\0\0\0\xd0\0\0\0"), "Infinity"},
        {BYTES("\0\0\0\0\xf0\0\0\0"), "-Infinity"},
    };
    struct arena *arena = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct value value = {.type = VALUE_NULL};

        assert_null(decode(NUMERIC, cases[i].bytes, arena, &value));
        assert_int_equal(value.type, VALUE_TEXT);
        if (!slice_is(value.text, cases[i].wanted)) {
            fail_msg("%.*s is not %s", SLICE_ARG(value.text), cases[i].wanted);
        }
    }
}

static void what_is_no_value_is_refused(void **state)
{
    static const char size[] = "has a value of another size than its type";
    static const char infinite[] = "is infinite, which is no point in time";
    static const char damaged[] = "has a damaged number";
    static const struct {
        uint32_t oid;
        struct slice bytes;
        const char *wanted;
    } cases[] = {
        {BOOLEAN, BYTES(""), size},
        {SMALLINT, BYTES("\0\0\0\0"), size},
        {INTEGER, BYTES("\0\0"), size},
        {BIGINT, BYTES("\0\0\0\0"), size},
        {REAL, BYTES("\0\0\0\0\0\0\0\0"), size},
        {DOUBLE, BYTES("\0\0\0\0"), size},
        {DATE, BYTES("\0\0\0\0\0\0\0\0"), size},
        {TIMESTAMP, BYTES("\0\0\0\0"), size},
        {UUID, BYTES("0123456789abcde"), size},
        {TIMESTAMPTZ, BYTES("\x7f\xff\xff\xff\xff\xff\xff\xff"), infinite},
        {TIMESTAMPTZ, BYTES("\x80\0\0\0\0\0\0\0"), infinite},
        {DATE, BYTES("\x7f\xff\xff\xff"), infinite},
        {DATE, BYTES("\x80\0\0\0"), infinite},
        {NUMERIC, BYTES("\0\0\0\0\0\0\0"), damaged},
        {NUMERIC, BYTES("\0\1\0\0\0\0\0\0"), damaged},         /* a digit is missing */
        {NUMERIC, BYTES("\0\0\0\0\0\0\0\0\0\1"), damaged},     /* one too many */
        {NUMERIC, BYTES("\0\1\0\0\0\0\0\0\x27\x10"), damaged}, /* the digit 10000 */
        {NUMERIC, BYTES("\0\0\0\0\0\1\0\0"), damaged},         /* a sign of its own */
        {NUMERIC, BYTES("\0\0\0\0\0\0\x40\0"), damaged},       /* scale 16384 */
    };
    struct arena *arena = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct value value;

        assert_string_equal(decode(cases[i].oid, cases[i].bytes, arena, &value), cases[i].wanted);
    }
}

static void other_types_are_unknown(void **state)
{
    static const uint32_t others[] = {17, 114, 1009, 1186, 3802};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_null(postgres_type_find(others[i]));
    }
}

static int arena_setup(void **state)
{
    *state = memory_calloc(1, sizeof(struct arena));
    arena_init(*state, 4096);
    return 0;
}

static int arena_teardown(void **state)
{
    arena_free(*state);
    free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(integers_booleans_and_times_become_integers),
        TEST(floats_become_reals),
        TEST(texts_and_uuids_become_text),
        TEST(numerics_keep_every_digit),
        TEST(what_is_no_value_is_refused),
        TEST(other_types_are_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
