#include "builder/sorting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

enum { NUMBER, TEXT };

static const struct field fields[] = {
    [NUMBER] = {.scalar = {.type = SCALAR_INTEGER}},
    [TEXT] = {.scalar = {.type = SCALAR_TEXT}},
};

static struct sort_value number(int64_t integer)
{
    return (struct sort_value){.integer = integer};
}

static struct sort_value text(const char *bytes)
{
    return (struct sort_value){.text = slice_str(bytes)};
}

static const struct sort_value null = {.is_null = true};

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void values_compare_by_type_and_nulls_are_the_lowest(void **state)
{
    const struct {
        unsigned field;
        struct sort_value a;
        struct sort_value b;
        int order; /* ascending */
    } cases[] = {
        {NUMBER, number(1), number(2), -1},
        {NUMBER, number(INT64_MIN), number(INT64_MAX), -1},
        {NUMBER, number(5), number(5), 0},
        {NUMBER, null, number(INT64_MIN), -1},
        {NUMBER, null, null, 0},
        {TEXT, text("a"), text("b"), -1},
        {TEXT, text("B"), text("a"), -1},
        {TEXT, text("a"), text("ab"), -1},
        {TEXT, text("z"), text("\xc3\xa9"), -1},
        {TEXT, text("x"), text("x"), 0},
        {TEXT, null, text(""), -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct field *field = &fields[cases[i].field];
        const struct sort_value *a = &cases[i].a;
        const struct sort_value *b = &cases[i].b;

        assert_int_equal(sign(sort_value_compare(field, false, a, b)), cases[i].order);
        assert_int_equal(sign(sort_value_compare(field, false, b, a)), -cases[i].order);
        assert_int_equal(sign(sort_value_compare(field, true, a, b)), -cases[i].order);
        assert_int_equal(sign(sort_value_compare(field, true, b, a)), cases[i].order);
    }
}

static const struct order by_number_down_then_text = {.terms = {{NUMBER, true}, {TEXT, false}},
                                                      .term_count = 2};

static void a_check_tells_order_tie_and_disorder(void **state)
{
    const struct {
        struct sort_value values[2];
        int expected;
    } rows[] = {
        {{number(9), text("b")}, -1}, {{number(9), text("c")}, -1},
        {{number(9), text("c")}, 0},  {{number(9), text("a")}, 1},
        {{number(8), text("a")}, -1}, {{null, null}, -1},
        {{null, text("")}, -1},       {{null, null}, 1},
        {{number(1), text("")}, 1},
    };
    struct order_check check;

    (void)state;
    order_check_init(&check);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int result = order_check_next(&check, &by_number_down_then_text, fields, rows[i].values);

        assert_int_equal(sign(result), rows[i].expected);
    }
    check.has_previous = false;
    assert_true(order_check_next(&check, &by_number_down_then_text, fields, rows[0].values) < 0);
    order_check_free(&check);
}

static void a_check_keeps_its_own_copy_of_texts(void **state)
{
    struct order_check check;
    char bytes[] = "bbbb";
    struct sort_value values[2] = {number(1), {.text = {bytes, 4}}};

    (void)state;
    order_check_init(&check);
    assert_true(order_check_next(&check, &by_number_down_then_text, fields, values) < 0);
    memcpy(bytes, "aaaa", 4);
    assert_true(order_check_next(&check, &by_number_down_then_text, fields, values) > 0);
    order_check_free(&check);
}

static void rows_are_sorted_with_nulls_in_place_and_ties_in_row_order(void **state)
{
    const struct {
        struct sort_value number;
        struct sort_value text;
    } rows[] = {
        {number(3), text("x")}, {null, text("b")},      {number(7), text("x")},
        {number(3), text("a")}, {number(3), text("x")}, {null, text("a")},
    };
    const uint32_t expected[] = {2, 3, 0, 4, 5, 1};
    struct sort_column columns[2] = {0};
    uint32_t sorted[6];

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        sort_column_add(&columns[NUMBER], &rows[i].number);
        sort_column_add(&columns[TEXT], &rows[i].text);
    }
    sort_rows(&by_number_down_then_text, fields, columns, 6, sorted);
    assert_memory_equal(sorted, expected, sizeof expected);
    sort_column_free(&columns[NUMBER]);
    sort_column_free(&columns[TEXT]);
}

static void no_rows_and_one_row_are_sorted_already(void **state)
{
    struct sort_column columns[2] = {0};
    struct sort_value value = number(1);
    uint32_t sorted[1] = {99};

    (void)state;
    sort_rows(&by_number_down_then_text, fields, columns, 0, sorted);
    assert_int_equal(sorted[0], 99);
    sort_column_add(&columns[NUMBER], &value);
    sort_rows(&by_number_down_then_text, fields, columns, 1, sorted);
    assert_int_equal(sorted[0], 0);
    sort_column_free(&columns[NUMBER]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_compare_by_type_and_nulls_are_the_lowest),
        cmocka_unit_test(a_check_tells_order_tie_and_disorder),
        cmocka_unit_test(a_check_keeps_its_own_copy_of_texts),
        cmocka_unit_test(rows_are_sorted_with_nulls_in_place_and_ties_in_row_order),
        cmocka_unit_test(no_rows_and_one_row_are_sorted_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
