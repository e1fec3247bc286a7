/* Routes that answer several collections for one key, or many keys. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unit/definition/broken.h"

#define PARTS TEST_DATA "/unit/definition/parts.yaml"

static void assert_slice(struct slice actual, const char *expected)
{
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.ptr, expected, actual.len);
}

static int set_up(void **state)
{
    struct definition *definition = NULL;
    struct errmsg msg = {""};

    if (definition_load(PARTS, &definition, &msg) != ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    *state = definition;
    return 0;
}

static int tear_down(void **state)
{
    definition_free(*state);
    return 0;
}

/* The answer of ROUTE with <KIND of PART> for references. */
static void assert_answer(const struct route *route, const char *expected)
{
    static const char *const names[] = {"",      "key",   "key.text", "page.number", "page.index",
                                        "count", "total", "rows",     "row",         "field"};
    struct buffer out;

    buffer_init(&out, 4096);
    for (unsigned i = 0; i < route->answer.count; i++) {
        const struct template_part *part = &route->answer.parts[i];

        if (part->kind == TEMPLATE_LITERAL) {
            buffer_append_slice(&out, part->literal);
        } else {
            buffer_printf(&out, "<%s %u of %u>", names[part->kind], part->field, part->part);
        }
    }
    assert_string_equal(buffer_str(&out), expected);
    buffer_free(&out);
}

static void a_part_is_read_as_a_route_of_its_own(void **state)
{
    const struct definition *definition = *state;
    const struct route *page = &definition->routes[0];
    const struct route *book = &page->parts[0].route;
    const struct route *loans = &page->parts[1].route;
    const struct route *longest = &page->parts[2].route;

    assert_int_equal(page->part_count, 3);
    assert_ptr_equal(page->collection, &definition->collections[0]);
    assert_true(page->key.in_path && page->key.segment == 1);
    assert_slice(page->invalid_key.text, "Error: invalid isbn");
    assert_slice(page->parts[0].name, "book");
    assert_int_equal(book->missing.status, 404);
    assert_int_equal(book->listing, -1);
    assert_int_equal(loans->collection_index, 1);
    assert_int_equal(loans->default_count, 2);
    assert_int_equal(loans->most_count, 2);
    assert_int_equal(loans->missing.status, 0);
    assert_int_equal(longest->default_order, 1);
    assert_slice(longest->order.name, "by");
    assert_slice(longest->count.name, "n");
    assert_int_equal(longest->most_count, 3);
}

static void references_say_which_part_they_are_of(void **state)
{
    const struct definition *definition = *state;

    assert_answer(&definition->routes[0],
                  "{\"isbn\":<key.text 0 of 0>,\"book\":<row 0 of 0>,\"year\":<field 1 of 0>,"
                  "\"loans\":{\"total\":<total 0 of 1>,\"rows\":<rows 0 of 1>},"
                  "\"longest\":[<rows 0 of 2>,<count 0 of 2>,<page.number 0 of 2>,"
                  "<page.index 0 of 2>,<key 0 of 0>]}");
}

static void without_an_answer_every_part_is_shown(void **state)
{
    const struct definition *definition = *state;

    assert_answer(&definition->routes[1], "{\"loans\":<rows 0 of 0>,\"book\":<row 0 of 1>}");
}

static void many_keys_are_a_list_or_an_object(void **state)
{
    const struct definition *definition = *state;
    const struct route *books = &definition->routes[2];
    const struct route *loans = &definition->routes[3];

    assert_slice(books->key.name, "isbns");
    assert_int_equal(books->most_keys, 50);
    assert_false(books->is_map);
    assert_int_equal(books->too_many.status, 414);
    assert_slice(books->too_many.text, "too many books");
    assert_int_equal(loans->most_keys, 100);
    assert_true(loans->is_map);
    assert_int_equal(loans->too_many.status, 400);
    assert_slice(loans->too_many.text, "Error: more than 100 isbns");
    assert_int_equal(definition->routes[0].most_keys, 0);
}

static void parts_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"parts:", "part:", "19:5: a route has no member \"part\"; did you mean \"parts\"?"},
        {"    key: {path: isbn}\n", "    key: {path: isbn}\n    from: books\n",
         "19:5: this route answers its parts, so it has no `from`; leave it away"},
        {"    key: {path: isbn}\n", "    key: {path: isbn}\n    missing: {status: 404, text: no}\n",
         "19:5: this route answers its parts, so it has no `missing`; leave it away"},
        {"    key: {path: isbn}\n", "    keys: {query: isbns}\n",
         "18:5: this route answers its parts, so it has no `keys`; leave it away"},
        {"    key: {path: isbn}\n", "",
         "17:5: a route has no `key`; write key: {query: NAME} or key: {path: NAME}"},
        {"key: {path: isbn}", "key: {query: isbn}",
         "17:10: :isbn in the path is not used; write key: {path: isbn}, or leave it away"},
        {"      loans: {from: loans}\n      book: {from: books, row: $row.title}\n", "      []\n",
         "32:7: `parts` must be a mapping; write {NAME: ..., NAME: ...}"},
        {"      book: {", "      bo ok: {",
         "20:7: the name of a part cannot be \"bo ok\"; write at most 63 letters, digits and _, no "
         "digit first"},
        {"      book: {", "      key: {",
         "20:7: a part cannot be called \"key\", which $key is; write another name"},
        {"{from: books, missing:", "{form: books, missing:",
         "20:14: a part has no member \"form\"; did you mean \"from\"?"},
        {"{from: books, missing:", "{missing:",
         "20:13: a part has no `from`; write from: COLLECTION"},
        {"{from: books, missing:", "{from: book, missing:",
         "20:20: there is no collection \"book\"; did you mean \"books\"?"},
        {"{from: books, missing:", "{from: books, count: 1, missing:",
         "20:27: this part is one document, so it has no `count`; leave it away"},
        {"      longest: {from: loans, order: {query: by, default: longest}, count:",
         "      longest: {from: branches, count:",
         "22:33: this part is one document, so it has no `count`; leave it away"},
        {"      loans: {from: loans, order: newest, count: 2, row: [day]}",
         "      loans: {from: branches}",
         "21:21: collection branches has keys of type integer, but books of type text; the parts "
         "of a route have one key, write a route of its own"},
        {"      loans: {from: loans, order: newest, count: 2, row: [day]}",
         "      loans: {from: books}",
         "21:21: the document of books is the part book already; write $book.FIELD for its "
         "fields"},
        {"count: {query: n, most: 3}", "count: {query: by, most: 3}",
         "17:5: the query parameter \"by\" has two uses; give each its own name"},
        {"count: 2, row", "count: 0, row",
         "21:50: `count` must be a whole number from 1 to 10000, not \"0\"; write for example 1"},
        {"row: [day]", "row: [dya]",
         "21:59: there is no field \"dya\" here; did you mean \"day\"?"},
    };

    (void)state;
    check_broken_file(PARTS, broken, sizeof broken / sizeof broken[0]);
}

#define TWO_PARTS                                                                                  \
    "name: shelf\n"                                                                                \
    "collections:\n"                                                                               \
    "  a: {key: id, rows: SELECT 1, fields: {n: integer}}\n"                                       \
    "  b: {key: id, rows: SELECT 1, fields: {n: integer}}\n"                                       \
    "routes:\n"                                                                                    \
    "  - get: /\n"                                                                                 \
    "    key: {query: id}\n"                                                                       \
    "    parts:\n"                                                                                 \
    "      a: {from: a}\n"                                                                         \
    "      b: {from: b%s}\n"                                                                       \
    "    answer: $a\n"

static void a_part_that_is_not_shown_must_decide_something(void **state)
{
    struct definition *definition = NULL;
    struct errmsg msg = {""};
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    buffer_printf(&out, TWO_PARTS, ", missing: {status: 404, text: no}");
    assert_int_equal(definition_parse("t", buffer_slice(&out), &definition, &msg), ERR_NONE);
    definition_free(definition);
    buffer_clear(&out);
    buffer_printf(&out, TWO_PARTS, "");
    assert_int_equal(definition_parse("t", buffer_slice(&out), &definition, &msg), ERR_DEFINITION);
    assert_string_equal(msg.text, "t:10:7: the part b is not used; write $b in `answer`, or leave "
                                  "it away");
    buffer_free(&out);
}

static void references_to_parts_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"book: $book\n", "book: $bok\n",
         "25:13: \"$bok\" is no part of this route, and $$ begins a text with a dollar; did you "
         "mean \"book\"?"},
        {"book: $book\n", "book: $row\n",
         "25:13: \"$row\" is no part of this route, and $$ begins a text with a dollar; write one "
         "of book, loans, longest, key"},
        {"$book.year", "$book.yaer",
         "26:13: there is no field \"yaer\" here; did you mean "
         "\"year\"?"},
        {"$book.year", "$book.secret",
         "26:13: \"secret\" is hidden and not stored; leave `hidden` away there, or the field away "
         "here"},
        {"$loans.total", "$loans.day",
         "27:22: the part loans is rows, not one document; write one of $loans, $loans.total, "
         "$loans.count, $loans.page.number, $loans.page.index"},
    };

    (void)state;
    check_broken_file(PARTS, broken, sizeof broken / sizeof broken[0]);
}

static void many_keys_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"keys: {query: isbns, most: 50, as: list}\n", "key: {query: isbn}\n",
         "38:5: this route answers one key, so it has no `too_many`; leave it away"},
        {"keys: {query: isbns, most: 50, as: list}\n",
         "keys: {query: isbns}\n    key: {query: isbn}\n",
         "37:5: this route answers many keys, so it has no `key`; leave it away"},
        {"keys: {query: isbns, most: 50, as: list}\n",
         "keys: {query: isbns}\n    missing: {status: 404, text: no}\n",
         "37:5: this route answers many keys, so it has no `missing`; leave it away"},
        {"keys: {query: isbns, most: 50", "keys: {path: isbns, most: 50",
         "36:12: `keys` has no member \"path\"; write one of query, most, as"},
        {"keys: {query: isbns, most: 50", "keys: {most: 50",
         "36:11: `keys` has no `query`; write {query: ids, most: 100}"},
        {"most: 50", "most: 1001",
         "36:32: `most` must be a whole number from 1 to 1000, not \"1001\"; write for example 1"},
        {"as: list", "as: lists", "36:40: `as` cannot be \"lists\"; did you mean \"list\"?"},
        {"    count: 100\n", "    count: 101\n",
         "41:11: 100 keys of 101 rows each are more than the 10000 rows that an answer may hold; "
         "write a smaller `most`, or count: 100"},
        {"    count: 100\n", "    count: {query: isbns, most: 100}\n",
         "39:5: the query parameter \"isbns\" has two uses; give each its own name"},
        {"get: /books\n", "get: /books/:isbn\n",
         "34:10: :isbn in the path is not used; write key: {path: isbn}, or leave it away"},
    };

    (void)state;
    check_broken_file(PARTS, broken, sizeof broken / sizeof broken[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_read_as_a_route_of_its_own),
        cmocka_unit_test(references_say_which_part_they_are_of),
        cmocka_unit_test(without_an_answer_every_part_is_shown),
        cmocka_unit_test(many_keys_are_a_list_or_an_object),
        cmocka_unit_test(parts_are_checked),
        cmocka_unit_test(a_part_that_is_not_shown_must_decide_something),
        cmocka_unit_test(references_to_parts_are_checked),
        cmocka_unit_test(many_keys_are_checked),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
