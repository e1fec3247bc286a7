#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unit/definition/broken.h"

#define PATH TEST_DATA "/unit/definition/actions.yaml"

static void tables_without_a_file_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"{id: 2, isbn: none}", "{id: 1, isbn: none}",
         "15:9: two rows have this id; give each its own, it is the primary key"},
        {"{id: 2, isbn: none}", "{id: 2}", "15:9: column isbn needs a value; write isbn: VALUE"},
        {"{id: 2, isbn: none}", "{isbn: none}", "15:9: column id needs a value; write id: VALUE"},
        {"{id: 2, isbn: none}", "{id: 2, isbn: none, dayz: 3}",
         "15:29: table loans has no column \"dayz\"; did you mean \"days\"?"},
        {"{id: 2, isbn: none}", "[2, none]",
         "15:9: a row must be a mapping; write {NAME: ..., NAME: ...}"},
        {"{id: 2, isbn: none}", "{id: 2.5, isbn: none}",
         "15:14: id must be a whole number from -9223372036854775808 to 9223372036854775807, not "
         "\"2.5\"; write for example 0"},
        {"days: 7", "days: 91",
         "14:36: column days cannot be 91; write a number within its bounds"},
        {"fee: 1.5", "fee: dear",
         "14:44: fee must be a decimal that fits 64 bits; write for example 140.00"},
        {"begun: 2020-07-30", "begun: yesterday",
         "14:56: begun must be a point in time; write for example 2020-07-30T03:41:21.467Z"},
        {"done: true", "done: 1", "14:74: done must be true or false, not \"1\""},
        {"share: 0.25", "share: a", "14:87: share must be a number; write for example 0.25"},
        {"isbn: none}", "isbn: \"a\\0b\"}", "15:23: a text holds a NUL character; leave \\0 away"},
        {"    rows:\n", "    file: loans.csv\n    rows:\n",
         "14:5: this table is filled from its `file`, so it has no `rows`; leave it away"},
        {"    rows:\n", "    sample: {root: true}\n    rows:\n",
         "13:5: this table has no `file`, so it has no `sample`; leave it away"},
        {"done: boolean", "done: {type: boolean, sample: {boolean: 0.5}}",
         "11:29: the table of this column has no `file`, so it has no `sample`; leave it away"},
        {"    rows:\n      - {id: 1, isbn: \"978\", days: 7, fee: 1.5, begun: 2020-07-30, done: "
         "true, share: 0.25}\n      - {id: 2, isbn: none}",
         "    rows: []", "13:11: `rows` is empty; write at least one"},
    };

    (void)state;
    check_broken_file(PATH, broken, sizeof broken / sizeof broken[0]);
}

static void methods_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"  - put: /loans\n    patch: /loans\n", "  - put: /loans\n    patch: /loan\n",
         "57:12: the methods of a route have one path; write \"/loans\" here, too, or a route of "
         "its own"},
        {"  - put: /loans\n    patch: /loans\n", "  - put: /loans\n    delete: /loans\n",
         "57:13: \"/loans\" answers the same requests as the route in line 53; change one"},
        {"  - put: /loans\n    patch: /loans\n", "  - \n",
         "57:5: a route has no `get`; write get: /books/:book_id, or post, put, patch, delete"},
        {"  - delete: /loans\n    run: [DELETE FROM loans]\n", "  - delete: /loans\n",
         "53:5: a route with `delete` has no `run`; write run: [{sql: INSERT INTO ...}]"},
        {"  - delete: /loans\n    run: [DELETE FROM loans]\n",
         "  - get: /loans\n    take: {a: {query: a, type: text}}\n",
         "53:5: a route with `take` has no `run`; write run: [{sql: INSERT INTO ...}]"},
        {"  - delete: /loans\n    run: [DELETE FROM loans]\n", "  - get: /loans\n    from: loans\n",
         "55:5: a route has no member \"status\"; write one of get, from, listing, key, keys, "
         "parts, order, page, count, row, answer, invalid_key, missing, too_many, cache"},
        {"  - delete: /loans\n    run: [DELETE FROM loans]\n",
         "  - delete: /loans\n    from: loans\n    run: [DELETE FROM loans]\n",
         "54:5: a route with `run` has no member \"from\"; write one of get, post, put, patch, "
         "delete, take, run, status, text, answer, invalid"},
        {"  - delete: /loans\n    run: [DELETE FROM loans]\n", "  - delete: /loans\n    run: []\n",
         "54:10: `run` is empty; write at least one"},
    };

    (void)state;
    check_broken_file(PATH, broken, sizeof broken / sizeof broken[0]);
}

static void takes_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"branch: {path: branch, type: text, longest: 20}", "branch: {path: brunch, type: text}",
         "19:22: the path has no parameter \"brunch\"; did you mean \"branch\"?"},
        {"branch: {path: branch, type: text, longest: 20}", "branch: {body: branch, type: text}",
         "17:11: :branch in the path is not taken; write take: {branch: {path: branch, type: "
         "integer}}, or leave it away"},
        {"branch: {path: branch, type: text, longest: 20}",
         "branch: {path: branch, type: text, default: a}",
         "19:51: a value of the path is always there; leave `default` away"},
        {"branch: {path: branch, type: text, longest: 20}",
         "branch: {path: branch, body: branch, type: text}",
         "19:15: a value needs one place; write {body: NAME, type: ...}, or path, query or cookie "
         "in place of body"},
        {"branch: {path: branch, type: text, longest: 20}", "branch: {type: text}",
         "19:15: a value needs one place; write {body: NAME, type: ...}, or path, query or cookie "
         "in place of body"},
        {"branch: {path: branch, type: text, longest: 20}", "branch: text",
         "19:15: a value must be a mapping, not \"text\"; write for example {path: ...}"},
        {"branch: {path: branch, type: text, longest: 20}", "branch: {path: branch}",
         "19:15: a value has no `type`; write type: text"},
        {"branch: {path: branch, type: text, longest: 20}", "branch: {path: branch, type: decimal}",
         "19:36: the type of a value cannot be \"decimal\"; write one of integer, number, boolean, "
         "timestamp, text, list, map, session"},
        {"branch: {path: branch, type: integer, invalid: {status: 404, text: no such branch}}",
         "branch: {body: branch, type: integer}",
         "48:22: a GET has no body; write {query: ...}, or `post` in place of `get`"},
        {"branch: {path: branch, type: integer, invalid: {status: 404, text: no such branch}}",
         "branch: {path: branch, type: integer, invalid: {status: 204, text: a}}",
         "48:63: `status` must be a whole number from 400 to 599, not \"204\"; write for example "
         "400"},
        {"isbn: {body: isbn, type: text, shortest: 1, longest: 13}",
         "isbn: {body: isbn, type: text, shortest: 14, longest: 13}",
         "20:61: `longest` 13 is less than `shortest` 14; write the larger one as `longest`"},
        {"isbn: {body: isbn, type: text, shortest: 1, longest: 13}",
         "isbn: {body: isbn, type: text, shortest: 1001}",
         "20:13: `longest` 1000 is less than `shortest` 1001; write the larger one as `longest`"},
        {"isbn: {body: isbn, type: text, shortest: 1, longest: 13}",
         "isbn: {body: isbn, type: text, longest: 100001}",
         "20:47: `longest` must be a whole number from 0 to 100000, not \"100001\"; write for "
         "example 0"},
        {"isbn: {body: isbn, type: text, shortest: 1, longest: 13}",
         "isbn: {body: isbn, type: text, least: 1}",
         "20:38: this value is a text, with `shortest` and `longest`, so it has no `least`; leave "
         "it away"},
        {"isbn: {body: isbn, type: text, shortest: 1, longest: 13}",
         "isbn: {body: days, type: text}",
         "21:7: days is the same value as isbn; keep one of them"},
        {"isbn: {body: isbn, type: text, shortest: 1, longest: 13}",
         "isbn: {body: isbn, type: text, size: 13}",
         "20:38: a value has no member \"size\"; write one of path, query, body, cookie, type, "
         "least, most, of, names, shortest, longest, default, age, invalid"},
        {"isbn: {body: isbn, type: text, shortest: 1, longest: 13}",
         "isbn: {body: \"\", type: text}",
         "20:20: a member of a body cannot be \"\"; write 1 to 128 bytes without control "
         "characters"},
        {"least: 1, most: 90, default: 14", "least: 1, most: 90, default: 91",
         "21:70: `default` is outside the bounds of days; change it or them"},
        {"least: 1, most: 90, default: 14", "least: 1, most: 90, default: \"14\"",
         "21:70: `default` must be a whole number from -9223372036854775808 to "
         "9223372036854775807, not a text in quotes; write for example 0"},
        {"least: 1, most: 90, default: 14", "least: 91, most: 90",
         "21:58: `most` 90 is less than `least` 91; write the larger one as `most`"},
        {"least: 1, most: 90, default: 14", "least: 1, longest: 90",
         "21:51: this value is an integer, so it has no `longest`; leave it away"},
        {"type: boolean, default: false", "type: boolean, default: no",
         "22:51: `default` must be true or false, not \"no\""},
        {"type: boolean, default: false", "type: boolean, least: 0",
         "22:42: this value is a boolean, so it has no `least`; leave it away"},
        {"query: rush", "query: ru/sh",
         "22:21: a query or cookie cannot be \"ru/sh\"; write 1 to 63 letters, digits and _ . ~ -"},
        {"least: 0, most: 5, default: null", "least: 0, most: 5, default: 5.5",
         "23:72: `default` is outside the bounds of weight; change it or them"},
        {"least: 0, most: 5, default: null", "least: 0.5, most: 5, default: null",
         "23:51: `least` must be a whole number from -9223372036854775808 to 9223372036854775807, "
         "not \"0.5\"; write for example 0"},
        {"default: 2020-07-30T00:00:00Z", "default: tomorrow",
         "24:50: `default` must be a point in time; write for example 2020-07-30T03:41:21.467Z"},
        {"most: 3, default: []", "most: 3, default: [a]",
         "25:93: the default of a list is an empty one; write []"},
        {"most: 3, default: []", "most: 3, default: null",
         "25:93: the default of a list is an empty one; write []"},
        {"most: 3, default: []", "most: 1001",
         "25:81: `most` must be a whole number from 1 to 1000, not \"1001\"; write for example 1"},
        {"most: 3, default: []", "names: text",
         "25:75: this value is a list, so it has no `names`; leave it away"},
        {"of: {type: text, longest: 40}, most: 3", "most: 3",
         "25:16: a list has no `of`; write of: {type: text}"},
        {"of: {type: text, longest: 40}", "of: {type: text, most: 40}",
         "25:61: this value is a text, with `shortest` and `longest`, so it has no `most`; leave "
         "it away"},
        {"of: {type: text, longest: 40}", "of: {longest: 40}",
         "25:48: `of` has no `type`; write {type: text}"},
        {"of: {type: text, longest: 40}", "of: list",
         "25:48: the type of an item cannot be \"list\"; write one of integer, number, boolean, "
         "timestamp, text"},
        {"remarks: {body: remarks,", "remarks: {query: remarks,",
         "25:16: lists and maps are in bodies only; write body: remarks"},
        {"names: integer", "names: number",
         "26:46: the names of a map are texts; write {type: text} or {type: integer}"},
        {"of: {type: integer, least: 1, most: 5}}",
         "of: {type: integer, least: 1, most: 5}, default: []}",
         "26:104: the default of a map is an empty one; write {}"},
        {"age: 12h", "age: 12",
         "27:54: `age` cannot be \"12\"; write days, hours, minutes or seconds, at most 400d, for "
         "example 30d"},
        {"age: 12h", "age: 401d",
         "27:54: `age` cannot be \"401d\"; write days, hours, minutes or seconds, at most 400d, "
         "for example 30d"},
        {"age: 12h", "age: 0h",
         "27:54: `age` cannot be \"0h\"; write days, hours, minutes or seconds, at most 400d, for "
         "example 30d"},
        {"age: 12h", "default: a",
         "27:49: this value is a session, so it has no `default`; leave it away"},
        {"cookie: visitor, type: session", "query: visitor, type: session",
         "27:16: a session is in a cookie; write cookie: visitor"},
        {"visitor: {cookie: visitor, type: session, age: 12h}",
         "visitor: {cookie: visitor, type: session}\n      other: {cookie: other, type: session}",
         "28:7: other is a session, and so is visitor; keep one of them"},
        {"visitor: {cookie: visitor,", "now: {cookie: visitor,",
         "27:7: the name of a value cannot be now, which has a meaning already (:now, $rows); "
         "write another name"},
        {"visitor: {cookie: visitor,", "rows: {cookie: visitor,",
         "27:7: the name of a value cannot be rows, which has a meaning already (:now, $rows); "
         "write another name"},
        {"visitor: {cookie: visitor,", "9a: {cookie: visitor,",
         "27:7: the name of a value cannot be \"9a\"; write at most 63 letters, digits and _, no "
         "digit first"},
        {"      rush: {query", "      rash: {query: rash, type: boolean}\n      rush: {query",
         "22:7: rash is not used; write :rash in a statement, or leave it away"},
    };

    (void)state;
    check_broken_file(PATH, broken, sizeof broken / sizeof broken[0]);
}

static void statements_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"SELECT :isbn, :days", "SELECT :isbm, :days",
         "29:14: no value is called \":isbm\"; did you mean \"isbn\"?"},
        {"SELECT :isbn, :days", "SELECT :isbn.value, :days",
         "29:14: isbn is a single value; write :isbn"},
        {"SELECT :isbn, :days", "SELECT :loan, :days",
         "29:14: :loan comes back from this statement; only later ones can use it"},
        {"SELECT :isbn, :days", "SELECT :remarks, :days",
         "29:14: remarks is a list; write each: remarks beside `sql`, and :remarks.value for an "
         "item"},
        {"SELECT :isbn, :days", "SELECT :remarks.value, :days",
         "29:14: remarks is a list; write each: remarks beside `sql`, and :remarks.value for an "
         "item"},
        {"SELECT :isbn, :days", "SELECT :zzzzzzzzzz.value, :days",
         "29:14: no value is called \":zzzzzzzzzz.value\"; write one of branch, isbn, days, rush, "
         "weight, due, remarks, marks, visitor, now"},
        {":remarks.value, :visitor", ":remarks.name, :visitor",
         "36:14: the items of a list have no names; write :remarks.value"},
        {":remarks.value, :visitor", ":remarks.text, :visitor",
         "36:14: an item is not \":remarks.text\"; write :remarks.value"},
        {":remarks.value, :visitor", ":remarks, :visitor",
         "36:14: an item is not \":remarks\"; write :remarks.value"},
        {":remarks.value, :visitor", ":visitor",
         "36:14: this is run for each item of remarks and uses none; write :remarks.value, or "
         "leave `each` away"},
        {":marks.name::int", ":marks.nam::int",
         "40:21: an item is not \":marks.nam\"; write :marks.value or .name"},
        {"each: remarks", "each: remark",
         "35:15: \"remark\" is no list and no map; did you mean \"remarks\"?"},
        {"each: remarks", "each: isbn",
         "35:15: \"isbn\" is no list and no map; write one of remarks, marks"},
        {"    run: [DELETE FROM loans]", "    run: [{each: a, sql: DELETE FROM loans}]",
         "54:18: no value is a list or a map; take \"a\" with {body: ..., type: list, of: ...}, or "
         "leave `each` away"},
        {"      - each: remarks\n", "      - each: remarks\n        returns: {a: text}\n",
         "36:9: this is run for each item, so it has no `returns`; leave it away"},
        {"      - each: remarks\n", "      - each: remarks\n        rows: {a: text}\n",
         "36:9: this is run for each item, so it has no `rows`; leave it away"},
        {"returns: {loan: integer, fee", "returns: {loan: integer, isbn",
         "33:34: isbn is the name of another value of this route; write another name"},
        {"returns: {loan: integer, fee", "returns: {now: integer, fee",
         "33:19: a column of `returns` cannot be now, which has a meaning already (:now, $rows); "
         "write another name"},
        {"returns: {loan: integer, fee: {type: decimal, scale: 2}}",
         "returns: {loan: integer, fee: decimal}",
         "33:39: a decimal needs its digits after the point; write {type: decimal, scale: 2}"},
        {"returns: {loan: integer, fee: {type: decimal, scale: 2}}",
         "returns: {loan: integer, fee: {type: ratio, scale: 2}}",
         "33:46: `type` cannot be \"ratio\" here; write one of integer, boolean, timestamp, "
         "decimal, number, text"},
        {"returns: {loan: integer, fee: {type: decimal, scale: 2}}",
         "returns: {loan: integer, fee: {type: text, text: true}}",
         "33:58: a text is between quotes already; leave `text` away"},
        {"returns: {loan: integer, fee: {type: decimal, scale: 2}}",
         "returns: {loan: integer, fee: {scale: 2}}",
         "33:39: a column that comes back has no `type`; write {type: integer}"},
        {"returns: {loan: integer, fee: {type: decimal, scale: 2}}", "returns: {}",
         "33:18: `returns` is empty; write at least one"},
        {"rows: {isbn: text,", "returns: {a: text}\n        rows: {isbn: text,",
         "51:9: this statement has `rows`, so it has no `returns`; leave it away"},
        {"    answer: $rows", "      - {sql: SELECT 1, rows: {a: integer}}\n    answer: $rows",
         "52:31: statement 1 has `rows` already, and $rows is of one; write `returns`"},
        {"run: [DELETE FROM loans]", "run: [DELETE FROM loans;]",
         "54:11: a statement has a semicolon; leave it away, and write a statement more for what "
         "follows"},
        {"run: [DELETE FROM loans]", "run: [DROP TABLE loans]",
         "54:11: a statement cannot begin with \"DROP\"; begin with SELECT, INSERT, UPDATE, DELETE "
         "or WITH"},
        {"run: [DELETE FROM loans]", "run: [\"\"]",
         "54:11: a statement cannot begin with \"\"; begin with SELECT, INSERT, UPDATE, DELETE or "
         "WITH"},
        {"run: [DELETE FROM loans]", "run: [\"-- nothing\"]",
         "54:11: a statement cannot begin with \"-- nothing\"; begin with SELECT, INSERT, UPDATE, "
         "DELETE or WITH"},
        {"run: [DELETE FROM loans]", "run: [\"DELETE FROM loans WHERE a = 'b\"]",
         "54:11: \"'b\" has no end; close the quote or comment"},
        {"run: [DELETE FROM loans]", "run: [\"DELETE FROM loans /* b\"]",
         "54:11: \" /* b\" has no end; close the quote or comment"},
        {"run: [DELETE FROM loans]", "run: [\"DELETE FROM loans WHERE a = ?\"]",
         "54:11: \"?\" begins a parameter in SQLite; write :NAME of a value, or a text each: "
         "{sqlite: ..., postgres: ...}"},
        {"run: [DELETE FROM loans]", "run: [\"DELETE FROM loans WHERE a = @a\"]",
         "54:11: \"@\" begins a parameter in SQLite; write :NAME of a value, or a text each: "
         "{sqlite: ..., postgres: ...}"},
        {"run: [DELETE FROM loans]", "run: [\"DELETE FROM loans WHERE a = :1\"]",
         "54:11: \":\" begins a parameter in SQLite; write :NAME of a value, or a text each: "
         "{sqlite: ..., postgres: ...}"},
        {"run: [DELETE FROM loans]",
         "run: [{sql: {sqlite: DELETE FROM loans, postgres: \"DELETE FROM loans WHERE a = $1\"}}]",
         "54:55: \"$\" begins a parameter; write :NAME of a value, or a text each: {sqlite: ..., "
         "postgres: ...}"},
        {"run: [DELETE FROM loans]", "run: [{sql: {sqlite: DELETE FROM loans}}]",
         "54:17: `sql` has no `postgres`; write {sqlite: ..., postgres: ...}, or one text for "
         "both"},
        {"run: [DELETE FROM loans]", "run: [{sql: {mysql: DELETE FROM loans}}]",
         "54:18: `sql` has no member \"mysql\"; write one of sqlite, postgres"},
        {"run: [DELETE FROM loans]", "run: [\"DELETE FROM loans\\0\"]",
         "54:11: a text holds a NUL character; leave \\0 away"},
        {"run: [DELETE FROM loans]", "run: [{missing: {status: 404, text: a}}]",
         "54:11: a statement has no `sql`; write sql: INSERT INTO ..."},
        {"run: [DELETE FROM loans]", "run: DELETE FROM loans",
         "54:10: `run` must be a list; write [ONE, TWO]"},
    };

    (void)state;
    check_broken_file(PATH, broken, sizeof broken / sizeof broken[0]);
}

static void answers_of_actions_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"answer: {loan: $loan,", "answer: {loan: $lone,",
         "44:20: \"$lone\" is no value of this route, and $$ begins a text with a dollar; did you "
         "mean \"loan\"?"},
        {"answer: {loan: $loan,", "answer: {loan: $rows,",
         "44:20: no statement has `rows`; write rows: {NAME: TYPE} beside its `sql`"},
        {"answer: {loan: $loan,", "answer: {loan: $remarks,",
         "44:20: remarks is a list or map; only single values can be answered"},
        {"answer: {loan: $loan,", "answer: {loan: $visitor,",
         "44:20: visitor is a secret of the client's cookie; only single values can be answered"},
        {"answer: {loan: $loan,", "answer: {loan: $now,",
         "44:20: \"$now\" is no value of this route, and $$ begins a text with a dollar; write one "
         "of branch, isbn, days, rush, weight, due, remarks, marks, visitor, loan, fee"},
        {"    answer: $rows", "    answer: $row",
         "52:13: \"$row\" is no value of this route, and $$ begins a text with a dollar; did you "
         "mean \"rows\"?"},
        {"    answer: $rows", "    answer: none",
         "51:15: these rows are not used; write $rows in `answer`, or `returns` in place of "
         "`rows`"},
        {"    answer: $rows", "    text: none",
         "51:15: these rows are not used; write $rows in `answer`, or `returns` in place of "
         "`rows`"},
        {"    status: 204", "    status: 204\n    answer: {}",
         "56:5: status 204 is an answer without a body, so it has no `answer`; leave it away"},
        {"    status: 204", "    status: 203\n    answer: {}",
         "55:13: `status` cannot be 203; write 200, 201, 202 or 204"},
        {"    status: 204", "    status: 404\n    answer: {}",
         "55:13: `status` must be a whole number from 200 to 204, not \"404\"; write for example "
         "200"},
        {"    status: 204", "    status: 200",
         "53:5: an action answers one thing; write text: ..., answer: ..., or status: 204 for "
         "nothing"},
        {"    status: 204", "    text: a\n    answer: b",
         "53:5: an action answers one thing; write text: ..., answer: ..., or status: 204 for "
         "nothing"},
        {"    status: 204", "    answer: $a",
         "55:13: \"$a\" is no value of this route, which has none; write $$ to begin a text with a "
         "dollar"},
        {"    text: Done", "    text: [Done]",
         "59:11: `text` must be a text, not a list; write a word, or \"a text\""},
        {"invalid: {status: 422, text: the loan is not valid}", "invalid: {status: 422}",
         "45:14: `invalid` has no `text`; write {status: 404, text: \"...\"}"},
    };

    (void)state;
    check_broken_file(PATH, broken, sizeof broken / sizeof broken[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_without_a_file_are_checked),
        cmocka_unit_test(methods_are_checked),
        cmocka_unit_test(takes_are_checked),
        cmocka_unit_test(statements_are_checked),
        cmocka_unit_test(answers_of_actions_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
