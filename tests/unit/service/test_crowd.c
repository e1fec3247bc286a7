#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "service/crowd.h"

enum { MOST = 3 };

static struct address address_of(const char *text)
{
    struct address address;

    assert_true(address_parse(slice_str(text), &address));
    return address;
}

static bool enter(struct crowd *crowd, const char *text, uint64_t *member)
{
    struct address address = address_of(text);

    return crowd_enter(crowd, &address, member);
}

static void an_address_has_its_fill_and_others_have_theirs(void **state)
{
    static const struct proxies none = {.count = 0};
    struct crowd *crowd = crowd_make(MOST, 100, &none);
    uint64_t member;
    uint64_t other;

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MOST; i++) {
            assert_true(enter(crowd, "192.0.2.1", &member));
        }
        assert_false(enter(crowd, "192.0.2.1", &other));
        assert_int_equal(other, 0);
        assert_true(enter(crowd, "192.0.2.2", &other));
        crowd_leave(crowd, other);
        crowd_leave(crowd, member);
        assert_true(enter(crowd, "192.0.2.1", &member));
        for (unsigned i = 0; i < MOST; i++) {
            crowd_leave(crowd, member);
        }
    }
    crowd_free(crowd);
}

static void a_network_of_ipv6_counts_as_one(void **state)
{
    static const struct proxies none = {.count = 0};
    struct crowd *crowd = crowd_make(1, 100, &none);
    uint64_t member;

    (void)state;
    assert_true(enter(crowd, "2001:db8::1", &member));
    assert_false(enter(crowd, "2001:db8::2", &member));
    assert_true(enter(crowd, "2001:db8:0:1::1", &member));
    crowd_free(crowd);
}

static void those_behind_whom_are_many_are_not_counted(void **state)
{
    struct proxies proxies = {.count = 0};
    struct crowd *crowd = crowd_make(1, 100, &proxies);
    static const char *const many[] = {"127.0.0.1", "::1", "10.1.2.3"};
    struct errmsg msg;
    uint64_t member;

    (void)state;
    assert_int_equal(proxies_trust(&proxies, "10.0.0.0/8", &msg), ERR_NONE);
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        for (unsigned k = 0; k < 5; k++) {
            assert_true(enter(crowd, many[i], &member));
            assert_int_equal(member, 0);
            crowd_leave(crowd, member);
        }
    }
    assert_true(enter(crowd, "127.0.0.2", &member));
    assert_false(enter(crowd, "127.0.0.2", &member));
    crowd_free(crowd);
}

/* As full as it may become, in and out at random: what each has is what it was counted to have. */
static void a_full_table_forgets_nobody(void **state)
{
    enum { TOTAL = 32, ADDRESSES = 64 };
    static const struct proxies none = {.count = 0};
    struct crowd *crowd = crowd_make(MOST, TOTAL, &none);
    uint64_t members[ADDRESSES] = {0};
    unsigned counts[ADDRESSES] = {0};
    unsigned total = 0;
    uint64_t x = 1;

    (void)state;
    for (unsigned step = 0; step < 200000; step++) {
        unsigned i =
            (unsigned)((x = x * 6364136223846793005U + 1442695040888963407U) >> 40) % ADDRESSES;
        char text[32];
        uint64_t member;

        if (x >> 63 != 0 && counts[i] > 0) {
            crowd_leave(crowd, members[i]);
            counts[i]--;
            total--;
        } else if (total < TOTAL) {
            bool may_enter;

            snprintf(text, sizeof text, "192.0.2.%u", i);
            may_enter = enter(crowd, text, &member);
            assert_int_equal(may_enter, counts[i] < MOST);
            members[i] = may_enter ? member : members[i];
            counts[i] += may_enter;
            total += may_enter;
        }
    }
    crowd_free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_its_fill_and_others_have_theirs),
        cmocka_unit_test(a_network_of_ipv6_counts_as_one),
        cmocka_unit_test(those_behind_whom_are_many_are_not_counted),
        cmocka_unit_test(a_full_table_forgets_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
