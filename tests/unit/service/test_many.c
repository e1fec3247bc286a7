#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "service/many.h"

enum { MOST = 4 };

static const struct collection numbers = {.key_is_text = false};
static const struct collection names = {.key_is_text = true};

static struct route route_of(const struct collection *collection)
{
    return (struct route){
        .collection = collection,
        .listing = -1,
        .most_keys = MOST,
        .key = {.is_present = true, .name = slice_str("ids")},
    };
}

/* The keys that QUERY asks for, each in brackets, or what is answered instead. */
static void assert_keys(const struct collection *collection, const char *query,
                        const char *expected)
{
    struct route route = route_of(collection);
    const struct failure *failure;
    struct buffer got;
    struct arena arena;
    struct many many;

    arena_init(&arena, 4096);
    buffer_init(&got, 4096);
    failure = many_read(&route, slice_str(query), &arena, &many);
    if (failure != NULL) {
        buffer_append_str(&got, failure == &route.too_many ? "too many" : "invalid");
    }
    for (unsigned i = 0; failure == NULL && i < many.count; i++) {
        const struct many_key *key = &many.keys[i];

        assert_int_equal(key->key.is_text, collection->key_is_text);
        if (key->key.is_text) {
            assert_true(slice_equal(key->key.text, key->text));
            buffer_printf(&got, "[%.*s]", SLICE_ARG(key->text));
        } else {
            buffer_printf(&got, "[%lld]", (long long)key->key.integer);
        }
    }
    assert_string_equal(buffer_str(&got), expected);
    buffer_free(&got);
    arena_free(&arena);
}

static void integers_are_read_in_the_order_asked(void **state)
{
    static const char *const cases[][2] = {
        {"ids=1", "[1]"},
        {"ids=3,1,2", "[3][1][2]"},
        {"a=b&ids=3,-1&ids=7", "[3][-1]"},
        {"ids=3%2C1%2c2", "[3][1][2]"},
        {"%69ds=3,%31", "[3][1]"},
        {"ids=9223372036854775807,-9223372036854775808",
         "[9223372036854775807][-9223372036854775808]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_keys(&numbers, cases[i][0], cases[i][1]);
    }
}

static void a_key_asked_for_twice_is_read_at_its_first_place(void **state)
{
    (void)state;
    assert_keys(&numbers, "ids=2,1,2,1", "[2][1]");
    assert_keys(&numbers, "ids=2,02,1,-0", "[2][1][0]");
    assert_keys(&names, "ids=a,b,%61,a", "[a][b]");
    assert_keys(&names, "ids=ab,ba,ab,a", "[ab][ba][a]");
}

static void one_key_that_is_none_spoils_the_request(void **state)
{
    static const char *const queries[] = {
        "",         "id=1",    "ids",     "ids=",      "ids=1,",  "ids=,1",
        "ids=1,,2", "ids=1,x", "ids=1+2", "ids=1,%20", "ids=1;2", "ids=9223372036854775808",
    };

    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        assert_keys(&numbers, queries[i], "invalid");
    }
    assert_keys(&names, "ids=a,,b", "invalid");
    assert_keys(&names, "ids=a,%FF", "invalid");
}

static void texts_may_have_an_encoded_comma(void **state)
{
    (void)state;
    assert_keys(&names, "ids=a,b%2Cc,d+e", "[a][b,c][d e]");
}

static void more_keys_than_the_route_takes_are_not_looked_at(void **state)
{
    (void)state;
    assert_keys(&numbers, "ids=1,2,3,4", "[1][2][3][4]");
    assert_keys(&numbers, "ids=1,2,3,4,5", "too many");
    assert_keys(&numbers, "ids=1,1,1,1,1", "too many");
    assert_keys(&numbers, "ids=x,,,,", "too many");
    assert_keys(&names, "ids=a,b%2C,c,d", "[a][b,][c][d]");
}

static void as_many_keys_as_there_may_be_are_told_apart(void **state)
{
    struct route route = route_of(&numbers);
    struct buffer query;
    struct arena arena;
    struct many many;

    (void)state;
    route.most_keys = DEFINITION_KEYS_MAX;
    arena_init(&arena, 4096);
    buffer_init(&query, 65536);
    buffer_append_str(&query, "ids=0");
    for (unsigned i = 1; i < DEFINITION_KEYS_MAX; i++) {
        buffer_printf(&query, ",%u", (i % 500) << 20); /* each twice */
    }
    assert_null(many_read(&route, buffer_slice(&query), &arena, &many));
    assert_int_equal(many.count, 500);
    for (unsigned i = 0; i < many.count; i++) {
        assert_int_equal(many.keys[i].key.integer, i << 20);
    }
    buffer_free(&query);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_in_the_order_asked),
        cmocka_unit_test(a_key_asked_for_twice_is_read_at_its_first_place),
        cmocka_unit_test(one_key_that_is_none_spoils_the_request),
        cmocka_unit_test(texts_may_have_an_encoded_comma),
        cmocka_unit_test(more_keys_than_the_route_takes_are_not_looked_at),
        cmocka_unit_test(as_many_keys_as_there_may_be_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
