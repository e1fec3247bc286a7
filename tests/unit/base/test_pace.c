#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/pace.h"

static void what_passed_is_waited_for_at_the_rate(void **state)
{
    struct pace pace;

    (void)state;
    pace_begin(&pace, 1000, 5000);
    assert_int_equal(pace_wait_ms(&pace, 500, 5000), 500);
    assert_int_equal(pace_wait_ms(&pace, 500, 5500), 500);
    assert_int_equal(pace_wait_ms(&pace, 500, 5800), 700); /* 200 ms early */
    assert_int_equal(pace_wait_ms(&pace, 0, 6600), 0);
}

static void time_that_reading_takes_counts(void **state)
{
    struct pace pace;

    (void)state;
    pace_begin(&pace, 1000, 0);
    assert_int_equal(pace_wait_ms(&pace, 500, 300), 200);
}

static void a_reader_that_was_held_up_may_catch_up_by_a_second_and_no_more(void **state)
{
    struct pace pace;

    (void)state;
    pace_begin(&pace, 1000, 0);
    assert_int_equal(pace_wait_ms(&pace, 1000, 60000), 0);
    assert_int_equal(pace_wait_ms(&pace, 1000, 60000), 1000);
}

static void no_rate_makes_a_wait_of_more_than_an_hour(void **state)
{
    struct pace pace;

    (void)state;
    pace_begin(&pace, 1, 0);
    assert_int_equal(pace_wait_ms(&pace, UINT64_MAX, 0), 3600000);
    pace_begin(&pace, UINT64_MAX, 0);
    assert_int_equal(pace_wait_ms(&pace, 1 << 30, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passed_is_waited_for_at_the_rate),
        cmocka_unit_test(time_that_reading_takes_counts),
        cmocka_unit_test(a_reader_that_was_held_up_may_catch_up_by_a_second_and_no_more),
        cmocka_unit_test(no_rate_makes_a_wait_of_more_than_an_hour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
