#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/arena.h"
#include "service/status.h"

static const struct manifest_file loans = {.path = {"loans/0001.db", 13}};
static const struct manifest_file branches = {.path = {"branches/0001.db", 16}};
static const struct errmsg away = {"fetch from a peer: nobody answers"};
static const struct errmsg bad = {"what came from a peer: page 3: hash differs"};

/* A status that serves PLAN, which is compared and never looked into. */
struct serving {
    struct status status;
    const struct plan *plan;
};

static int setup(void **state)
{
    struct serving *serving = memory_calloc(1, sizeof *serving);

    status_init(&serving->status, 0, 0);
    serving->plan = (const struct plan *)serving;
    serving->status.plan = serving->plan;
    serving->status.view.is_serving = true;
    *state = serving;
    return 0;
}

static int teardown(void **state)
{
    struct serving *serving = *state;

    status_free(&serving->status);
    free(serving);
    return 0;
}

static void damage(struct serving *serving, const struct manifest_file *file, uint64_t page)
{
    (void)status_damaged(&serving->status, serving->plan, file,
                         &(struct scrub_damage){.page = page, .fault = SCRUB_DIFFERS});
}

static void assert_reasons(struct serving *serving, const char *expected)
{
    struct buffer out;

    buffer_init(&out, 1 << 16);
    status_reasons(&serving->status.view, &out);
    assert_string_equal(buffer_str(&out), expected);
    buffer_free(&out);
}

static void a_failed_repair_is_new_once_for_each_file_and_reason(void **state)
{
    static const struct {
        const struct manifest_file *file;
        const struct errmsg *reason;
        bool is_new;
    } steps[] = {
        {&loans, &away, true},    {&loans, &away, false}, {&branches, &away, true},
        {&loans, &away, false},   {&loans, &bad, true},   {&branches, &away, false},
        {&branches, &bad, true},  {&loans, &bad, false},  {&loans, &away, true},
        {&branches, &bad, false},
    };
    struct serving *serving = *state;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(
            status_repair_failed(&serving->status, serving->plan, steps[i].file, steps[i].reason),
            steps[i].is_new);
    }
    assert_int_equal(serving->status.view.repair_failures, sizeof steps / sizeof steps[0]);
    assert_int_equal(serving->status.view.failure_count, 2);
}

static void why_a_file_is_not_repaired_is_told_until_it_is(void **state)
{
    struct serving *serving = *state;

    damage(serving, &loans, 3);
    (void)status_repair_failed(&serving->status, serving->plan, &loans, &away);
    assert_reasons(serving, "damaged page loans/0001.db page 3: hash differs\n"
                            "not repaired: fetch from a peer: nobody answers\n");
    assert_true(status_has_failure(&serving->status, serving->plan));
    status_repaired(&serving->status, serving->plan, &loans);
    assert_false(status_has_failure(&serving->status, serving->plan));
    assert_reasons(serving, "damaged page loans/0001.db page 3: hash differs\n");
}

static void a_file_that_somebody_else_mended_fails_no_longer(void **state)
{
    struct serving *serving = *state;

    status_pass_begins(&serving->status, serving->plan);
    damage(serving, &loans, 3);
    damage(serving, &branches, 1);
    (void)status_repair_failed(&serving->status, serving->plan, &loans, &away);
    (void)status_repair_failed(&serving->status, serving->plan, &branches, &away);
    assert_false(status_pass_ends(&serving->status, serving->plan, true, 1));
    status_pass_begins(&serving->status, serving->plan);
    damage(serving, &branches, 1);
    assert_true(status_pass_ends(&serving->status, serving->plan, false, 2));
    assert_int_equal(serving->status.view.failure_count, 1);
    assert_string_equal(serving->status.view.failures[0].file, "branches/0001.db");
}

static void a_pass_over_damaged_files_only_is_not_counted_as_one_over_all(void **state)
{
    struct serving *serving = *state;

    assert_false(status_pass_ends(&serving->status, serving->plan, true, 5));
    assert_false(status_pass_ends(&serving->status, serving->plan, false, 6));
    assert_int_equal(serving->status.view.scrub_passes, 1);
    assert_int_equal(serving->status.view.scrub_passed_ms, 5);
}

static void more_failures_than_there_is_room_for_are_counted(void **state)
{
    struct serving *serving = *state;

    for (unsigned i = 0; i < STATUS_FAILURES_MAX + 2; i++) {
        char path[32];
        struct manifest_file file = {.path = {path, 0}};

        file.path.len = (size_t)snprintf(path, sizeof path, "loans/%04u.db", i);
        assert_true(status_repair_failed(&serving->status, serving->plan, &file, &away));
    }
    assert_int_equal(serving->status.view.failure_count, STATUS_FAILURES_MAX);
    assert_int_equal(serving->status.view.repair_failures, STATUS_FAILURES_MAX + 2);
}

static void what_another_release_failed_at_is_not_told(void **state)
{
    struct serving *serving = *state;
    const struct plan *other = (const struct plan *)&serving->plan;

    assert_true(status_repair_failed(&serving->status, other, &loans, &away));
    assert_false(status_has_failure(&serving->status, serving->plan));
    assert_false(status_has_failure(&serving->status, other));
    assert_reasons(serving, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void refusals_in_a_row_for_one_reason_are_one_event(void **state)
{
    struct serving *serving = *state;
    const struct status_view *view = &serving->status.view;

    status_refused(&serving->status, "root/releases/000002", &away, 10);
    status_refused(&serving->status, "root/releases/000002", &away, 20);
    assert_int_equal(view->event_count, 1);
    assert_int_equal(view->events[0].times, 2);
    assert_int_equal(view->events[0].at_ms, 20);
    assert_string_equal(view->events[0].release, "000002");
    assert_string_equal(view->events[0].reason.text, away.text);
    status_refused(&serving->status, "root/releases/000002", &bad, 30);
    status_refused(&serving->status, "root/releases/000003", &bad, 40);
    assert_int_equal(view->event_count, 3);
    assert_string_equal(view->events[0].release, "000003");
    assert_string_equal(view->events[2].reason.text, away.text);
    assert_int_equal(view->refusals, 4);
}

static void the_oldest_events_make_room(void **state)
{
    struct serving *serving = *state;
    const struct status_view *view = &serving->status.view;
    char dir[32];

    for (int i = 1; i <= STATUS_EVENTS_MAX + 5; i++) {
        snprintf(dir, sizeof dir, "%06d", i);
        status_refused(&serving->status, dir, &away, i);
    }
    assert_int_equal(view->event_count, STATUS_EVENTS_MAX);
    assert_int_equal(view->events[0].at_ms, STATUS_EVENTS_MAX + 5);
    assert_int_equal(view->events[STATUS_EVENTS_MAX - 1].at_ms, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refusals_in_a_row_for_one_reason_are_one_event, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_oldest_events_make_room, setup, teardown),
        TEST(a_failed_repair_is_new_once_for_each_file_and_reason),
        TEST(why_a_file_is_not_repaired_is_told_until_it_is),
        TEST(a_file_that_somebody_else_mended_fails_no_longer),
        TEST(a_pass_over_damaged_files_only_is_not_counted_as_one_over_all),
        TEST(more_failures_than_there_is_room_for_are_counted),
        TEST(what_another_release_failed_at_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
