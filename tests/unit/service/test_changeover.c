/* Threads: those of the pool of libuv, as with uv_thread_create. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "service/changeover.h"
#include "tests/unit/replica/release_fixture.h"

enum { PLANS = 3 };

/* What a loop is to a changeover. */
struct stage {
    uv_loop_t uv;
    struct changeover changeover;
    struct plan *plans[PLANS]; /* one reference each */
    struct served served;
    unsigned count; /* of changes */
};

static void on_served(void *context, struct served *served)
{
    struct stage *stage = context;
    struct served before = stage->served;

    stage->served = *served;
    *served = before;
    stage->count++;
}

static void stage_begin(struct stage *stage, struct fixture *fixture)
{
    const struct release_check check = {.verify = false};

    *stage = (struct stage){.count = 0};
    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    fixture_group(fixture, integer_key(1), 5, 1, 20);
    fixture_end(fixture, "notes/0001.db", integer_key(1), integer_key(1));
    fixture_publish(fixture);
    for (unsigned i = 0; i < PLANS; i++) {
        OK(plan_open(fixture->folder, &check, &stage->plans[i], &fixture->msg));
    }
    assert_int_equal(uv_loop_init(&stage->uv), 0);
    stage->changeover =
        (struct changeover){.on_served = on_served, .context = stage, .uv = &stage->uv};
    changeover_init(&stage->changeover);
}

/* Nobody but the test holds a plan any more. */
static void stage_end(struct stage *stage)
{
    assert_int_equal(uv_loop_close(&stage->uv), 0);
    changeover_close(&stage->changeover);
    served_close(&stage->served);
    for (unsigned i = 0; i < PLANS; i++) {
        assert_int_equal(atomic_load(&stage->plans[i]->references), 1);
        plan_drop(stage->plans[i]);
    }
}

static void offer(struct stage *stage, unsigned plan)
{
    changeover_offer(&stage->changeover, plan_hold(stage->plans[plan]));
}

/* Until the pool has nothing left to do. */
static void look(struct stage *stage)
{
    changeover_look(&stage->changeover);
    uv_run(&stage->uv, UV_RUN_DEFAULT);
}

static void the_newest_offer_is_served_at_last(void **state)
{
    struct stage stage;

    stage_begin(&stage, *state);
    offer(&stage, 0);
    changeover_look(&stage.changeover); /* it is being opened now */
    offer(&stage, 1);
    offer(&stage, 2);
    look(&stage);
    assert_ptr_equal(stage.served.plan, stage.plans[2]);
    assert_int_equal(stage.count, 2);
    stage_end(&stage);
}

static void what_was_not_taken_up_can_be_taken_back(void **state)
{
    struct stage stage;

    stage_begin(&stage, *state);
    offer(&stage, 0);
    changeover_look(&stage.changeover);
    offer(&stage, 1);
    changeover_offer(&stage.changeover, NULL);
    look(&stage);
    assert_ptr_equal(stage.served.plan, stage.plans[0]);
    stage_end(&stage);
}

/* From now on no file can be opened; returns what to restore. */
static struct rlimit use_up_descriptors(void)
{
    struct rlimit before;
    struct rlimit none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    return before;
}

static void what_could_not_be_opened_is_tried_again_at_each_look(void **state)
{
    struct stage stage;
    struct rlimit usual;

    stage_begin(&stage, *state);
    offer(&stage, 0);
    look(&stage);
    usual = use_up_descriptors();
    offer(&stage, 1);
    look(&stage);
    look(&stage);
    setrlimit(RLIMIT_NOFILE, &usual);
    assert_ptr_equal(stage.served.plan, stage.plans[0]);
    look(&stage);
    assert_ptr_equal(stage.served.plan, stage.plans[1]);
    stage_end(&stage);
}

static void what_could_not_be_opened_gives_way_to_what_was_offered_meanwhile(void **state)
{
    struct stage stage;
    struct rlimit usual;

    stage_begin(&stage, *state);
    usual = use_up_descriptors();
    offer(&stage, 0);
    changeover_look(&stage.changeover);
    offer(&stage, 1);
    uv_run(&stage.uv, UV_RUN_DEFAULT);
    setrlimit(RLIMIT_NOFILE, &usual);
    look(&stage);
    assert_ptr_equal(stage.served.plan, stage.plans[1]);
    assert_int_equal(stage.count, 1);
    stage_end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_offer_is_served_at_last, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_was_not_taken_up_can_be_taken_back, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_could_not_be_opened_is_tried_again_at_each_look,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            what_could_not_be_opened_gives_way_to_what_was_offered_meanwhile, fixture_setup,
            fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
