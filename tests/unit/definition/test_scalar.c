#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "definition/scalar.h"

#define INT(i)                                                                                     \
    {                                                                                              \
        .type = VALUE_INTEGER, .integer = (i)                                                      \
    }
#define REAL(r)                                                                                    \
    {                                                                                              \
        .type = VALUE_REAL, .real = (r)                                                            \
    }
#define TEXT(t)                                                                                    \
    {                                                                                              \
        .type = VALUE_TEXT, .text = { t, sizeof t - 1 }                                            \
    }

static const struct scalar integer = {.type = SCALAR_INTEGER};
static const struct scalar boolean = {.type = SCALAR_BOOLEAN};
static const struct scalar timestamp = {.type = SCALAR_TIMESTAMP};
static const struct scalar cents = {.type = SCALAR_DECIMAL, .scale = 2};
static const struct scalar whole = {.type = SCALAR_DECIMAL, .scale = 0};
static const struct scalar number = {.type = SCALAR_NUMBER};
static const struct scalar ratio = {.type = SCALAR_RATIO, .scale = 4};
static const struct scalar quoted_integer = {.type = SCALAR_INTEGER, .is_quoted = true};
static const struct scalar quoted_boolean = {.type = SCALAR_BOOLEAN, .is_quoted = true};
static const struct scalar quoted_number = {.type = SCALAR_NUMBER, .is_quoted = true};

static int64_t bits(double real)
{
    int64_t held;

    memcpy(&held, &real, sizeof held);
    return held;
}

static void values_of_every_source_type_are_held(void **state)
{
    const struct {
        const struct scalar *scalar;
        struct value value;
        int64_t held;
    } cases[] = {
        {&integer, INT(-5), -5},
        {&integer, INT(INT64_MIN), INT64_MIN},
        {&integer, TEXT("9223372036854775807"), INT64_MAX},
        {&integer, REAL(3.0), 3},
        {&integer, REAL(-9223372036854775808.0), INT64_MIN},
        {&boolean, INT(1), 1},
        {&boolean, REAL(0.0), 0},
        {&boolean, TEXT("t"), 1},
        {&boolean, TEXT("FALSE"), 0},
        {&boolean, TEXT("Yes"), 1},
        {&boolean, TEXT("off"), 0},
        {&boolean, TEXT("0"), 0},
        {&timestamp, INT(1596080481467), 1596080481467},
        {&timestamp, REAL(1000.0), 1000},
        {&timestamp, TEXT("2020-07-30T03:41:21.467Z"), 1596080481467},
        {&timestamp, TEXT("1970-01-02"), 86400000},
        {&cents, INT(140), 14000},
        {&cents, TEXT("140.005"), 14001},
        {&cents, TEXT("-0.5"), -50},
        {&cents, REAL(140.25), 14025},
        {&cents, REAL(1.005), 101}, /* as it reads, although its bits are a little less */
        {&cents, REAL(1e-30), 0},
        {&cents, REAL(1e15), 100000000000000000},
        {&whole, REAL(4e18), 4000000000000000000},
        {&whole, TEXT("2.5"), 3},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct errmsg msg = {""};
        int64_t held = 77;

        assert_int_equal(scalar_from_value(cases[i].scalar, &cases[i].value, &held, &msg),
                         ERR_NONE);
        assert_int_equal(held, cases[i].held);
    }
}

static void numbers_are_held_as_the_bits_of_a_double(void **state)
{
    const struct {
        struct value value;
        double real;
    } cases[] = {{INT(3), 3.0}, {REAL(0.25), 0.25}, {TEXT("-1.5e3"), -1500.0}};

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct errmsg msg = {""};
        int64_t held = 0;

        assert_int_equal(scalar_from_value(&number, &cases[i].value, &held, &msg), ERR_NONE);
        assert_int_equal(held, bits(cases[i].real));
    }
}

static void other_values_are_refused_with_what_they_are(void **state)
{
    const struct {
        const struct scalar *scalar;
        struct value value;
        const char *message;
    } cases[] = {
        {&integer, TEXT("abc"), "\"abc\" is not an integer"},
        {&integer, TEXT(""), "\"\" is not an integer"},
        {&integer, TEXT("5.0"), "\"5.0\" is not an integer"},
        {&integer, TEXT("9223372036854775808"), "\"9223372036854775808\" is not an integer"},
        {&integer, REAL(5.5), "5.5 is not an integer"},
        {&integer, REAL(9223372036854775808.0), "9.2233720368547758e+18 is not an integer"},
        {&integer, REAL(NAN), "nan is not an integer"},
        {&integer, TEXT("say \"x\"\n"), "\"say \\\"x\\\"\\n\" is not an integer"},
        {&integer, TEXT("1234567890123456789012345678901234567890x"),
         "\"1234567890123456789012345678901234567890...\" is not an integer"},
        {&integer, TEXT("123456789012345678901234567890123456789\xc3\xa4"),
         "\"123456789012345678901234567890123456789...\" is not an integer"},
        {&boolean, INT(2), "2 is not a boolean (true, false, 1, 0)"},
        {&boolean, TEXT("maybe"), "\"maybe\" is not a boolean (true, false, 1, 0)"},
        {&timestamp, TEXT("soon"),
         "\"soon\" is not a timestamp (2020-07-30T03:41:21.467Z, or milliseconds)"},
        {&timestamp, INT(253402300800000),
         "253402300800000 is not a timestamp (2020-07-30T03:41:21.467Z, or milliseconds)"},
        {&cents, TEXT("1,5"), "\"1,5\" is not a decimal that fits 64 bits"},
        {&cents, INT(INT64_MAX), "9223372036854775807 is not a decimal that fits 64 bits"},
        {&cents, REAL(1e300), "1.0000000000000001e+300 is not a decimal that fits 64 bits"},
        {&cents, REAL(INFINITY), "inf is not a decimal that fits 64 bits"},
        {&number, TEXT("nan"), "\"nan\" is not a finite number"},
        {&number, REAL(INFINITY), "inf is not a finite number"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct errmsg msg = {""};
        int64_t held = 77;

        assert_int_equal(scalar_from_value(cases[i].scalar, &cases[i].value, &held, &msg),
                         ERR_INPUT);
        assert_string_equal(msg.text, cases[i].message);
        assert_int_equal(held, 77);
    }
}

static void held_values_are_written_as_json(void **state)
{
    const struct {
        const struct scalar *scalar;
        int64_t held;
        const char *json;
    } cases[] = {
        {&integer, INT64_MIN, "-9223372036854775808"},
        {&quoted_integer, 5, "\"5\""},
        {&boolean, 1, "true"},
        {&boolean, 0, "false"},
        {&quoted_boolean, 0, "\"false\""},
        {&timestamp, 1596080481467, "\"2020-07-30T03:41:21.467Z\""},
        {&cents, 14000, "\"140.00\""},
        {&cents, -5, "\"-0.05\""},
        {&whole, 7, "\"7\""},
        {&ratio, 31818, "\"3.1818\""},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[SCALAR_JSON_MAX + 1];
        unsigned len = scalar_write(json, cases[i].scalar, cases[i].held);

        json[len] = '\0';
        assert_string_equal(json, cases[i].json);
    }
}

static void numbers_are_written_as_the_shortest_text(void **state)
{
    struct buffer out;

    (void)state;
    buffer_init(&out, 200);
    scalar_append(&out, &number, bits(0.1));
    buffer_append_byte(&out, ' ');
    scalar_append(&out, &quoted_number, bits(-1e300));
    assert_string_equal(buffer_str(&out), "0.1 \"-1e+300\"");
    buffer_free(&out);
}

/* What a damaged file may hold still gives valid JSON within the room. */
static void held_values_that_no_source_gave_are_written_within_bounds(void **state)
{
    static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};
    static const struct scalar longest = {.type = SCALAR_RATIO, .scale = 18};
    const struct scalar *scalars[] = {&integer,        &boolean,        &timestamp,    &cents,
                                      &number,         &ratio,          &longest,      &whole,
                                      &quoted_integer, &quoted_boolean, &quoted_number};
    char json[SCALAR_JSON_MAX];

    (void)state;
    for (unsigned i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
        for (unsigned j = 0; j < sizeof extremes / sizeof extremes[0]; j++) {
            assert_in_range(scalar_write(json, scalars[i], extremes[j]), 1, SCALAR_JSON_MAX);
        }
    }
    assert_int_equal(scalar_write(json, &number, bits(NAN)), 4);
    assert_memory_equal(json, "null", 4);
    assert_int_equal(scalar_write(json, &timestamp, INT64_MAX), 26);
    assert_memory_equal(json, "\"9999-12-31T23:59:59.999Z\"", 26);
}

static void types_have_the_names_of_the_definition(void **state)
{
    (void)state;
    assert_string_equal(scalar_type_name(SCALAR_INTEGER), "integer");
    assert_string_equal(scalar_type_name(SCALAR_BOOLEAN), "boolean");
    assert_string_equal(scalar_type_name(SCALAR_TIMESTAMP), "timestamp");
    assert_string_equal(scalar_type_name(SCALAR_DECIMAL), "decimal");
    assert_string_equal(scalar_type_name(SCALAR_NUMBER), "number");
    assert_string_equal(scalar_type_name(SCALAR_RATIO), "ratio");
    assert_string_equal(scalar_type_name(SCALAR_TEXT), "text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_source_type_are_held),
        cmocka_unit_test(numbers_are_held_as_the_bits_of_a_double),
        cmocka_unit_test(other_values_are_refused_with_what_they_are),
        cmocka_unit_test(held_values_are_written_as_json),
        cmocka_unit_test(numbers_are_written_as_the_shortest_text),
        cmocka_unit_test(held_values_that_no_source_gave_are_written_within_bounds),
        cmocka_unit_test(types_have_the_names_of_the_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
