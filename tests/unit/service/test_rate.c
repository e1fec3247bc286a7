#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "service/rate.h"

enum { START_MS = 1000000, UNTOUCHED = 77 };

static struct address address(const char *text)
{
    struct address address;

    assert_true(address_parse(slice_str(text), &address));
    return address;
}

/* How many of TRIES are let through at NOW_MS. */
static unsigned take(struct rate_table *table, const char *text, unsigned tries, int64_t now_ms)
{
    struct address from = address(text);
    unsigned retry_after_s;
    unsigned taken = 0;

    for (unsigned i = 0; i < tries; i++) {
        taken += rate_take(table, &from, now_ms, &retry_after_s);
    }
    return taken;
}

static void a_bucket_lets_its_burst_through_and_then_its_rate(void **state)
{
    static const struct {
        int64_t after_ms;
        unsigned tries;
        unsigned taken;
    } steps[] = {
        {0, 20, 10},                    /* the burst */
        {199, 5, 0},                    /* not yet */
        {200, 5, 1},                    /* 5 a second */
        {1200, 20, 5},                  /* a second later */
        {1300, 1, 0},  {60000, 20, 10}, /* full again, and no fuller */
    };
    struct rate_table *table = rate_table_make(5, 10);

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(take(table, "192.0.2.1", steps[i].tries, START_MS + steps[i].after_ms),
                         steps[i].taken);
    }
    rate_table_free(table);
}

static void who_is_refused_is_told_when_a_token_comes(void **state)
{
    static const struct {
        unsigned per_second;
        unsigned burst;
        int64_t after_ms;
        unsigned retry_after_s;
    } cases[] = {
        {1, 1, 0, 1}, {1, 1, 999, 1}, {1, 5, 0, 1}, {50, 100, 0, 1}, {1000000, 1, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rate_table *table = rate_table_make(cases[i].per_second, cases[i].burst);
        struct address from = address("192.0.2.1");
        unsigned retry_after_s = UNTOUCHED;

        for (unsigned k = 0; k < cases[i].burst; k++) {
            assert_true(rate_take(table, &from, START_MS, &retry_after_s));
        }
        assert_int_equal(retry_after_s, UNTOUCHED);
        assert_false(rate_take(table, &from, START_MS + cases[i].after_ms, &retry_after_s));
        assert_int_equal(retry_after_s, cases[i].retry_after_s);
        rate_table_free(table);
    }
}

static void addresses_have_buckets_of_their_own_and_ipv6_one_for_64_bits(void **state)
{
    static const struct {
        const char *one;
        const char *other;
        bool is_shared;
    } cases[] = {
        {"192.0.2.1", "192.0.2.2", false},         {"192.0.2.1", "193.0.2.1", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},   {"2001:db8::1", "2001:db8::ffff:0:0:1", true},
        {"2001:db8::1", "2001:db8:0:1::1", false}, {"::1", "127.0.0.1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rate_table *table = rate_table_make(1, 3);

        assert_int_equal(take(table, cases[i].one, 5, START_MS), 3);
        assert_int_equal(take(table, cases[i].other, 5, START_MS), cases[i].is_shared ? 0 : 3);
        rate_table_free(table);
    }
}

static void a_busy_address_is_not_forgotten_for_many_quiet_ones(void **state)
{
    struct rate_table *table = rate_table_make(1, 100);
    struct address other = address("2001:db8::");
    unsigned retry_after_s;

    (void)state;
    assert_int_equal(take(table, "192.0.2.1", 100, START_MS), 100);
    for (uint32_t i = 0; i < 2 * RATE_ADDRESSES; i++) {
        memcpy(other.bytes + 4, &i, sizeof i);
        assert_true(rate_take(table, &other, START_MS, &retry_after_s));
    }
    assert_int_equal(take(table, "192.0.2.1", 1, START_MS), 0);
    rate_table_free(table);
}

enum { THREADS = 4, TRIES = 20000 };

struct crowd {
    struct rate_table *table;
    atomic_uint taken;
};

static void *take_many(void *context)
{
    struct crowd *crowd = context;
    struct address from;
    unsigned retry_after_s;

    address_parse(slice_str("192.0.2.1"), &from);
    for (unsigned i = 0; i < TRIES; i++) {
        crowd->taken += rate_take(crowd->table, &from, START_MS, &retry_after_s);
    }
    return NULL;
}

static void threads_share_one_bucket(void **state)
{
    struct crowd crowd = {.table = rate_table_make(1000, 30000)};
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &crowd), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(crowd.taken, 30000);
    rate_table_free(crowd.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_lets_its_burst_through_and_then_its_rate),
        cmocka_unit_test(who_is_refused_is_told_when_a_token_comes),
        cmocka_unit_test(addresses_have_buckets_of_their_own_and_ipv6_one_for_64_bits),
        cmocka_unit_test(a_busy_address_is_not_forgotten_for_many_quiet_ones),
        cmocka_unit_test(threads_share_one_bucket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
