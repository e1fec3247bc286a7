#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "definition/definition.h"

#define COLLECTION(checks)                                                                         \
    "name: t\ncollections:\n  t: {key: id, rows: SELECT 1, fields: {id: integer}" checks "}\n"

static struct definition *parse(const char *text)
{
    struct errmsg msg = {""};
    struct definition *definition = NULL;

    if (definition_parse("t.yaml", slice_str(text), &definition, &msg) != ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    return definition;
}

static void a_collection_takes_the_limits_of_the_definition_and_its_own_first(void **state)
{
    static const struct {
        const char *text;
        struct count_limits limits;
    } cases[] = {
        {COLLECTION(""), {false, 20, 400, 100}},
        {COLLECTION("") "checks: {shrink: 5%}\n", {false, 5, 400, 100}},
        {COLLECTION(", checks: {growth: any}") "checks: {shrink: 5%, growth: 7%}\n",
         {false, 5, CHECK_ANY, 100}},
        {COLLECTION(", checks: {empty: accept, small: 0}"), {true, 20, 400, 0}},
        {COLLECTION(", checks: {empty: refuse}") "checks: {empty: accept, small: 7}\n",
         {false, 20, 400, 7}},
        {COLLECTION("") "checks: {shrink: any, growth: 0%}\n", {false, CHECK_ANY, 0, 100}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct definition *definition = parse(cases[i].text);
        const struct count_limits *limits = &definition->collections[0].limits;

        assert_int_equal(limits->accepts_empty, cases[i].limits.accepts_empty);
        assert_int_equal(limits->shrink_percent, cases[i].limits.shrink_percent);
        assert_int_equal(limits->growth_percent, cases[i].limits.growth_percent);
        assert_int_equal(limits->small, cases[i].limits.small);
        definition_free(definition);
    }
}

static void a_request_expects_200_unless_it_says_otherwise(void **state)
{
    struct definition *definition =
        parse(COLLECTION("") "checks:\n  requests:\n    - get: /a?b=c\n    - get: /\n"
                             "      status: 404\n      text: \"\"\n");
    const struct golden *requests = definition->checks.requests;

    (void)state;
    assert_int_equal(definition->checks.request_count, 2);
    assert_true(slice_is(requests[0].target, "/a?b=c"));
    assert_int_equal(requests[0].status, 200);
    assert_int_equal(requests[0].line, 6);
    assert_null(requests[0].expect);
    assert_false(requests[0].has_text);
    assert_int_equal(requests[1].status, 404);
    assert_int_equal(requests[1].line, 7);
    assert_true(requests[1].has_text);
    assert_int_equal(requests[1].text.len, 0);
    definition_free(definition);
}

static void dollars_are_types_and_conditions_and_two_of_them_are_one_in_a_text(void **state)
{
    struct definition *definition =
        parse(COLLECTION("") "checks:\n  requests:\n    - get: /\n      expect:\n"
                             "        a: $any\n        $$b: $$5\n        c: [5, \"5\", 1.50, yes]\n"
                             "        d: {$most: 2, $some: $text}\n");
    const struct expectation *expect = definition->checks.requests[0].expect;
    const struct expectation *items = expect->items;

    (void)state;
    assert_int_equal(expect->kind, EXPECT_MEMBERS);
    assert_int_equal(expect->count, 4);
    assert_int_equal(items[0].kind, EXPECT_ANY);
    assert_true(slice_is(expect->names[1], "$b"));
    assert_true(slice_is(items[1].json, "\"$5\""));
    assert_int_equal(items[2].kind, EXPECT_ITEMS);
    assert_true(slice_is(items[2].items[0].json, "5"));
    assert_true(slice_is(items[2].items[1].json, "\"5\""));
    assert_true(slice_is(items[2].items[2].json, "1.50"));
    assert_true(slice_is(items[2].items[3].json, "\"yes\""));
    assert_int_equal(items[3].kind, EXPECT_CONDITIONS);
    assert_int_equal(items[3].least, INT64_MIN);
    assert_int_equal(items[3].most, 2);
    assert_null(items[3].each);
    assert_int_equal(items[3].some->kind, EXPECT_TEXT);
    definition_free(definition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_collection_takes_the_limits_of_the_definition_and_its_own_first),
        cmocka_unit_test(a_request_expects_200_unless_it_says_otherwise),
        cmocka_unit_test(dollars_are_types_and_conditions_and_two_of_them_are_one_in_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
