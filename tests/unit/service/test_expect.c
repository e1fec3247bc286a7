#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "definition/definition.h"
#include "service/expect.h"

/* EXPECT in YAML, BODY in JSON, and what is said; "" when the body is as expected. */
struct expected {
    const char *expect;
    const char *body;
    const char *complaint;
};

static void check(const struct expected *expected)
{
    struct definition *definition = NULL;
    struct errmsg msg = {""};
    struct buffer text;
    struct buffer complaint;
    bool holds;

    buffer_init(&text, 4096);
    buffer_init(&complaint, 4096);
    buffer_printf(&text,
                  "name: t\ncollections: {t: {key: id, rows: SELECT 1, fields: {id: integer}}}\n"
                  "checks:\n  requests:\n    - get: /\n      expect: %s\n",
                  expected->expect);
    if (definition_parse("t.yaml", buffer_slice(&text), &definition, &msg) != ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    holds =
        expect_holds(definition->checks.requests[0].expect, slice_str(expected->body), &complaint);
    assert_string_equal(buffer_str(&complaint), expected->complaint);
    assert_int_equal(holds, expected->complaint[0] == '\0');
    definition_free(definition);
    buffer_free(&complaint);
    buffer_free(&text);
}

#define CHECK_ALL(table)                                                                           \
    for (size_t i = 0; i < sizeof(table) / sizeof(table)[0]; i++) {                                \
        check(&(table)[i]);                                                                        \
    }

static void scalars_are_equal_or_said(void **state)
{
    static const struct expected table[] = {
        {"7", "7", ""},
        {"1.50", "1.5", ""},
        {"2", "2.0", ""},
        {"9007199254740993", "9007199254740992",
         "the answer is 9007199254740992, but 9007199254740993 is expected"},
        {"\"7\"", "\"7\"", ""},
        {"\"7\"", "7", "the answer is 7, but \"7\" is expected"},
        {"7", "\"7\"", "the answer is \"7\", but 7 is expected"},
        {"north", "\"south\"", "the answer is \"south\", but \"north\" is expected"},
        {"null", "null", ""},
        {"true", "false", "the answer is false, but true is expected"},
        {"null", "{}", "the answer is an object, but null is expected"},
        {"null", "[1, 2]", "the answer is a list of 2, but null is expected"},
        {"1e999", "1", "the answer is 1, but 1e999 is expected"},
        {"7", "seven", "the answer is not JSON: \"seven\""},
        {"7", "", "the answer is not JSON: \"\""},
        {"7", "7 8", "the answer is not JSON: \"7 8\""},
    };

    (void)state;
    CHECK_ALL(table);
}

static void types_are_what_they_are_called(void **state)
{
    static const struct expected table[] = {
        {"$any", "null", ""},
        {"$number", "-1.5", ""},
        {"$number", "\"1\"", "the answer is \"1\", but a number is expected"},
        {"$text", "\"\"", ""},
        {"$text", "null", "the answer is null, but a text is expected"},
        {"$boolean", "false", ""},
        {"$boolean", "0", "the answer is 0, but true or false is expected"},
        {"$list", "[]", ""},
        {"$list", "{}", "the answer is an object, but a list is expected"},
        {"$object", "{}", ""},
        {"$object", "[]", "the answer is a list of 0, but an object is expected"},
    };

    (void)state;
    CHECK_ALL(table);
}

static void members_that_are_named_must_be_there_and_others_may(void **state)
{
    static const struct expected table[] = {
        {"{a: 1}", "{\"b\": 2, \"a\": 1}", ""},
        {"{a: 1, c: 3}", "{\"a\": 1}", "c is missing"},
        {"{a: {b: $any}}", "{\"a\": {}}", "a.b is missing"},
        {"{a: {b: 1}}", "{\"a\": {\"b\": 2}}", "a.b is 2, but 1 is expected"},
        {"{a: 1}", "[]", "the answer is a list of 0, but an object is expected"},
        {"{$$a: $$b}", "{\"$a\": \"$b\"}", ""},
    };

    (void)state;
    CHECK_ALL(table);
}

static void a_list_has_exactly_the_items_that_are_written(void **state)
{
    static const struct expected table[] = {
        {"[]", "[]", ""},
        {"[1, {a: 2}]", "[1, {\"a\": 2, \"b\": 3}]", ""},
        {"[]", "[1]", "the answer is a list of 1, but a list of 0 is expected"},
        {"[1, 2]", "[1]", "the answer is a list of 1, but a list of 2 is expected"},
        {"[1, {a: [2]}]", "[1, {\"a\": [3]}]", "[1].a[0] is 3, but 2 is expected"},
        {"[1]", "1", "the answer is 1, but a list of 1 is expected"},
    };

    (void)state;
    CHECK_ALL(table);
}

static void conditions_bound_numbers_and_lists(void **state)
{
    static const struct expected table[] = {
        {"{$least: 2}", "2", ""},
        {"{$least: 2}", "1.9", "the answer is 1.8999999999999999, but at least 2 is expected"},
        {"{$most: 2}", "3", "the answer is 3, but at most 2 is expected"},
        {"{$least: 1, $most: 2}", "[7, 8]", ""},
        {"{r: {$least: 1}}", "{\"r\": []}", "r is a list of 0, but at least 1 is expected"},
        {"{$most: 1}", "[7, 8]", "the answer is a list of 2, but at most 1 is expected"},
        {"{$least: 1}", "\"7\"", "the answer is \"7\", but a number or a list is expected"},
        {"{r: {$each: $number}}", "{\"r\": [1, 2]}", ""},
        {"{r: {$each: $number}}", "{\"r\": []}", ""},
        {"{r: {$each: {a: $number}}}", "{\"r\": [{\"a\": 1}, {\"a\": null}]}",
         "r[1].a is null, but a number is expected"},
        {"{r: {$each: $number}}", "{\"r\": 5}", "r is 5, but a list is expected"},
        {"{r: {$some: {a: 2}}}", "{\"r\": [{\"a\": 1}, {\"a\": 2}]}", ""},
        {"{r: {$some: {a: 2}}}", "{\"r\": [{\"a\": 1}, {\"a\": 3}]}",
         "r, a list of 2, has no item that is as $some expects"},
    };

    (void)state;
    CHECK_ALL(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_equal_or_said),
        cmocka_unit_test(types_are_what_they_are_called),
        cmocka_unit_test(members_that_are_named_must_be_there_and_others_may),
        cmocka_unit_test(a_list_has_exactly_the_items_that_are_written),
        cmocka_unit_test(conditions_bound_numbers_and_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
