#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unit/definition/broken.h"

static void limits_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"checks:\n  shrink: 10%", "checks:\n  shrinks: 10%",
         "64:3: `checks` has no member \"shrinks\"; did you mean \"shrink\"?"},
        {"shrink: 10%", "shrink: 10",
         "64:11: `shrink` cannot be \"10\"; write a percentage from 0% to 100%, or any"},
        {"shrink: 10%", "shrink: 101%",
         "64:11: `shrink` cannot be \"101%\"; write a percentage from 0% to 100%, or any"},
        {"shrink: 10%", "shrink: -1%",
         "64:11: `shrink` cannot be \"-1%\"; write a percentage from 0% to 100%, or any"},
        {"shrink: 10%", "shrink: \"%\"",
         "64:11: `shrink` cannot be \"%\"; write a percentage from 0% to 100%, or any"},
        {"growth: any", "growth: 1000001%",
         "65:11: `growth` cannot be \"1000001%\"; write a percentage from 0% to 1000000%, or any"},
        {"growth: any", "growth: [any]",
         "65:11: `growth` must be a text, not a list; write a word, or \"a text\""},
        {"growth: any", "empty: perhaps",
         "65:10: `empty` cannot be \"perhaps\"; write one of refuse, accept"},
        {"growth: any", "small: -1",
         "65:10: `small` must be a whole number from 0 to 1000000000000, not \"-1\"; write for "
         "example 0"},
        {"    listings:\n", "    checks: {shrink: a}\n    listings:\n",
         "28:22: `shrink` cannot be \"a\"; write a percentage from 0% to 100%, or any"},
        {"    listings:\n", "    checks: {requests: []}\n    listings:\n",
         "28:14: `checks` of a collection has no member \"requests\"; write one of empty, shrink, "
         "growth, small"},
        {"checks:\n  shrink: 10%\n  growth: any\n  requests:\n", "checks:\n",
         "64:5: `checks` must be a mapping, not a list; write for example {empty: ...}"},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

static void golden_requests_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"    - get: /books/0\n      status", "    - status",
         "69:7: a request has no `get`; write get: /PATH?NAME=VALUE"},
        {"get: /books/0", "get: books/0",
         "69:12: the address of a request cannot be \"books/0\"; begin it with / and write at most "
         "1024 bytes"},
        {"get: /books/0", "get: /books/a b",
         "69:12: the address \"/books/a b\" has a character that must be encoded; write for "
         "example %20 for a blank"},
        {"get: /books/0", "get: \"/books/\\u00e9\"",
         "69:12: the address \"/books/\xc3\xa9\" has a character that must be encoded; write for "
         "example %20 for a blank"},
        {"status: 404\n", "status: 600\n      x: y\n",
         "71:7: a request has no member \"x\"; write one of get, status, expect, text"},
        {"      status: 404\n      text: no such book\n", "      status: 600\n",
         "70:15: `status` must be a whole number from 200 to 599, not \"600\"; write for example "
         "200"},
        {"      text: no such book\n", "      expect: {a: $text}\n      text: a\n",
         "72:13: an answer is JSON (`expect`) or a text (`text`), not both; leave one of them "
         "away"},
        {"loan: $number", "loan: $nubmer",
         "68:64: \"$nubmer\" is no type of value, and $$ begins a text with a dollar; did you mean "
         "\"$number\"?"},
        {"loan: $number",
         "loan: ", "68:64: a value is missing; write null, or \"\" for an empty text"},
        {"$least: 1", "$least: many",
         "68:47: $least must be a whole number from -9007199254740991 to 9007199254740991, not "
         "\"many\"; write for example 0"},
        {"$least: 1", "$least: 2, $most: 1",
         "68:38: $least is more than $most; change one of them"},
        {"$least: 1", "least: 1",
         "68:39: a condition has no member \"least\"; did you mean \"$least\"?"},
        {"  requests:\n    - get: /loans?branch=north\n      expect: {branch: north, loans: "
         "{$least: "
         "1, $each: {loan: $number}}}\n    - get: /books/0\n      status: 404\n      text: no such "
         "book\n",
         "  requests: []\n", "66:13: `requests` is empty; write at least one"},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_checked),
        cmocka_unit_test(golden_requests_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
