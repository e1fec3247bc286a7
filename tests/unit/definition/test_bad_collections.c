#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unit/definition/broken.h"

static void keys_queries_and_orders_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"    key: id\n", "", "14:5: a collection has no `key`; write key: COLUMN"},
        {"column: branch, type: text", "column: branch, type: boolean",
         "31:33: the type of a key cannot be \"boolean\"; write one of integer, text"},
        {"rows: SELECT * FROM books", "rows: SELECT * FROM books;",
         "15:11: `rows` ends in a semicolon; leave the semicolon away"},
        {"rows: SELECT * FROM books", "rows: DELETE FROM books",
         "15:11: `rows` must be a query, not \"DELETE FROM books\"; begin with SELECT or WITH"},
        {"rows: SELECT * FROM books", "rows: \"\"",
         "15:11: `rows` must be a query, not \"\"; begin with SELECT or WITH"},
        {"keys: SELECT branch FROM branches", "keys: [branch]",
         "32:11: `keys` must be a text, not a list; write a word, or \"a text\""},
        {"    listings:\n", "    orderz:\n",
         "28:5: a collection has no member \"orderz\"; did you mean \"orders\"?"},
        {"      newest: [-day, loan]\n      oldest: [day, loan]\n", "      {}\n",
         "45:7: `orders` is empty; write at least one"},
        {"      by_price: [-price, id]", "      by_price: []",
         "29:17: an order is empty; write at least one"},
        {"by_price: [-price, id]", "by_price: [-prize, id]",
         "29:18: there is no field \"prize\" here; did you mean \"price\"?"},
        {"by_price: [-price, id]", "by_price: [mean, id]",
         "29:18: \"mean\" is a ratio and cannot order rows; name an integer, boolean, timestamp, "
         "decimal or text field"},
        {"by_price: [-price, id]", "by_price: [tags, id]",
         "29:18: \"tags\" is nested rows and cannot order rows; name an integer, boolean, "
         "timestamp, decimal or text field"},
        {"by_price: [-price, id]", "by_price: [-price, price]",
         "29:26: \"price\" is in this order twice; keep the first"},
        {"by_price: [-price, id]", "by price: [-price, id]",
         "29:7: the name of an order cannot be \"by price\"; write at most 63 letters, digits and "
         "_, no digit first"},
        {"      newest: [-day, loan]", "      newest: -day",
         "45:15: an order must be a list; write [ONE, TWO]"},
        {"  books:\n    key: id\n", "  books:\n    key: {type: integer}\n",
         "14:10: `key` has no `column`; write {column: id, type: integer}"},
        {"by_price: [-price, id]", "by_price: [[price]]",
         "29:18: a term of an order must be a text, not a list; write a word, or \"a text\""},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

static void fields_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"id: integer\n      price", "id: intger\n      price",
         "17:11: `type` cannot be \"intger\" here; did you mean \"integer\"?"},
        {"loan: integer", "loan?: integer",
         "35:7: \"loan?\" cannot be the name of a column; write {from: COLUMN, type: integer}"},
        {"loan: integer", "\"lo\\tan\": integer",
         "35:7: a field cannot have the name \"lo\\tan\"; write 1 to 128 bytes without control "
         "characters"},
        {"loan: integer", "loan: {from: loan}",
         "35:13: a field has neither `type` nor `rows`; write {type: text}, or rows: SELECT ... "
         "for nested rows"},
        {"loan: integer", "loan: {from: the loan, type: integer}",
         "35:20: `from` cannot be \"the loan\"; write at most 63 letters, digits and _, no digit "
         "first"},
        {"loan: integer", "loan: {type: text, text: true}",
         "35:32: a text is between quotes already; leave `text` away"},
        {"loan: integer", "loan: {type: integer, of: [a, b]}",
         "35:33: `of` belongs to a ratio; write type: ratio, or `from` in its place"},
        {"loan: integer", "loan: {type: integer, scale: 2}",
         "35:36: `scale` belongs to decimal and ratio, not to \"integer\"; leave it away"},
        {"loan: integer", "loan: ratio",
         "35:13: a ratio needs its digits after the point; write {type: ratio, scale: 2, of: "
         "[TOTAL, COUNT]}"},
        {"loan: integer", "loan: [integer]",
         "35:13: a field must be a mapping, not a list; write for example {type: ...}"},
        {"of: [total, votes]", "of: [total]",
         "19:31: `of` must be two columns; write of: [TOTAL, COUNT]"},
        {"of: [total, votes]", "from: total",
         "19:33: a ratio has no `from`; write of: [TOTAL, COUNT], two columns"},
        {"of: [total, votes], ", "",
         "19:13: a ratio has no `of`; write of: [TOTAL, COUNT], two columns"},
        {"      loan: integer\n      day: timestamp\n", "",
         "43:16: there is no field \"day\" here; write copies"},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

static void nested_rows_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"as: list", "as: array",
         "24:13: `as` cannot be \"array\"; write one of list, map, values"},
        {"as: list", "as: map",
         "24:13: `as: map` has no `name`; write name: {from: COLUMN, type: text}"},
        {"        name: {from: copy, type: integer}\n",
         "        name: {from: copy, type: number}\n",
         "41:34: `type` cannot be \"number\" here; write one of integer, text, boolean"},
        {"as: map", "as: list",
         "41:15: `name` belongs to `as: map`; leave it away, or write as: map"},
        {"as: list\n        order: [tag]\n        fields: {tag: text}\n        value: tag",
         "as: values\n        order: [tag]\n        fields: {tag: text}",
         "24:13: `as: values` has no `value`; write value: FIELD, the one to answer"},
        {"value: tag", "value: tags",
         "27:16: there is no field \"tags\" here; did you mean \"tag\"?"},
        {"fields: {tag: text}", "fields: {tag: {type: text, hidden: true}}",
         "26:17: every field is hidden; leave `hidden` away at one of them"},
        {"fields: {tag: text}\n", "fields: {tag: {type: text, hidden: true}, n: integer}\n",
         "27:16: \"tag\" is hidden; leave `hidden` away there, or name another field"},
        {"        on: {book_id: id}\n", "",
         "22:9: a field of nested rows has no `on`; write on: {COLUMN_HERE: COLUMN_ABOVE}"},
        {"on: {book_id: id}", "on: book_id",
         "23:13: `on` must be a mapping; write {NAME: ..., NAME: ...}"},
        {"        order: [tag]\n", "",
         "22:9: a field of nested rows has no `order`; write order: [FIELD], and - before a field "
         "for descending"},
        {"        order: [tag]\n", "        oder: [tag]\n",
         "25:9: a field of nested rows has no member \"oder\"; did you mean \"order\"?"},
        {"as: list", "as: [list]",
         "24:13: `as` must be a text, not a list; write a word, or \"a text\""},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_queries_and_orders_are_checked),
        cmocka_unit_test(fields_are_checked),
        cmocka_unit_test(nested_rows_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
