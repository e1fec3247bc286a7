#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/arena.h"
#include "service/traffic.h"

/* Two definitions: the second has the routes of the first the other way round, and another one. */
static struct route before[] = {
    {.method = ROUTE_GET, .path = {"/loans", 6}},
    {.method = ROUTE_PUT, .path = {"/loans", 6}},
};
static struct route after[] = {
    {.method = ROUTE_PUT, .path = {"/loans", 6}},
    {.method = ROUTE_GET, .path = {"/books", 6}},
    {.method = ROUTE_GET, .path = {"/loans", 6}},
};
static const struct definition first = {.routes = before, .route_count = 2};
static const struct definition second = {.routes = after, .route_count = 3};

static int setup(void **state)
{
    struct meter *meter = memory_calloc(1, sizeof *meter);

    meter_init(meter);
    meter_serve(meter, &first);
    *state = meter;
    return 0;
}

static int teardown(void **state)
{
    meter_free(*state);
    free(*state);
    return 0;
}

static void answer(struct meter *meter, int route, unsigned status)
{
    meter_begin(meter);
    meter_answered(meter, meter_tally(meter, route), status, 100);
}

static const struct route_traffic *find(const struct traffic *traffic, enum route_method method,
                                        const char *path)
{
    for (unsigned i = 0; i < traffic->route_count; i++) {
        if (traffic->routes[i].method == method && strcmp(traffic->routes[i].path, path) == 0) {
            return &traffic->routes[i];
        }
    }
    fail_msg("no route %s", path);
    return NULL;
}

static uint64_t timed(const struct route_traffic *route)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < METER_BUCKETS; i++) {
        count += route->buckets[i];
    }
    return count;
}

static void a_route_keeps_its_counters_when_another_release_has_it_elsewhere(void **state)
{
    struct meter *meter = *state;
    struct traffic traffic = {.connections = 0};

    answer(meter, 0, 200);
    (void)meter_sent(meter);
    meter_serve(meter, &second);
    answer(meter, 2, 200);
    answer(meter, 0, 204);
    (void)meter_sent(meter);
    traffic_add(&traffic, meter);
    assert_int_equal(traffic.route_count, 4);
    assert_int_equal(find(&traffic, ROUTE_GET, "/loans")->statuses[200], 2);
    assert_int_equal(timed(find(&traffic, ROUTE_GET, "/loans")), 2);
    assert_int_equal(find(&traffic, ROUTE_PUT, "/loans")->statuses[204], 1);
    assert_int_equal(timed(find(&traffic, ROUTE_GET, "/books")), 0);
    assert_int_equal(traffic.bytes, 300);
    traffic_free(&traffic);
}

static void loops_are_added_up(void **state)
{
    struct meter *other = memory_calloc(1, sizeof *other);
    struct traffic traffic = {.connections = 0};

    meter_init(other);
    meter_serve(other, &second);
    answer(*state, 0, 200);
    answer(other, 2, 200);
    answer(other, -1, 404);
    (void)meter_sent(other);
    meter_add(&other->accepted, 3);
    traffic_add(&traffic, *state);
    traffic_add(&traffic, other);
    assert_int_equal(find(&traffic, ROUTE_GET, "/loans")->statuses[200], 2);
    assert_int_equal(find(&traffic, ROUTE_METHODS, "")->statuses[404], 1);
    assert_int_equal(traffic.accepted, 3);
    traffic_free(&traffic);
    meter_free(other);
    free(other);
}

static void answers_are_timed_when_they_are_sent_each_in_the_bucket_of_the_batch(void **state)
{
    struct meter *meter = *state;
    struct traffic traffic = {.connections = 0};
    const struct route_traffic *loans;

    meter_resume(meter, &(struct meter_mark){.started_ns = 0});
    for (int i = 0; i < 5; i++) {
        answer(meter, 0, 200);
    }
    answer(meter, 1, 204);
    traffic_add(&traffic, meter);
    assert_int_equal(timed(find(&traffic, ROUTE_GET, "/loans")), 0);
    traffic_free(&traffic);
    assert_true(meter_sent(meter) > meter_bounds_ns[METER_BOUNDS - 1]);
    assert_int_equal(meter_sent(meter), 0);
    answer(meter, 0, 200);
    assert_true(meter_sent(meter) < meter_bounds_ns[METER_BOUNDS - 1]);
    traffic_add(&traffic, meter);
    loans = find(&traffic, ROUTE_GET, "/loans");
    assert_int_equal(loans->buckets[METER_BOUNDS], 5);
    assert_int_equal(timed(loans), 6);
    assert_true(loans->time_ns >= 5 * meter_bounds_ns[METER_BOUNDS - 1]);
    assert_int_equal(find(&traffic, ROUTE_PUT, "/loans")->buckets[METER_BOUNDS], 1);
    traffic_free(&traffic);
}

static void routes_beyond_the_most_are_counted_as_none(void **state)
{
    struct meter *meter = *state;
    struct traffic traffic = {.connections = 0};
    struct route route = {.method = ROUTE_GET};
    char path[32];

    for (int i = 0; i < METER_ROUTES_MAX; i++) {
        route.path = slice_of(path, (size_t)snprintf(path, sizeof path, "/%d", i));
        meter_serve(meter, &(struct definition){.routes = &route, .route_count = 1});
    }
    answer(meter, 0, 200);
    traffic_add(&traffic, meter);
    assert_int_equal(traffic.route_count, METER_ROUTES_MAX + 1);
    assert_int_equal(find(&traffic, ROUTE_METHODS, "")->statuses[200], 1);
    traffic_free(&traffic);
}

static void a_status_that_is_none_is_counted_as_0(void **state)
{
    struct meter *meter = *state;
    struct traffic traffic = {.connections = 0};

    answer(meter, 0, METER_STATUSES);
    traffic_add(&traffic, meter);
    assert_int_equal(find(&traffic, ROUTE_GET, "/loans")->statuses[0], 1);
    traffic_free(&traffic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_route_keeps_its_counters_when_another_release_has_it_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(loops_are_added_up, setup, teardown),
        cmocka_unit_test_setup_teardown(
            answers_are_timed_when_they_are_sent_each_in_the_bucket_of_the_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(routes_beyond_the_most_are_counted_as_none, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_status_that_is_none_is_counted_as_0, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
