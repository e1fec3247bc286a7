#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/arena.h"
#include "service/ask.h"

enum { DEFAULT_COUNT = 5, MOST_COUNT = 100 };

struct fixture {
    struct arena arena;
    struct order orders[3];
    struct collection collection;
    struct route route;
};

static int set_up(void **state)
{
    struct fixture *f = memory_calloc(1, sizeof *f);

    arena_init(&f->arena, 4096);
    f->orders[0].name = slice_str("newest");
    f->orders[1].name = slice_str("longest");
    f->orders[2].name = slice_str("by title");
    f->collection.orders = f->orders;
    f->collection.order_count = 3;
    f->route.collection = &f->collection;
    f->route.listing = -1;
    f->route.key = (struct parameter){.is_present = true, .name = slice_str("book")};
    f->route.order = (struct parameter){.is_present = true, .name = slice_str("sort")};
    f->route.default_order = 1;
    f->route.page = (struct parameter){.is_present = true, .name = slice_str("page")};
    f->route.default_page = 1;
    f->route.count = (struct parameter){.is_present = true, .name = slice_str("count")};
    f->route.default_count = DEFAULT_COUNT;
    f->route.most_count = MOST_COUNT;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    arena_free(&f->arena);
    free(f);
    return 0;
}

static bool ask(struct fixture *f, const char *query, struct ask *out)
{
    struct route_match match = {.segment_count = 0};

    return ask_read(&f->route, &match, slice_str(query), &f->arena, out);
}

static void integer_keys_are_read_strictly(void **state)
{
    static const struct {
        const char *query;
        bool is_key;
        int64_t key;
    } cases[] = {
        {"book=2", true, 2},
        {"book=-2", true, -2},
        {"book=007", true, 7},
        {"book=9223372036854775807", true, INT64_MAX},
        {"book=-9223372036854775808", true, INT64_MIN},
        {"book=%32", true, 2},
        {"book=2&book=x", true, 2},
        {"book=9223372036854775808", false, 0},
        {"book=x&book=2", false, 0},
        {"book=", false, 0},
        {"book", false, 0},
        {"", false, 0},
        {"books=2", false, 0},
        {"book=hello", false, 0},
        {"book=null", false, 0},
        {"book=5.55", false, 0},
        {"book=5.", false, 0},
        {"book=1e3", false, 0},
        {"book=+5", false, 0},
        {"book=%2B5", false, 0},
        {"book=%205", false, 0},
        {"book=5%00", false, 0},
        {"book=-", false, 0},
        {"book=0x10", false, 0},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ask out;

        assert_int_equal(ask(f, cases[i].query, &out), cases[i].is_key);
        if (cases[i].is_key) {
            assert_false(out.key.is_text);
            assert_true(out.key.integer == cases[i].key);
        }
    }
}

static void text_keys_are_any_text_that_is_not_empty_and_valid_utf8(void **state)
{
    static const struct {
        const char *query;
        const char *key; /* NULL: refused */
    } cases[] = {
        {"book=2", "2"},          {"book=a%20b+c", "a b c"}, {"book=%C3%A9", "\xc3\xa9"},
        {"book=%22%5C", "\"\\"},  {"book=%C3", NULL},        {"book=%FF", NULL},
        {"book=%ED%A0%80", NULL}, {"book=", NULL},           {"", NULL},
    };
    struct fixture *f = *state;

    f->collection.key_is_text = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ask out;

        assert_int_equal(ask(f, cases[i].query, &out), cases[i].key != NULL);
        if (cases[i].key != NULL) {
            assert_true(out.key.is_text);
            assert_true(slice_is(out.key.text, cases[i].key));
            assert_true(slice_is(out.key_text, cases[i].key));
        }
    }
}

static void the_key_text_is_what_was_asked_for(void **state)
{
    struct fixture *f = *state;
    struct ask out;

    assert_true(ask(f, "book=%30%307", &out));
    assert_true(slice_is(out.key_text, "007"));
}

static void a_key_in_the_path_is_the_segment(void **state)
{
    struct route_match match = {.segments = {slice_str("books"), slice_str("12")},
                                .segment_count = 2};
    struct fixture *f = *state;
    struct ask out;

    f->route.key = (struct parameter){.is_present = true, .in_path = true, .segment = 1};
    assert_true(ask_read(&f->route, &match, slice_str("book=7"), &f->arena, &out));
    assert_true(out.key.integer == 12);
    match.segments[1] = slice_str("x12");
    assert_false(ask_read(&f->route, &match, slice_str("book=7"), &f->arena, &out));
}

static void pages_and_counts_have_defaults_and_bounds(void **state)
{
    static const struct {
        const char *query;
        uint64_t page;
        uint32_t count;
        uint64_t first;
    } cases[] = {
        {"book=1", 1, 5, 0},
        {"book=1&page=1", 1, 5, 0},
        {"book=1&page=2", 2, 5, 5},
        {"book=1&page=3&count=7", 3, 7, 14},
        {"book=1&count=100", 1, 100, 0},
        {"book=1&count=101", 1, 100, 0},
        {"book=1&count=100000", 1, 100, 0},
        {"book=1&count=9007199254740991", 1, 100, 0},
        {"book=1&count=99999999999999999999999999", 1, 100, 0},
        {"book=1&count=0&page=0", 1, 5, 0},
        {"book=1&count=00&page=000", 1, 5, 0},
        {"book=1&count=007&page=002", 2, 7, 7},
        {"book=1&count=-1&page=-1", 1, 5, 0},
        {"book=1&count=%2B7&page=%2B2", 1, 5, 0},
        {"book=1&count=+7&page=+2", 1, 5, 0},
        {"book=1&count=7.5&page=2.5", 1, 5, 0},
        {"book=1&count=&page=", 1, 5, 0},
        {"book=1&count=x&page=null", 1, 5, 0},
        {"book=1&count=7x&page=2x", 1, 5, 0},
        {"book=1&page=9007199254740991", 9007199254740991, 5, 45035996273704950},
        {"book=1&page=9007199254740992", 9007199254740991, 5, 45035996273704950},
        {"book=1&page=99999999999999999999999", 9007199254740991, 5, 45035996273704950},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ask out;

        assert_true(ask(f, cases[i].query, &out));
        assert_true(out.page == cases[i].page);
        assert_int_equal(out.count, cases[i].count);
        assert_true(out.first == cases[i].first);
    }
}

static void a_first_row_beyond_64_bits_is_the_last_there_is(void **state)
{
    struct fixture *f = *state;
    struct ask out;

    f->route.most_count = 10000;
    assert_true(ask(f, "book=1&page=9007199254740991&count=10000", &out));
    assert_true(out.first == UINT64_MAX);
}

static void a_route_without_page_and_count_ignores_them(void **state)
{
    struct fixture *f = *state;
    struct ask out;

    f->route.page.is_present = false;
    f->route.count.is_present = false;
    assert_true(ask(f, "book=1&page=3&count=7", &out));
    assert_true(out.page == 1);
    assert_int_equal(out.count, DEFAULT_COUNT);
}

static void an_unknown_order_is_the_default_order(void **state)
{
    static const struct {
        const char *query;
        unsigned order;
    } cases[] = {
        {"book=1", 1},          {"book=1&sort=newest", 0},     {"book=1&sort=longest", 1},
        {"book=1&sort=", 1},    {"book=1&sort=by+title", 2},   {"book=1&sort=by%20title", 2},
        {"book=1&sort=old", 1}, {"book=1&sort=NEWEST", 1},     {"book=1&order=newest", 1},
        {"book=1&sort", 1},     {"book=1&sort=x&sort=new", 1},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ask out;

        assert_true(ask(f, cases[i].query, &out));
        assert_int_equal(out.order, cases[i].order);
    }
}

static void a_listing_needs_no_key(void **state)
{
    struct fixture *f = *state;
    struct ask out;

    f->route.listing = 0;
    f->route.key.is_present = false;
    assert_true(ask(f, "page=2", &out));
    assert_true(out.first == DEFAULT_COUNT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(integer_keys_are_read_strictly),
        TEST(text_keys_are_any_text_that_is_not_empty_and_valid_utf8),
        TEST(the_key_text_is_what_was_asked_for),
        TEST(a_key_in_the_path_is_the_segment),
        TEST(pages_and_counts_have_defaults_and_bounds),
        TEST(a_first_row_beyond_64_bits_is_the_last_there_is),
        TEST(a_route_without_page_and_count_ignores_them),
        TEST(an_unknown_order_is_the_default_order),
        TEST(a_listing_needs_no_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
