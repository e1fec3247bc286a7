#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "builder/cell.h"

struct example {
    const char *text;
    const char *wanted; /* as `describe` writes it */
    bool is_quoted;
};

/* "null", "integer 5", "real 0.5", "text [abc]", or the message. */
static void describe(const struct table_column *column, const struct example *example, char *out,
                     size_t size)
{
    struct csv_field field = {slice_str(example->text), example->is_quoted};
    struct cell_room room;
    struct value value;
    struct errmsg msg;
    enum err rc = cell_value(column, &field, &room, &value, &msg);

    if (rc != ERR_NONE) {
        assert_int_equal(rc, ERR_INPUT);
        snprintf(out, size, "%s", msg.text);
    } else if (value.type == VALUE_NULL) {
        snprintf(out, size, "null");
    } else if (value.type == VALUE_INTEGER) {
        snprintf(out, size, "integer %lld", (long long)value.integer);
    } else if (value.type == VALUE_REAL) {
        snprintf(out, size, "real %g", value.real);
    } else {
        snprintf(out, size, "text [%.*s]", SLICE_ARG(value.text));
    }
}

static void assert_examples(const struct table_column *column, const struct example *examples,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char got[1200];

        describe(column, &examples[i], got, sizeof got);
        assert_string_equal(got, examples[i].wanted);
    }
}

#define ASSERT_EXAMPLES(column, examples)                                                          \
    assert_examples(column, examples, sizeof(examples) / sizeof(examples)[0])

static struct table_column column_of(enum column_type type)
{
    return (struct table_column){
        .name = slice_str("in_source"), .header = slice_str("c"), .type = type, .scale = 2};
}

static void null_has_many_spellings(void **state)
{
    static const struct example examples[] = {
        {"", "null", false},
        {"", "null", true},
        {"null", "null", false},
        {"NULL", "null", true},
        {" \t\r\nNuLL ", "null", true},
        {"  ", "null", false},
        {" \n", "null", true},
    };
    static const enum column_type types[] = {COLUMN_INTEGER, COLUMN_BOOLEAN, COLUMN_TIMESTAMP,
                                             COLUMN_DECIMAL, COLUMN_NUMBER};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct table_column column = column_of(types[i]);

        ASSERT_EXAMPLES(&column, examples);
    }
}

static void text_is_taken_as_it_is(void **state)
{
    static const struct example examples[] = {
        {"", "null", false},
        {"", "text []", true},
        {"null", "null", false},
        {"Null", "null", true},
        {" null", "text [ null]", false},
        {" a \r", "text [ a \r]", false},
        {"nulls", "text [nulls]", true},
        {"uhttps://a", "text [uhttps://a]", false},
    };
    struct table_column column = column_of(COLUMN_TEXT);

    (void)state;
    ASSERT_EXAMPLES(&column, examples);
}

static void integers_are_strict_but_for_blanks(void **state)
{
    static const struct example examples[] = {
        {"5", "integer 5", false},
        {" -7\t", "integer -7", true},
        {"007", "integer 7", false},
        {"9223372036854775807", "integer 9223372036854775807", false},
        {"9223372036854775808", "c: \"9223372036854775808\" is not an integer", false},
        {"5.0", "c: \"5.0\" is not an integer", false},
        {"+5", "c: \"+5\" is not an integer", false},
        {" 5 6 ", "c: \"5 6\" is not an integer", false},
        {"0123456789012345678901234567890123456789ab",
         "c: \"0123456789012345678901234567890123456789...\" is not an integer", false},
        {"a23456789012345678901234567890123456789\xc3\xa9",
         "c: \"a23456789012345678901234567890123456789...\" is not an integer", false},
    };
    struct table_column column = column_of(COLUMN_INTEGER);

    (void)state;
    ASSERT_EXAMPLES(&column, examples);
}

static void bounds_are_part_of_the_range(void **state)
{
    static const struct example examples[] = {
        {"0", "c: 0 is not within 1 to 5", false},
        {"1", "integer 1", false},
        {"5", "integer 5", false},
        {"6", "c: 6 is not within 1 to 5", false},
        {"", "null", false},
    };
    struct table_column column = column_of(COLUMN_INTEGER);

    (void)state;
    column.has_bounds = true;
    column.least = 1;
    column.most = 5;
    ASSERT_EXAMPLES(&column, examples);
}

static void booleans_come_in_six_words(void **state)
{
    static const struct example examples[] = {
        {"true", "integer 1", false},
        {"FALSE", "integer 0", false},
        {"T", "integer 1", true},
        {" f ", "integer 0", false},
        {"1", "integer 1", false},
        {"0", "integer 0", false},
        {"yes", "c: \"yes\" is not a boolean (true, false, t, f, 1 or 0)", false},
        {"01", "c: \"01\" is not a boolean (true, false, t, f, 1 or 0)", false},
    };
    struct table_column column = column_of(COLUMN_BOOLEAN);

    (void)state;
    ASSERT_EXAMPLES(&column, examples);
}

static void timestamps_are_milliseconds_or_dates(void **state)
{
    static const struct example examples[] = {
        {"1596080481467", "integer 1596080481467", false},
        {"-1", "integer -1", false},
        {"2020", "integer 2020", false},
        {"2020-07-30", "integer 1596067200000", true},
        {" 2020-07-30T03:41:21.467Z", "integer 1596080481467", false},
        {"253402300799999", "integer 253402300799999", false},
        {"253402300800000",
         "c: \"253402300800000\" is not milliseconds within the years 0000 to 9999", false},
        {"99999999999999999999",
         "c: \"99999999999999999999\" is not milliseconds within the years 0000 to 9999", false},
        {"yesterday",
         "c: \"yesterday\" is not a date or time (2020-07-30, 2020-07-30T03:41:21.467Z)", false},
        {"-", "c: \"-\" is not a date or time (2020-07-30, 2020-07-30T03:41:21.467Z)", false},
    };
    struct table_column column = column_of(COLUMN_TIMESTAMP);

    (void)state;
    ASSERT_EXAMPLES(&column, examples);
}

static void decimals_lose_their_label_and_gain_their_scale(void **state)
{
    static const struct example examples[] = {
        {"140", "text [140.00]", false},
        {"default_price: 140", "text [140.00]", false},
        {" $ 1.005 ", "text [1.01]", true},
        {"-1.005", "text [-1.01]", false},
        {"EUR 0.1", "text [0.10]", false},
        {"price:", "c: \"price:\" is not a decimal number", false},
        {"1,5", "c: \"1,5\" is not a decimal number", true},
        {"5 EUR", "c: \"5 EUR\" is not a decimal number", false},
        {"99999999999999999.99", "c: \"99999999999999999.99\" is not a decimal number", false},
    };
    struct table_column column = column_of(COLUMN_DECIMAL);

    (void)state;
    ASSERT_EXAMPLES(&column, examples);
}

static void numbers_are_real(void **state)
{
    static const struct example examples[] = {
        {"0.5", "real 0.5", false},
        {" -1e3", "real -1000", false},
        {"1e999", "c: \"1e999\" is not a number", false},
        {"0x10", "c: \"0x10\" is not a number", false},
    };
    struct table_column column = column_of(COLUMN_NUMBER);

    (void)state;
    ASSERT_EXAMPLES(&column, examples);
}

static void mistyped_url_schemes_are_mended(void **state)
{
    static const struct example examples[] = {
        {"https://a/b", "text [https://a/b]", false},
        {"uhttps://a", "text [https://a]", false},
        {"hhttp://a", "text [http://a]", true},
        {"abcdefghhttp://a", "text [http://a]", false},
        {"abcdefghihttp://a", "text [abcdefghihttp://a]", false},
        {"u1https://a", "text [u1https://a]", false},
        {" https://a", "text [ https://a]", false},
        {"httphttp://a", "text [http://a]", false},
        {"http:/a", "text [http:/a]", false},
        {"", "text []", true},
        {"", "null", false},
        {"nUll", "null", true},
    };
    struct table_column column = column_of(COLUMN_URL);

    (void)state;
    ASSERT_EXAMPLES(&column, examples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_has_many_spellings),
        cmocka_unit_test(text_is_taken_as_it_is),
        cmocka_unit_test(integers_are_strict_but_for_blanks),
        cmocka_unit_test(bounds_are_part_of_the_range),
        cmocka_unit_test(booleans_come_in_six_words),
        cmocka_unit_test(timestamps_are_milliseconds_or_dates),
        cmocka_unit_test(decimals_lose_their_label_and_gain_their_scale),
        cmocka_unit_test(numbers_are_real),
        cmocka_unit_test(mistyped_url_schemes_are_mended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
