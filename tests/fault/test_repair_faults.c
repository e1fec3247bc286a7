/*
 * A repair in which a system call fails, or that is killed: at the first, the second, ... until it
 * succeeds. The file is the damaged one or the good one, never anything else, and the next repair
 * mends it and leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "tests/fault/calls.h"
#include "tests/unit/replica/repair_fixture.h"

/* What the file holds when it has not been repaired. */
static void read_damaged(const struct repair_place *place, struct buffer *out)
{
    char *path = damaged_path(place, false);
    struct errmsg msg;

    buffer_init(out, 1 << 24);
    assert_int_equal(file_read(path, out, &msg), ERR_NONE);
    free(path);
}

static void assert_good_or_as(const struct repair_place *place, const struct buffer *damaged)
{
    struct buffer now;

    read_damaged(place, &now);
    assert_true(slice_equal(buffer_slice(&now), buffer_slice(&place->good)) ||
                slice_equal(buffer_slice(&now), buffer_slice(damaged)));
    buffer_free(&now);
}

static void assert_next_repair_works(struct repair_place *place)
{
    struct fixture *fixture = place->fixture;

    OK(repair_place_run(place, &fixture->msg));
    assert_true(file_is_good(place));
    assert_false(repair_place_has_rest(place));
    repair_place_damage(place);
}

static void every_call_that_fails_leaves_the_old_file_or_the_good_one(void **state)
{
    struct fixture *fixture = *state;
    struct repair_place place;
    struct buffer damaged;
    unsigned failures = 0;
    uint64_t nth;

    repair_place_make(&place, fixture);
    read_damaged(&place, &damaged);
    for (nth = 1; nth < CALLS_MAX; nth++) {
        enum err rc;

        calls_arm(nth, false);
        rc = repair_place_run(&place, &fixture->msg);
        calls_disarm();
        failures += rc != ERR_NONE;
        assert_true(rc != ERR_NONE || file_is_good(&place));
        assert_good_or_as(&place, &damaged);
        assert_next_repair_works(&place);
        if (calls_seen() < nth) {
            break;
        }
    }
    printf("%u of %u calls failed it\n", failures, (unsigned)nth - 1);
    assert_true(nth < CALLS_MAX);
    assert_true(failures > 10);
    buffer_free(&damaged);
    repair_place_free(&place);
}

static bool kill_at(struct repair_place *place, uint64_t nth)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        struct errmsg msg;
        enum err rc;

        calls_arm(nth, true);
        rc = repair_place_run(place, &msg);
        calls_disarm();
        _exit(rc == ERR_NONE ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void every_kill_leaves_the_old_file_or_the_good_one(void **state)
{
    struct fixture *fixture = *state;
    struct repair_place place;
    struct buffer damaged;
    bool was_killed = true;
    uint64_t nth;

    repair_place_make(&place, fixture);
    read_damaged(&place, &damaged);
    for (nth = 1; was_killed && nth < CALLS_MAX; nth++) {
        was_killed = kill_at(&place, nth);
        assert_good_or_as(&place, &damaged);
        assert_next_repair_works(&place);
    }
    printf("%u kills\n", (unsigned)nth - 2);
    assert_false(was_killed);
    assert_true(nth > 10);
    buffer_free(&damaged);
    repair_place_free(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_call_that_fails_leaves_the_old_file_or_the_good_one,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(every_kill_leaves_the_old_file_or_the_good_one,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
