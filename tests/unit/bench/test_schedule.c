#include "bench/load/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void requests_are_due_at_even_distances(void **state)
{
    struct schedule schedule = schedule_make(1000, 1000, 10);

    (void)state;
    assert_int_equal(schedule.total, 10000);
    assert_int_equal(schedule_due_ns(&schedule, 0), 1000);
    assert_int_equal(schedule_due_ns(&schedule, 1), 1001000);
    assert_int_equal(schedule_due_ns(&schedule, 9999), 1000 + 9999000000LL);
}

static void a_rate_that_divides_no_second_does_not_drift(void **state)
{
    struct schedule schedule = schedule_make(0, 30000, 3600);

    (void)state;
    assert_int_equal(schedule_due_ns(&schedule, 30000ULL * 3600), 3600000000000LL);
}

static void as_many_are_due_as_their_instants_have_passed(void **state)
{
    static const double rates[] = {0.5, 3, 7, 1000, 29997.3, 10000000};

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct schedule schedule = schedule_make(77, rates[i], 100);

        for (uint64_t index = 0; index < 49; index++) {
            int64_t due_ns = schedule_due_ns(&schedule, index);

            assert_int_equal(schedule_due_count(&schedule, due_ns - 1), index);
            assert_int_equal(schedule_due_count(&schedule, due_ns), index + 1);
        }
    }
}

static void nothing_is_due_before_the_start_and_no_more_than_all_after_the_end(void **state)
{
    struct schedule schedule = schedule_make(5000, 100, 2);

    (void)state;
    assert_int_equal(schedule_due_count(&schedule, 0), 0);
    assert_int_equal(schedule_due_count(&schedule, 4999), 0);
    assert_int_equal(schedule_due_count(&schedule, 1000000000000LL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_due_at_even_distances),
        cmocka_unit_test(a_rate_that_divides_no_second_does_not_drift),
        cmocka_unit_test(as_many_are_due_as_their_instants_have_passed),
        cmocka_unit_test(nothing_is_due_before_the_start_and_no_more_than_all_after_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
