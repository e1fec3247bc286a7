#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"
#include "service/url.h"

/* The copy has no byte more than TEXT, so that a read beyond it is found. */
static struct slice exact(struct arena *arena, const char *text)
{
    size_t len = strlen(text);

    return slice_of(memcpy(arena_alloc(arena, len), text, len), len);
}

static void assert_slice(struct slice actual, const char *expected)
{
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.len == 0 ? "" : actual.ptr, expected, actual.len);
}

static void a_target_is_split_into_path_and_query(void **state)
{
    static const struct {
        const char *target;
        const char *path;
        const char *query;
    } cases[] = {
        {"/", "/", ""},
        {"/loans", "/loans", ""},
        {"/loans?", "/loans", ""},
        {"/loans?a=1", "/loans", "a=1"},
        {"/loans?a=1?b=2", "/loans", "a=1?b=2"},
        {"/loans?a=/x/y", "/loans", "a=/x/y"},
        {"/loans#part?a=1", "/loans", ""},
        {"/loans?a=1#part", "/loans", "a=1"},
        {"http://host/loans?a=1", "/loans", "a=1"},
        {"https://host:80/", "/", ""},
        {"http://host", "/", ""},
        {"/a?u=http://host/b", "/a", "u=http://host/b"},
        {"*", "*", ""},
        {"host:443", "host:443", ""},
        {"", "", ""},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url = url_split(exact(&arena, cases[i].target));

        assert_slice(url.path, cases[i].path);
        assert_slice(url.query, cases[i].query);
    }
    arena_free(&arena);
}

static void percent_and_plus_are_decoded_and_malformed_ones_stand_for_themselves(void **state)
{
    static const struct {
        const char *text;
        const char *in_path;
        const char *in_query;
    } cases[] = {
        {"", "", ""},
        {"plain", "plain", "plain"},
        {"a+b", "a+b", "a b"},
        {"a%20b", "a b", "a b"},
        {"%41%4a%4A", "AJJ", "AJJ"},
        {"%2F", "/", "/"},
        {"%2B", "+", "+"},
        {"%c3%a9", "\xc3\xa9", "\xc3\xa9"},
        {"%", "%", "%"},
        {"%4", "%4", "%4"},
        {"%%41", "%A", "%A"},
        {"%4g", "%4g", "%4g"},
        {"%g4", "%g4", "%g4"},
        {"100%", "100%", "100%"},
        {"%25%32%35", "%25", "%25"},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice text = exact(&arena, cases[i].text);

        assert_slice(url_decode(text, URL_PATH, &arena), cases[i].in_path);
        assert_slice(url_decode(text, URL_QUERY, &arena), cases[i].in_query);
    }
    arena_free(&arena);
}

static void nothing_is_copied_when_there_is_nothing_to_decode(void **state)
{
    struct slice text = slice_str("isbn-10");
    struct arena arena;

    (void)state;
    arena_init(&arena, 64);
    assert_ptr_equal(url_decode(text, URL_QUERY, &arena).ptr, text.ptr);
    assert_null(arena.first);
    arena_free(&arena);
}

static void the_first_parameter_of_a_name_counts(void **state)
{
    static const struct {
        const char *query;
        const char *value; /* NULL: there is none */
    } cases[] = {
        {"", NULL},           {"key", ""},          {"key=", ""},         {"key=1", "1"},
        {"key=1&key=2", "1"}, {"key=&key=2", ""},   {"monkey=1", NULL},   {"keys=1", NULL},
        {"Key=1", NULL},      {"a=key&key=2", "2"}, {"a&&key=2", "2"},    {"&key=2", "2"},
        {"=x&key=2", "2"},    {"k%65y=7", "7"},     {"key=a%26b", "a&b"}, {"key=a+b%20c", "a b c"},
        {"key=a=b", "a=b"},   {"a=1;key=2", NULL},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice value;
        bool found = url_parameter(exact(&arena, cases[i].query), slice_str("key"), &arena, &value);

        assert_int_equal(found, cases[i].value != NULL);
        if (found) {
            assert_slice(value, cases[i].value);
        }
    }
    arena_free(&arena);
}

static void segments_come_one_after_another(void **state)
{
    static const struct {
        const char *path;
        const char *segments[4];
        const char *rest;
    } cases[] = {
        {"", {NULL}, ""},
        {"*", {NULL}, "*"},
        {"/", {"", NULL}, ""},
        {"/a", {"a", NULL}, ""},
        {"/a/", {"a", "", NULL}, ""},
        {"/a//b", {"a", "", "b", NULL}, ""},
        {"/a%2Fb/c", {"a%2Fb", "c", NULL}, ""},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice path = exact(&arena, cases[i].path);
        struct slice segment;
        size_t count = 0;

        while (url_next_segment(&path, &segment)) {
            assert_non_null(cases[i].segments[count]);
            assert_slice(segment, cases[i].segments[count++]);
        }
        assert_null(cases[i].segments[count]);
        assert_slice(path, cases[i].rest);
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_split_into_path_and_query),
        cmocka_unit_test(percent_and_plus_are_decoded_and_malformed_ones_stand_for_themselves),
        cmocka_unit_test(nothing_is_copied_when_there_is_nothing_to_decode),
        cmocka_unit_test(the_first_parameter_of_a_name_counts),
        cmocka_unit_test(segments_come_one_after_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
