#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "service/etag.h"

static const uint64_t tag = 0x0123456789abcdefU;

static void a_list_has_a_tag_by_the_weak_comparison(void **state)
{
    static const struct {
        const char *list;
        enum etag_match match;
    } cases[] = {
        {"\"0123456789abcdef\"", ETAG_IS},
        {"W/\"0123456789abcdef\"", ETAG_IS},
        {"\"0123456789abcdef-gzip\"", ETAG_IS_GZIP},
        {"W/\"0123456789abcdef-gzip\"", ETAG_IS_GZIP},
        {"\"a\", W/\"b,c\" ,\t,\"0123456789abcdef\"", ETAG_IS},
        {"\"\",\"0123456789abcdef-gzip\",\"0123456789abcdef\"", ETAG_IS_GZIP},
        {"*", ETAG_IS},
        {"", ETAG_DIFFERS},
        {",", ETAG_DIFFERS},
        {"\"*\"", ETAG_DIFFERS},
        {"0123456789abcdef", ETAG_DIFFERS},
        {"\"0123456789abcdef", ETAG_DIFFERS},
        {"w/\"0123456789abcdef\"", ETAG_DIFFERS},
        {"W/", ETAG_DIFFERS},
        {"\"0123456789ABCDEF\"", ETAG_DIFFERS},
        {"\"0123456789abcdee\"", ETAG_DIFFERS},
        {"\"0123456789abcdef-br\"", ETAG_DIFFERS},
        {"\"0123456789abcdef-gzip2\"", ETAG_DIFFERS},
        {"\"x0123456789abcdef\"", ETAG_DIFFERS},
        {"a, \"0123456789abcdef\"", ETAG_DIFFERS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (etag_find(slice_str(cases[i].list), tag, true) != cases[i].match) {
            fail_msg("%s", cases[i].list);
        }
    }
}

static void the_tag_of_the_gzip_form_counts_for_those_who_take_gzip(void **state)
{
    static const char both[] = "\"0123456789abcdef-gzip\", \"0123456789abcdef\"";

    (void)state;
    assert_int_equal(etag_find(slice_str(both), tag, true), ETAG_IS_GZIP);
    assert_int_equal(etag_find(slice_str(both), tag, false), ETAG_IS);
    assert_int_equal(etag_find(slice_str("\"0123456789abcdef-gzip\""), tag, false), ETAG_DIFFERS);
}

static void whatever_decides_an_answer_decides_its_tag(void **state)
{
    const struct ask ask = {.key_text = slice_str("7"), .order = 1, .page = 2, .count = 3};
    struct ask asks[] = {ask, ask, ask, ask, ask, ask, ask};
    uint64_t seen[16];
    size_t count = 0;

    (void)state;
    asks[1].key_text = slice_str("07");
    asks[2].key_text = slice_str("8");
    asks[3].order = 0;
    asks[4].page = 3;
    asks[5].count = 2;
    asks[6].page = 3;
    asks[6].count = 2;
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        seen[count++] = etag_of_key(5, &asks[i], true, 100);
    }
    seen[count++] = etag_of_key(6, &ask, true, 100);
    seen[count++] = etag_of_key(5, &ask, true, 101);
    seen[count++] = etag_of_key(5, &ask, true, 0);
    seen[count++] = etag_of_key(5, &ask, false, 0);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_true(seen[i] != seen[k]);
        }
    }
    assert_true(etag_of_key(5, &ask, true, 100) == seen[0]);
}

static void routes_and_definitions_have_tags_of_their_own(void **state)
{
    uint64_t seed = etag_seed(slice_str("name: a"), 0);

    (void)state;
    assert_true(seed == etag_seed(slice_str("name: a"), 0));
    assert_true(seed != etag_seed(slice_str("name: a"), 1));
    assert_true(seed != etag_seed(slice_str("name: b"), 0));
}

/* Every list of up to three of four contents has a hash of its own. */
static void what_is_joined_and_in_which_order_decides_the_hash(void **state)
{
    static const uint64_t contents[] = {1, 2, 3, 0x0123456789abcdefU};
    uint64_t seen[4 + 16 + 64];
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t first = etag_join(0, contents[i]);

        seen[count++] = first;
        for (unsigned k = 0; k < 4; k++) {
            uint64_t second = etag_join(first, contents[k]);

            seen[count++] = second;
            for (unsigned m = 0; m < 4; m++) {
                seen[count++] = etag_join(second, contents[m]);
            }
        }
    }
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < i; k++) {
            assert_true(seen[i] != seen[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_a_tag_by_the_weak_comparison),
        cmocka_unit_test(the_tag_of_the_gzip_form_counts_for_those_who_take_gzip),
        cmocka_unit_test(whatever_decides_an_answer_decides_its_tag),
        cmocka_unit_test(what_is_joined_and_in_which_order_decides_the_hash),
        cmocka_unit_test(routes_and_definitions_have_tags_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
