/* A position must change with the next commit, however soon that comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <cmocka.h>

#include "unit/source/fixture.h"

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct timespec file_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now;
}

static void a_position_is_taken_only_after_the_tick_of_the_last_change(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    struct buffer out;

    OK(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg));
    buffer_init(&out, 4096);
    for (int i = 0; i < 50; i++) {
        struct timespec changed = file_clock();
        struct timespec times[2] = {changed, changed};

        assert_int_equal(utimensat(AT_FDCWD, fixture->path, times, 0), 0);
        OK(source_position(source, &out, &fixture->msg));
        assert_true(nanoseconds(file_clock()) > nanoseconds(changed));
    }
    buffer_free(&out);
    source_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_position_is_taken_only_after_the_tick_of_the_last_change,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
