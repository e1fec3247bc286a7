#include "bench/load/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct histogram histogram;

static int empty(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof histogram);
    return 0;
}

static void every_value_is_found_again_within_one_in_128(void **state)
{
    (void)state;
    for (int bit = 0; bit < 62; bit++) {
        for (int64_t step = 0; step < 8; step++) {
            int64_t value = (1LL << bit) + step * ((1LL << bit) / 8);
            int64_t found;

            memset(&histogram, 0, sizeof histogram);
            histogram_add(&histogram, value);
            histogram_add(&histogram, INT64_MAX); /* so that the greatest value does not cut it */
            found = histogram_percentile_ns(&histogram, 0.5);
            assert_true(found >= value);
            assert_true(found - value <= value / 128);
        }
    }
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
    static const struct {
        double share;
        int64_t value;
    } cases[] = {{0, 1}, {0.01, 1}, {0.5, 50}, {0.501, 51}, {0.99, 99}, {0.999, 100}, {1, 100}};

    (void)state;
    for (int64_t value = 100; value >= 1; value--) {
        histogram_add(&histogram, value);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(histogram_percentile_ns(&histogram, cases[i].share), cases[i].value);
    }
}

static void the_greatest_value_is_exact(void **state)
{
    (void)state;
    histogram_add(&histogram, 123456789);
    assert_int_equal(histogram.max_ns, 123456789);
    assert_int_equal(histogram_percentile_ns(&histogram, 1), 123456789);
}

static void what_is_below_zero_counts_as_zero(void **state)
{
    (void)state;
    histogram_add(&histogram, -5);
    assert_int_equal(histogram.count, 1);
    assert_int_equal(histogram_percentile_ns(&histogram, 1), 0);
}

static void without_values_all_is_zero(void **state)
{
    (void)state;
    assert_int_equal(histogram_percentile_ns(&histogram, 0.99), 0);
    assert_true(histogram_mean_ns(&histogram) == 0);
}

static void merged_ones_are_as_if_all_had_gone_to_one(void **state)
{
    static struct histogram other;

    (void)state;
    for (int64_t value = 1; value <= 1000; value++) {
        histogram_add(value % 2 == 0 ? &histogram : &other, value * 1000);
    }
    histogram_merge(&histogram, &other);
    assert_int_equal(histogram.count, 1000);
    assert_int_equal(histogram.max_ns, 1000000);
    assert_true(histogram_mean_ns(&histogram) == 500500);
    assert_in_range(histogram_percentile_ns(&histogram, 0.9), 900000, 900000 + 900000 / 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_value_is_found_again_within_one_in_128, empty),
        cmocka_unit_test_setup(percentiles_are_those_of_the_sorted_values, empty),
        cmocka_unit_test_setup(the_greatest_value_is_exact, empty),
        cmocka_unit_test_setup(what_is_below_zero_counts_as_zero, empty),
        cmocka_unit_test_setup(without_values_all_is_zero, empty),
        cmocka_unit_test_setup(merged_ones_are_as_if_all_had_gone_to_one, empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
