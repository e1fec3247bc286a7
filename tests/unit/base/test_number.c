#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

static void integers_are_read_whole_or_not_at_all(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"5", true, 5},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+5", false, 0},
        {" 5", false, 0},
        {"5 ", false, 0},
        {"5.", false, 0},
        {"5.0", false, 0},
        {".5", false, 0},
        {"5e3", false, 0},
        {"0x10", false, 0},
        {"--5", false, 0},
        {"hello", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 77;
        bool ok = parse_integer(slice_str(cases[i].text), &value);

        if (ok != cases[i].ok || value != (ok ? cases[i].value : 77)) {
            fail_msg("\"%s\": %d %lld", cases[i].text, ok, (long long)value);
        }
    }
}

static void decimals_are_scaled_and_rounded_half_away_from_zero(void **state)
{
    static const struct {
        const char *text;
        unsigned scale;
        bool ok;
        int64_t value;
    } cases[] = {
        {"140", 2, true, 14000},
        {"140.", 2, true, 14000},
        {"140.5", 2, true, 14050},
        {"140.00", 2, true, 14000},
        {"0.005", 2, true, 1},
        {"0.0049", 2, true, 0},
        {"0.00499999", 2, true, 0},
        {"-0.005", 2, true, -1},
        {"-0.0049", 2, true, 0},
        {"1.995", 2, true, 200},
        {"2.5", 0, true, 3},
        {"-2.5", 0, true, -3},
        {"2.4999", 0, true, 2},
        {"92233720368547758.07", 2, true, INT64_MAX},
        {"-92233720368547758.08", 2, true, INT64_MIN},
        {"92233720368547758.08", 2, false, 0},
        {"92233720368547758.075", 2, false, 0},
        {"9.223372036854775807", 18, true, INT64_MAX},
        {"10", 18, false, 0},
        {"1", 18, true, 1000000000000000000},
        {".5", 2, false, 0},
        {"", 2, false, 0},
        {"-", 2, false, 0},
        {"-.5", 2, false, 0},
        {"1.2.3", 2, false, 0},
        {"1.234x", 2, false, 0},
        {"1e2", 2, false, 0},
        {"$5", 2, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 77;
        bool ok = parse_decimal(slice_str(cases[i].text), cases[i].scale, &value);

        if (ok != cases[i].ok || value != (ok ? cases[i].value : 77)) {
            fail_msg("\"%s\" at %u: %d %lld", cases[i].text, cases[i].scale, ok, (long long)value);
        }
    }
}

static void written_integers_are_shortest(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {9, "9"},
        {10, "10"},
        {99, "99"},
        {100, "100"},
        {-1, "-1"},
        {12345, "12345"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[INTEGER_TEXT_MAX];
        unsigned len = write_integer(text, cases[i].value);

        assert_true(slice_is(slice_of(text, len), cases[i].text));
    }
}

static void written_decimals_show_their_scale(void **state)
{
    static const struct {
        int64_t value;
        unsigned scale;
        const char *text;
    } cases[] = {
        {14000, 2, "140.00"},
        {5, 2, "0.05"},
        {-5, 2, "-0.05"},
        {-150, 2, "-1.50"},
        {7, 0, "7"},
        {0, 3, "0.000"},
        {31818181818181818, 16, "3.1818181818181818"},
        {INT64_MAX, 18, "9.223372036854775807"},
        {INT64_MIN, 18, "-9.223372036854775808"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MIN, 2, "-92233720368547758.08"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[DECIMAL_TEXT_MAX];
        unsigned len = write_decimal(text, cases[i].value, cases[i].scale);

        if (!slice_is(slice_of(text, len), cases[i].text)) {
            fail_msg("%.*s instead of %s", (int)len, text, cases[i].text);
        }
    }
}

static void written_decimals_read_back_as_themselves(void **state)
{
    uint64_t random = 88172645463325252ULL;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        unsigned scale = (unsigned)i % (DECIMAL_SCALE_MAX + 1);
        char text[DECIMAL_TEXT_MAX];
        int64_t value;
        int64_t back;
        unsigned len;

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        value = (int64_t)random >> (random % 64);
        len = write_decimal(text, value, scale);
        assert_true(len <= DECIMAL_TEXT_MAX);
        assert_true(parse_decimal(slice_of(text, len), scale, &back));
        assert_true(back == value);
    }
}

static void numbers_are_finite_and_whole(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        double value;
    } cases[] = {
        {"0.25", true, 0.25}, {"-1e3", true, -1000}, {"5", true, 5},      {"1e999", false, 0},
        {"nan", false, 0},    {"inf", false, 0},     {"", false, 0},      {"1 ", false, 0},
        {"1x", false, 0},     {"--1", false, 0},     {"0x1p3", false, 0}, {"1e", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = 77;
        bool ok = parse_number(slice_str(cases[i].text), &value);

        if (ok != cases[i].ok || value != (ok ? cases[i].value : 77)) {
            fail_msg("\"%s\": %d %g", cases[i].text, ok, value);
        }
    }
}

static void a_number_is_read_from_a_slice_that_does_not_end_there(void **state)
{
    double value;

    (void)state;
    assert_true(parse_number(slice_of("1.5,2", 3), &value));
    assert_true(value == 1.5);
}

static void written_numbers_are_the_shortest_that_read_back(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"}, {0.25, "0.25"}, {3, "3"}, {-1.5, "-1.5"}, {1e300, "1e+300"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[NUMBER_TEXT_MAX];
        unsigned len = write_number(text, cases[i].value);

        assert_true(slice_is(slice_of(text, len), cases[i].text));
    }
}

static void ratios_are_rounded_half_away_from_zero(void **state)
{
    static const struct {
        int64_t total;
        int64_t count;
        unsigned scale;
        bool ok;
        int64_t value;
    } cases[] = {
        {35, 11, 16, true, 31818181818181818},
        {2, 3, 16, true, 6666666666666667},
        {1, 3, 16, true, 3333333333333333},
        {5, 1, 16, true, 50000000000000000},
        {1, 2, 0, true, 1},
        {-1, 2, 0, true, -1},
        {-2, 3, 16, true, -6666666666666667},
        {3, 2, 1, true, 15},
        {0, 9, 16, true, 0},
        {5, 0, 16, false, 0},
        {5, -1, 16, false, 0},
        {INT64_MAX, 1, 0, true, INT64_MAX},
        {INT64_MIN, 1, 0, true, INT64_MIN},
        {INT64_MAX, 1, 1, false, 0},
        {INT64_MIN, 1, 18, false, 0},
        {INT64_MAX, INT64_MAX, 18, true, 1000000000000000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 77;
        bool ok = ratio_scaled(cases[i].total, cases[i].count, cases[i].scale, &value);

        if (ok != cases[i].ok || value != (ok ? cases[i].value : 77)) {
            fail_msg("case %zu: %d %lld", i, ok, (long long)value);
        }
    }
}

static void powers_of_ten_reach_the_largest_scale(void **state)
{
    (void)state;
    assert_int_equal(power_of_ten(0), 1);
    assert_int_equal(power_of_ten(3), 1000);
    assert_true(power_of_ten(DECIMAL_SCALE_MAX) == 1000000000000000000);
}

static void written_hex_has_all_its_digits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t value = i < 1000 ? i * 0x9e3779b97f4a7c15U : i - 1000;
        char expected[32];
        char text[HEX_TEXT_LEN];
        uint64_t read;

        snprintf(expected, sizeof expected, "%016" PRIx64, value);
        write_hex(text, value);
        assert_memory_equal(text, expected, HEX_TEXT_LEN);
        assert_true(parse_hex(slice_of(text, HEX_TEXT_LEN), &read));
        assert_true(read == value);
    }
}

static void hex_is_sixteen_digits_in_lower_case_or_nothing(void **state)
{
    static const char *const wrong[] = {
        "",
        "0",
        "123456789abcde",
        "0123456789abcdef0",
        "0123456789ABCDEF",
        "0x23456789abcdef",
        " 123456789abcdef",
        "-123456789abcdef",
        "0123456789abcdeg",
    };
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(parse_hex(slice_str(wrong[i]), &value));
    }
    assert_false(parse_hex(slice_of("0123456789abcde\0", 16), &value));
    assert_int_equal(value, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_whole_or_not_at_all),
        cmocka_unit_test(decimals_are_scaled_and_rounded_half_away_from_zero),
        cmocka_unit_test(written_integers_are_shortest),
        cmocka_unit_test(written_hex_has_all_its_digits),
        cmocka_unit_test(hex_is_sixteen_digits_in_lower_case_or_nothing),
        cmocka_unit_test(written_decimals_show_their_scale),
        cmocka_unit_test(written_decimals_read_back_as_themselves),
        cmocka_unit_test(numbers_are_finite_and_whole),
        cmocka_unit_test(a_number_is_read_from_a_slice_that_does_not_end_there),
        cmocka_unit_test(written_numbers_are_the_shortest_that_read_back),
        cmocka_unit_test(ratios_are_rounded_half_away_from_zero),
        cmocka_unit_test(powers_of_ten_reach_the_largest_scale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
