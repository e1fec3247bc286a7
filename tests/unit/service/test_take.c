#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "service/cookie.h"
#include "service/take.h"

enum { LIST_MOST = 3, MAP_MOST = 2 };

/* One action with one take, and the request that it is taken from. */
struct fixture {
    struct take take;
    struct action action;
    struct route route;
    struct request request;
    struct route_match match;
    struct slice query;
    struct arena arena;
    struct taken taken;
};

static void setup(struct fixture *f, enum take_place place, struct take_rule rule)
{
    *f = (struct fixture){
        .take = {.name = slice_str("it"),
                 .place = place,
                 .member = slice_str("it"),
                 .rule = rule,
                 .is_required = true},
        .action = {.take_count = 1,
                   .reads_body = place == TAKE_BODY,
                   .invalid = {.status = 400, .text = slice_str("of the action")}},
    };
    f->action.takes = &f->take;
    f->route.action = &f->action;
    arena_init(&f->arena, 4096);
}

/* The bytes stand in memory of their own, so that a byte too far is found. */
static struct slice exact(struct fixture *f, const char *text)
{
    size_t len = strlen(text);

    return slice_of(memcpy(arena_alloc(&f->arena, len), text, len), len);
}

/* Takes from TEXT, wherever the value belongs. */
static bool take_from(struct fixture *f, const char *text)
{
    struct slice given = exact(f, text);

    f->match.segments[0] = given;
    f->match.segment_count = 1;
    if (f->take.place == TAKE_BODY) {
        f->request.body = given;
    } else if (f->take.place == TAKE_COOKIE) {
        f->request.headers[HEADER_COOKIE] = given;
    } else {
        f->query = given;
    }
    return take_read(&f->route, &f->request, &f->match, f->query, &f->arena, &f->taken);
}

/* VALUE in words: `7`, `0.5`, `"text"`, `null`. */
static const char *words(const struct value *value)
{
    static char text[256];

    switch (value->type) {
    case VALUE_NULL:
        return "null";
    case VALUE_INTEGER:
        snprintf(text, sizeof text, "%lld", (long long)value->integer);
        return text;
    case VALUE_REAL:
        snprintf(text, sizeof text, "%g real", value->real);
        return text;
    default:
        snprintf(text, sizeof text, "\"%.*s\"", SLICE_ARG(value->text));
        return text;
    }
}

static const struct take_rule any_integer = {.type = SCALAR_INTEGER};
static const struct take_rule one_to_five = {
    .type = SCALAR_INTEGER, .has_least = true, .least = 1, .has_most = true, .most = 5};
static const struct take_rule any_number = {.type = SCALAR_NUMBER};
static const struct take_rule half_open = {.type = SCALAR_NUMBER, .has_least = true, .least = 0};
static const struct take_rule any_boolean = {.type = SCALAR_BOOLEAN};
static const struct take_rule any_moment = {.type = SCALAR_TIMESTAMP};
static const struct take_rule any_text = {.type = SCALAR_TEXT, .has_most = true, .most = 1000};
static const struct take_rule two_to_four = {
    .type = SCALAR_TEXT, .has_least = true, .least = 2, .has_most = true, .most = 4};

struct taking {
    const struct take_rule *rule;
    const char *given;
    const char *value; /* NULL: refused */
};

static void check_takings(enum take_place place, const char *format, const struct taking *takings,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture f;
        char text[512];
        bool is_taken;

        setup(&f, place, *takings[i].rule);
        snprintf(text, sizeof text, format, takings[i].given);
        is_taken = take_from(&f, text);
        if (is_taken != (takings[i].value != NULL)) {
            fail_msg("%s was %s", text, is_taken ? "taken" : "refused");
        }
        if (is_taken) {
            assert_string_equal(words(&f.taken.values[0]), takings[i].value);
        } else {
            assert_ptr_equal(f.taken.failure, &f.action.invalid);
        }
        arena_free(&f.arena);
    }
}

#define CHECK_TAKINGS(place, format, takings)                                                      \
    check_takings(place, format, takings, sizeof(takings) / sizeof(takings)[0])

static void a_value_of_a_body_is_of_its_json_type_and_within_its_bounds(void **state)
{
    static const struct taking takings[] = {
        {&any_integer, "7", "7"},
        {&any_integer, "-0", "0"},
        {&any_integer, "9223372036854775807", "9223372036854775807"},
        {&any_integer, "-9223372036854775808", "-9223372036854775808"},
        {&any_integer, "9223372036854775808", NULL},
        {&any_integer, "123456789012345678901234567890", NULL},
        {&any_integer, "5.0", NULL},
        {&any_integer, "1e2", NULL},
        {&any_integer, "\"5\"", NULL},
        {&any_integer, "true", NULL},
        {&any_integer, "null", NULL},
        {&any_integer, "[5]", NULL},
        {&any_integer, "{}", NULL},
        {&any_integer, "05", NULL},
        {&any_integer, "+5", NULL},
        {&any_integer, "NaN", NULL},
        {&one_to_five, "1", "1"},
        {&one_to_five, "5", "5"},
        {&one_to_five, "0", NULL},
        {&one_to_five, "6", NULL},
        {&any_number, "0.5", "0.5 real"},
        {&any_number, "2", "2 real"},
        {&any_number, "1e999", NULL},
        {&any_number, "\"0.5\"", NULL},
        {&half_open, "0", "0 real"},
        {&half_open, "-0.001", NULL},
        {&any_boolean, "true", "1"},
        {&any_boolean, "false", "0"},
        {&any_boolean, "1", NULL},
        {&any_boolean, "\"true\"", NULL},
        {&any_moment, "\"1970-01-01T00:00:01.5Z\"", "1500"},
        {&any_moment, "1500", "1500"},
        {&any_moment, "253402300800000", NULL},
        {&any_moment, "\"1500\"", NULL},
        {&any_moment, "\"1970-02-30\"", NULL},
        {&any_moment, "1500.0", NULL},
        {&any_text, "\"\"", "\"\""},
        {&any_text, "\"a\\u0041\\n\\\"\"", "\"aA\n\"\""},
        {&any_text, "\"'; DROP TABLE books; --\"", "\"'; DROP TABLE books; --\""},
        {&any_text, "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {&any_text, "\"a\\u0000b\"", NULL},
        {&any_text, "\"\\ud83d\"", NULL},
        {&any_text, "\"\\x\"", NULL},
        {&any_text, "\"\xff\"", NULL},
        {&any_text, "\"\xc0\x80\"", NULL},
        {&any_text, "\"\xed\xa0\x80\"", NULL},
        {&any_text, "\"a\nb\"", NULL},
        {&any_text, "5", NULL},
        {&two_to_four, "\"a\"", NULL},
        {&two_to_four, "\"ab\"", "\"ab\""},
        {&two_to_four, "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"",
         "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\""},
        {&two_to_four, "\"\xc3\xa9\"", NULL},
        {&two_to_four, "\"abcde\"", NULL},
    };

    (void)state;
    CHECK_TAKINGS(TAKE_BODY, " {\"x\": [{\"it\": 1}], \"it\": %s}\n", takings);
}

static void a_value_elsewhere_is_read_from_its_text(void **state)
{
    static const struct taking takings[] = {
        {&any_integer, "7", "7"},
        {&any_integer, "-7", "-7"},
        {&any_integer, "9223372036854775808", NULL},
        {&any_integer, "5.0", NULL},
        {&any_integer, "5x", NULL},
        {&any_integer, "", NULL},
        {&one_to_five, "6", NULL},
        {&any_number, "0.5", "0.5 real"},
        {&any_number, "inf", NULL},
        {&half_open, "-1", NULL},
        {&any_boolean, "true", "1"},
        {&any_boolean, "0", "0"},
        {&any_boolean, "yes", NULL},
        {&any_moment, "1970-01-02", "86400000"},
        {&any_moment, "1500", "1500"},
        {&any_moment, "soon", NULL},
        {&any_text, "", "\"\""},
        {&any_text, "a", "\"a\""},
        {&any_text, "\xff", NULL},
        {&two_to_four, "a", NULL},
        {&two_to_four, "abcde", NULL},
    };

    (void)state;
    CHECK_TAKINGS(TAKE_PATH, "%s", takings);
    CHECK_TAKINGS(TAKE_QUERY, "a=1&it=%s&it=9", takings);
    CHECK_TAKINGS(TAKE_COOKIE, "a=1; it=%s; it=9", takings);
}

static void a_text_with_a_nul_is_refused_wherever_it_comes_from(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, TAKE_QUERY, any_text);
    assert_false(take_from(&f, "it=a%00b"));
    assert_true(take_from(&f, "it=a%20b"));
    assert_string_equal(words(&f.taken.values[0]), "\"a b\"");
    arena_free(&f.arena);
}

static void what_is_absent_is_its_default_or_refused(void **state)
{
    static const struct {
        enum take_place place;
        const char *given;
    } cases[] = {
        {TAKE_BODY, "{}"},        {TAKE_BODY, ""},      {TAKE_BODY, "{\"it\": null}"},
        {TAKE_BODY, "{\"i\":1}"}, {TAKE_QUERY, ""},     {TAKE_QUERY, "i=1"},
        {TAKE_COOKIE, ""},        {TAKE_COOKIE, "i=1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;

        setup(&f, cases[i].place, one_to_five);
        assert_false(take_from(&f, cases[i].given));
        f.take.is_required = false;
        assert_true(take_from(&f, cases[i].given));
        assert_string_equal(words(&f.taken.values[0]), "null");
        f.take.fallback = (struct value){.type = VALUE_INTEGER, .integer = 3};
        assert_true(take_from(&f, cases[i].given));
        assert_string_equal(words(&f.taken.values[0]), "3");
        arena_free(&f.arena);
    }
}

static void a_body_that_is_no_json_object_is_refused_also_when_nothing_is_required(void **state)
{
    static const char *const bodies[] = {
        "[]",
        "5",
        "null",
        "\"{}\"",
        "{",
        "{}}",
        "{} x",
        "{\"it\":1,}",
        "{'it':1}",
        "{it:1}",
        "\xef\xbb\xbf{}",
        "{\"it\":1 \"b\":2}",
        "it=1",
        " ",
        "{\"it\": 1, \"it\": 2}",
        "{\"x\": {\"a\": 1, \"a\": 2}}",
        "{\"\xff\": 1}",
        "{\"x\": 99999999999999999999}",
        "{\"x\\u0000y\": 1}",
        "// {}\n{}",
    };
    struct fixture f;

    (void)state;
    setup(&f, TAKE_BODY, any_integer);
    f.take.is_required = false;
    f.take.invalid = (struct failure){.status = 404};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        if (take_from(&f, bodies[i])) {
            fail_msg("%s was taken", bodies[i]);
        }
        assert_ptr_equal(f.taken.failure, &f.action.invalid);
    }
    assert_true(take_from(&f, "{}"));
    f.action.reads_body = false; /* then it does not matter what there is */
    assert_true(take_from(&f, "it=1"));
    arena_free(&f.arena);
}

/* PREFIX, then REPEATED so many times, then SUFFIX. */
static char *repeat(const char *prefix, const char *repeated, size_t count, const char *suffix)
{
    char *text = malloc(strlen(prefix) + count * strlen(repeated) + strlen(suffix) + 1);
    char *at = stpcpy(text, prefix);

    for (size_t i = 0; i < count; i++) {
        at = stpcpy(at, repeated);
    }
    strcpy(at, suffix);
    return text;
}

static void a_body_is_bounded_in_depth_and_number_of_values(void **state)
{
    static const struct {
        const char *prefix;
        const char *repeated;
        size_t count;
        const char *suffix;
        bool is_taken;
    } cases[] = {
        /* 2 values are before: {, [ */
        {"{\"x\": [0", ",0", TAKE_VALUES_MAX - 3, "]}", true},
        {"{\"x\": [0", ",0", TAKE_VALUES_MAX - 2, "]}", false},
        {"{\"x\": \"", ",[{\\\",", TAKE_VALUES_MAX, "\"}", true}, /* in a text */
        {"", "{\"x\":", TAKE_DEPTH_MAX, "1}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}", true},
        {"{\"x\":", "{\"x\":", TAKE_DEPTH_MAX, "1}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}", false},
        {"{\"x\":", "[", 500000, "", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = repeat(cases[i].prefix, cases[i].repeated, cases[i].count, cases[i].suffix);
        struct fixture f;

        setup(&f, TAKE_BODY, any_integer);
        f.take.is_required = false;
        assert_int_equal(take_from(&f, text), cases[i].is_taken);
        arena_free(&f.arena);
        free(text);
    }
}

/* All items in words, with their names: `1 2`, `14:5`. */
static void items_in_words(const struct write_items *items, char *text, size_t size)
{
    size_t len = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < items->count; i++) {
        len += (size_t)snprintf(text + len, size - len, "%s", i > 0 ? " " : "");
        if (items->names != NULL) {
            len += (size_t)snprintf(text + len, size - len, "%s:", words(&items->names[i]));
        }
        len += (size_t)snprintf(text + len, size - len, "%s", words(&items->values[i]));
    }
}

static void check_items(enum take_shape shape, struct take_rule names, const char *given,
                        const char *expected)
{
    struct fixture f;
    char body[256];
    char text[256];
    bool is_taken;

    setup(&f, TAKE_BODY, one_to_five);
    f.take.shape = shape;
    f.take.names = names;
    f.take.most_items = shape == TAKE_LIST ? LIST_MOST : MAP_MOST;
    snprintf(body, sizeof body, "{\"it\": %s}", given);
    is_taken = take_from(&f, body);
    if (is_taken != (expected != NULL)) {
        fail_msg("%s was %s", given, is_taken ? "taken" : "refused");
    }
    if (is_taken) {
        items_in_words(&f.taken.items[0], text, sizeof text);
        assert_string_equal(text, expected);
    }
    arena_free(&f.arena);
}

static void a_list_holds_no_more_items_than_it_may_each_by_the_rule(void **state)
{
    static const struct {
        const char *given;
        const char *items;
    } cases[] = {
        {"[]", ""},       {"[1]", "1"},     {"[3, 1, 5]", "3 1 5"}, {"[1, 1, 1, 1]", NULL},
        {"[1, 6]", NULL}, {"[null]", NULL}, {"[\"1\"]", NULL},      {"[[1]]", NULL},
        {"1", NULL},      {"{}", NULL},     {"\"\"", NULL},         {"null", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_items(TAKE_LIST, any_integer, cases[i].given, cases[i].items);
    }
}

static void a_map_has_names_and_values_by_their_rules(void **state)
{
    static const struct {
        const struct take_rule *names;
        const char *given;
        const char *items;
    } cases[] = {
        {&any_integer, "{}", ""},
        {&any_integer, "{\"14\": 5}", "14:5"},
        {&any_integer, "{\"15\": 1, \"-2\": 5}", "15:1 -2:5"},
        {&any_integer, "{\"1\": 1, \"2\": 2, \"3\": 3}", NULL},
        {&any_integer, "{\"14\": 6}", NULL},
        {&any_integer, "{\"14\": \"5\"}", NULL},
        {&any_integer, "{\"14\": null}", NULL},
        {&any_integer, "{\"x\": 5}", NULL},
        {&any_integer, "{\"\": 5}", NULL},
        {&any_integer, "{\"1\": 5, \"1\": 5}", NULL},
        {&any_integer, "{\"01\": 5}", NULL}, /* would be 1 a second time */
        {&any_integer, "{\"-0\": 5}", NULL},
        {&any_integer, "{\"9223372036854775808\": 5}", NULL},
        {&one_to_five, "{\"6\": 5}", NULL},
        {&any_text, "{\"b\": 1, \"a\": 2}", "\"b\":1 \"a\":2"},
        {&two_to_four, "{\"b\": 1}", NULL},
        {&any_integer, "[]", NULL},
        {&any_integer, "5", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_items(TAKE_MAP, *cases[i].names, cases[i].given, cases[i].items);
    }
}

static void a_take_with_a_failure_of_its_own_is_refused_with_that(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, TAKE_PATH, any_integer);
    f.take.invalid = (struct failure){.status = 404, .text = slice_str("no such id")};
    assert_false(take_from(&f, "x"));
    assert_ptr_equal(f.taken.failure, &f.take.invalid);
    arena_free(&f.arena);
}

static void a_session_is_the_token_of_the_cookie_or_a_new_one(void **state)
{
    static const char token[] = "0123456789abcdef0123456789abcdef";
    static const struct {
        const char *cookie;
        bool is_made;
    } cases[] = {
        {"it=0123456789abcdef0123456789abcdef", false},
        {"a=b; it=0123456789abcdef0123456789abcdef", false},
        {"", true},
        {"it=", true},
        {"it=1' OR '1'='1", true},
        {"it=0123456789ABCDEF0123456789ABCDEF", true},
        {"it=0123456789abcdef0123456789abcdef0", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        struct slice session;
        char line[256];

        setup(&f, TAKE_COOKIE, any_text);
        f.take.is_session = true;
        f.take.session_age_s = 60;
        assert_true(take_from(&f, cases[i].cookie));
        session = f.taken.values[0].text;
        assert_true(session_token_is(session));
        assert_int_equal(slice_is(session, token), !cases[i].is_made);
        assert_int_equal(f.taken.session.len, cases[i].is_made ? 0 : SESSION_TOKEN_LEN);
        snprintf(line, sizeof line,
                 "Set-Cookie: it=%.*s; Max-Age=60; Path=/; HttpOnly; SameSite=Lax\r\n",
                 SLICE_ARG(session));
        assert_true(slice_is(f.taken.set_cookie, cases[i].is_made ? line : ""));
        arena_free(&f.arena);
    }
}

static void what_is_taken_outlives_the_request(void **state)
{
    static const enum take_place places[] = {TAKE_PATH, TAKE_QUERY, TAKE_COOKIE, TAKE_BODY};
    static const char *const given[] = {"abc", "it=abc", "it=abc", "{\"it\": \"abc\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct fixture f;
        char *text = strdup(given[i]);
        struct slice bytes = slice_str(text);

        setup(&f, places[i], any_text);
        f.match.segments[0] = bytes;
        f.request.body = bytes;
        f.request.headers[HEADER_COOKIE] = bytes;
        assert_true(take_read(&f.route, &f.request, &f.match, bytes, &f.arena, &f.taken));
        memset(text, 'x', bytes.len);
        free(text);
        assert_string_equal(words(&f.taken.values[0]), "\"abc\"");
        arena_free(&f.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_of_a_body_is_of_its_json_type_and_within_its_bounds),
        cmocka_unit_test(a_value_elsewhere_is_read_from_its_text),
        cmocka_unit_test(a_text_with_a_nul_is_refused_wherever_it_comes_from),
        cmocka_unit_test(what_is_absent_is_its_default_or_refused),
        cmocka_unit_test(a_body_that_is_no_json_object_is_refused_also_when_nothing_is_required),
        cmocka_unit_test(a_body_is_bounded_in_depth_and_number_of_values),
        cmocka_unit_test(a_list_holds_no_more_items_than_it_may_each_by_the_rule),
        cmocka_unit_test(a_map_has_names_and_values_by_their_rules),
        cmocka_unit_test(a_take_with_a_failure_of_its_own_is_refused_with_that),
        cmocka_unit_test(a_session_is_the_token_of_the_cookie_or_a_new_one),
        cmocka_unit_test(what_is_taken_outlives_the_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
