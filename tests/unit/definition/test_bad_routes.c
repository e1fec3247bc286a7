#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unit/definition/broken.h"

static void paths_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"get: /books\n", "put: /books\n",
         "48:5: a route with `put` has no `run`; write run: [{sql: INSERT INTO ...}]"},
        {"get: /books\n", "gte: /books\n",
         "48:5: a route has no `get`; write get: /books/:book_id, or post, put, patch, delete"},
        {"    page: {query: page, default: 1}\n", "    pages: {query: page, default: 1}\n",
         "51:5: a route has no member \"pages\"; did you mean \"page\"?"},
        {"get: /books\n", "get: books\n", "48:10: a path cannot be \"books\"; begin it with /"},
        {"get: /books\n", "get: /books/\n",
         "48:10: a path cannot have \"\" between slashes; write 1 to 63 letters, digits and _ . ~ "
         "-, or :NAME, and no slash at the end"},
        {"get: /books\n", "get: /books//all\n",
         "48:10: a path cannot have \"\" between slashes; write 1 to 63 letters, digits and _ . ~ "
         "-, or :NAME, and no slash at the end"},
        {"get: /books\n", "get: /b%20oks\n",
         "48:10: a path cannot have \"b%20oks\" between slashes; write 1 to 63 letters, digits and "
         "_ . ~ -, or :NAME, and no slash at the end"},
        {"get: /books\n", "get: /books/:1\n",
         "48:10: a parameter of a path cannot be \"1\"; write : and letters, digits and _, like "
         ":book_id"},
        {"get: /books/:book\n", "get: /books/:book/of/:book\n",
         "54:10: the path has :book twice; give each parameter its own name"},
        {"get: /books/:book\n", "get: /books/:book/:page\n",
         "54:10: :page in the path is not used; write key: {path: page}, or leave it away"},
        {"    key: {query: branch}\n", "",
         "58:5: a route has no `key`; write key: {query: NAME} or key: {path: NAME}"},
        {"key: {query: branch}", "key: {query: branch, path: branch}",
         "60:10: `key` needs one place; write {query: NAME} or {path: NAME}"},
        {"key: {query: branch}", "key: {path: branch}",
         "60:17: the path has no parameter; write :branch in it, or key: {query: branch}"},
        {"key: {path: book}", "key: {path: boook}",
         "56:17: the path has no parameter \"boook\"; did you mean \"book\"?"},
        {"key: {path: book}", "key: {query: book}",
         "54:10: :book in the path is not used; write key: {path: book}, or leave it away"},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

static void requests_and_failures_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"      oldest: [day, loan]", "      oldest: [day, loan]\n    listings:\n      all: [loan]",
         "48:7: a collection with `orders` has no `listings`; leave one of them away"},
        {"get: /loans", "get: /books",
         "58:10: \"/books\" answers the same requests as the route in line 48; change one"},
        {"from: loans", "from: loan",
         "59:11: there is no collection \"loan\"; did you mean \"loans\"?"},
        {"listing: by_price", "listing: by_prize",
         "50:14: collection books has no listing \"by_prize\"; did you mean \"by_price\"?"},
        {"key: {query: branch}", "listing: by_day",
         "60:14: collection loans has no listings; write listings: {by_day: [FIELD]} there"},
        {"    listing: by_price\n", "    listing: by_price\n    key: {query: id}\n",
         "51:5: this route answers a listing of all keys, so it has no `key`; leave it away"},
        {"    missing: {status: 404, text: no such book}", "    count: {query: count}",
         "57:5: this route answers one document, so it has no `count`; leave it away"},
        {"key: {query: branch}", "key: branch",
         "60:10: `key` must be a mapping, not \"branch\"; write for example {query: ...}"},
        {"order: {query: sort, default: newest}", "order: {query: sort, default: newst}",
         "61:35: collection loans has no order \"newst\"; did you mean \"newest\"?"},
        {"order: {query: sort, default: newest}", "order: latest",
         "61:12: collection loans has no order \"latest\"; write one of newest, oldest"},
        {"order: {query: sort, default: newest}", "order: {query: branch}",
         "58:5: the query parameter \"branch\" has two uses; give each its own name"},
        {"order: {query: sort, default: newest}", "order: {query: so rt}",
         "61:20: a query parameter cannot be \"so rt\"; write 1 to 63 letters, digits and _ . ~ -"},
        {"page: {query: page, default: 1}", "page: {query: page, default: 0}",
         "51:34: `default` must be a whole number from 1 to 1000000, not \"0\"; write for example "
         "1"},
        {"page: {query: page, default: 1}", "page: {default: 1}",
         "51:11: `page` has no `query`; write {query: page}"},
        {"default: 5, most: 100", "default: 500, most: 100",
         "52:36: `default` must be a whole number from 1 to 100, not \"500\"; write for example 1"},
        {"default: 5, most: 100", "default: 5, most: 100000",
         "52:45: `most` must be a whole number from 1 to 10000, not \"100000\"; write for example "
         "1"},
        {"default: 5, most: 100", "default: \"5\", most: 100",
         "52:36: `default` must be a whole number from 1 to 100, not a text in quotes; write for "
         "example 1"},
        {"status: 404", "status: 200",
         "57:23: `status` must be a whole number from 400 to 599, not \"200\"; write for example "
         "400"},
        {"missing: {status: 404, text: no such book}", "missing: {status: 404}",
         "57:14: `missing` has no `text`; write {status: 404, text: \"...\"}"},
        {"row: [id, price]", "row: {n: $row.idd}",
         "53:14: there is no field \"idd\" here; did you mean \"id\"?"},
        {"answer: {branch: $key, loans: $rows}", "answer: {}\n    anwser: $rows",
         "63:5: a route has no member \"anwser\"; did you mean \"answer\"?"},
        {"status: 404", "status: \"404\"",
         "57:23: `status` must be a whole number from 400 to 599, not a text in quotes; write for "
         "example 400"},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

static void a_cache_is_told_times_that_can_be_meant(void **state)
{
    static const struct broken broken[] = {
        {"row: [id, price]", "cache: 60",
         "53:12: `cache` cannot be \"60\"; write days, hours, minutes or seconds, at most 400d, "
         "for "
         "example 60s"},
        {"row: [id, price]", "cache: 0s",
         "53:12: `cache` cannot be \"0s\"; write days, hours, minutes or seconds, at most 400d, "
         "for "
         "example 60s"},
        {"row: [id, price]", "cache: 401d",
         "53:12: `cache` cannot be \"401d\"; write days, hours, minutes or seconds, at most 400d, "
         "for example 60s"},
        {"row: [id, price]", "cache: {stale: 1h}",
         "53:12: `cache` has no `age`; write cache: {age: 60s, stale: 1h}"},
        {"row: [id, price]", "cache: {age: 1h, stale: 60}",
         "53:29: `stale` cannot be \"60\"; write days, hours, minutes or seconds, at most 400d, "
         "for "
         "example 1h"},
        {"row: [id, price]", "cache: {age: 1x}",
         "53:18: `age` cannot be \"1x\"; write days, hours, minutes or seconds, at most 400d, for "
         "example 60s"},
        {"row: [id, price]", "cache: {age: 60s, stail: 1h}",
         "53:23: `cache` has no member \"stail\"; did you mean \"stale\"?"},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

static void references_stand_where_they_mean_something(void **state)
{
    static const struct broken broken[] = {
        {"row: [id, price]", "row: [id, prise]",
         "53:15: there is no field \"prise\" here; did you mean \"price\"?"},
        {"row: [id, price]", "row: [id, id]", "53:15: \"id\" is in `row` twice; keep one of them"},
        {"row: [id, price]", "row: [id, secret]",
         "53:15: \"secret\" is hidden and not stored; leave `hidden` away there, or the field away "
         "here"},
        {"row: [id, price]", "row: {n: $row.secret}",
         "53:14: \"secret\" is hidden and not stored; leave `hidden` away there, or the field away "
         "here"},
        {"row: [id, price]", "row: {n: $count}",
         "53:14: \"$count\" cannot stand here; write $row.NAME, or $$ to begin a text with a "
         "dollar"},
        {"row: [id, price]", "answer: {book: $row.id}",
         "53:20: \"$row.id\" cannot stand here; write one of $rows, $page.number, $page.index, "
         "$count, $total, or $$ to begin a text with a dollar"},
        {"row: [id, price]", "answer: {key: $key, books: $rows}",
         "53:19: \"$key\" cannot stand here; write one of $rows, $page.number, $page.index, "
         "$count, $total, or $$ to begin a text with a dollar"},
        {"loans: $rows", "loans: $row",
         "62:35: \"$row\" cannot stand here; write one of $rows, $key, $key.text, $page.number, "
         "$page.index, $count, $total, or $$ to begin a text with a dollar"},
        {"loans: $rows", "loans: $",
         "62:35: \"$\" cannot stand here; write one of $rows, $key, $key.text, $page.number, "
         "$page.index, $count, $total, or $$ to begin a text with a dollar"},
        {"loans: $rows",
         "loans: ", "62:35: a value is missing; write null, or \"\" for an empty text"},
        {"missing: {status: 404, text: no such book}", "answer: {n: $page.number}",
         "57:17: \"$page.number\" cannot stand here; write one of $row, $row.NAME, $key, "
         "$key.text, or $$ to begin a text with a dollar"},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_checked),
        cmocka_unit_test(requests_and_failures_are_checked),
        cmocka_unit_test(a_cache_is_told_times_that_can_be_meant),
        cmocka_unit_test(references_stand_where_they_mean_something),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
