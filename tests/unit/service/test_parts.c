/* Parts and many keys, over a release made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "service/many.h"
#include "service/parts.h"
#include "tests/unit/replica/release_fixture.h"

enum { ROWS = 20, BODY_SIZE = 30, PAGE = 0, STRICT = 1, MAP = 2, LIST = 3 };

static const char routes_text[] = "routes:\n"
                                  "  - get: /page\n"
                                  "    key: {query: id}\n"
                                  "    parts:\n"
                                  "      sheet: {from: sheets}\n"
                                  "      notes: {from: notes, count: 2, row: $row.title}\n"
                                  "      last: {from: notes, order: by_weight, row: $row.id,\n"
                                  "             count: {query: n, default: 1}}\n"
                                  "    answer: [$sheet, $sheet.title, $notes.total, $notes,\n"
                                  "             $key, $last, $last.count]\n"
                                  "  - get: /strict\n"
                                  "    key: {query: id}\n"
                                  "    parts:\n"
                                  "      notes: {from: notes, count: 1}\n"
                                  "      sheet: {from: sheets, missing: {status: 404, text: no}}\n"
                                  "  - get: /map\n"
                                  "    from: sheets\n"
                                  "    keys: {query: ids}\n"
                                  "    answer: $row.title\n"
                                  "  - get: /list\n"
                                  "    from: notes\n"
                                  "    keys: {query: ids, most: 5, as: list}\n"
                                  "    count: 2\n"
                                  "    row: $row.id\n"
                                  "    answer: {key: $key.text, ids: $rows}\n";

/* Sheet ID: {"id": ID, "title": "sheet ID"} */
static void add_sheet(struct fixture *fixture, int64_t id)
{
    struct column *columns[] = {fixture->columns[ID], fixture->columns[TITLE]};
    struct key key = integer_key(id);
    char title[32];

    fixture_clear_columns(fixture);
    snprintf(title, sizeof title, "sheet %d", (int)id);
    column_add_integer(columns[0], id);
    column_add_text(columns[1], slice_str(title));
    fixture_pack(fixture, BLOB_ROWS, columns, 2);
    OK(store_group(fixture->store, &key, buffer_slice(&fixture->blob), &fixture->msg));
}

/* Notes of 1 and 3, sheets 1 and 2. */
static int set_up(void **state)
{
    struct fixture *fixture;
    int rc = fixture_setup(state);

    fixture = *state;
    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    fixture_group(fixture, integer_key(1), ROWS, 1, BODY_SIZE);
    fixture_group(fixture, integer_key(3), ROWS, 3, BODY_SIZE);
    fixture_end(fixture, "notes/0001.db", integer_key(1), integer_key(3));
    fixture_begin(fixture, "sheets/0001.db", STORE_PARTITION);
    add_sheet(fixture, 1);
    add_sheet(fixture, 2);
    fixture_end(fixture, "sheets/0001.db", integer_key(1), integer_key(2));
    fixture_open(fixture);
    return rc;
}

/* The routes over the collections of the fixture. */
static struct definition *parse_routes(struct fixture *fixture)
{
    struct definition *definition = NULL;
    struct buffer text;

    buffer_init(&text, 65536);
    buffer_append(&text, definition_text,
                  (size_t)(strstr(definition_text, "routes:\n") - definition_text));
    buffer_append_str(&text, routes_text);
    OK(definition_parse("routes", buffer_slice(&text), &definition, &fixture->msg));
    buffer_free(&text);
    return definition;
}

static void append_page(struct fixture *fixture, const struct route *route, const char *query,
                        struct buffer *out)
{
    struct parts_program program = {.run_count = 0};
    struct route_match match = {.segment_count = 0};
    const struct failure *missing;
    struct parts parts;
    struct ask ask;

    parts_compile(&program, route, &fixture->arena);
    assert_true(ask_read(route, &match, slice_str(query), &fixture->answer, &ask));
    OK(parts_open(&program, route, &match, slice_str(query), &ask, fixture->reader,
                  &fixture->answer, &parts, &missing, &fixture->msg));
    if (missing != NULL) {
        buffer_append_slice(out, missing->text);
    } else {
        OK(parts_append(&parts, out, &fixture->msg));
    }
}

/* Returns the bytes that the rows read last took. */
static size_t append_many(struct fixture *fixture, const struct route *route, const char *query,
                          struct buffer *out)
{
    struct program row;
    struct program answer;
    struct route_match match = {.segment_count = 0};
    struct ask ask = {.page = 1};
    struct arena row_arena;
    struct page page = {.reader = fixture->reader,
                        .route = route,
                        .row = &row,
                        .arena = &fixture->answer,
                        .row_arena = &row_arena};
    struct many many;

    size_t used;

    arena_init(&row_arena, 65536);
    program_compile(&row, &route->row, NULL, route->collection, &fixture->arena);
    program_compile(&answer, &route->answer, &route->row, route->collection, &fixture->arena);
    assert_null(many_read(route, slice_str(query), &fixture->answer, &many));
    ask_read_page(route, &match, slice_str(query), &fixture->answer, &ask);
    OK(many_append(&many, &answer, &page, &ask, out, &fixture->msg));
    used = row_arena.used;
    arena_free(&row_arena);
    return used;
}

/* The body of a request to a route, and the B-tree descents that it takes. */
static void assert_answer(struct fixture *fixture, unsigned index, const char *query,
                          const char *expected, unsigned lookups)
{
    struct definition *definition = parse_routes(fixture);
    const struct route *route = &definition->routes[index];
    uint64_t before = reader_counts(fixture->reader)->lookups;
    struct buffer out;

    buffer_init(&out, 65536);
    if (route->most_keys > 0) {
        append_many(fixture, route, query, &out);
    } else {
        append_page(fixture, route, query, &out);
    }
    assert_string_equal(buffer_str(&out), expected);
    assert_int_equal(reader_counts(fixture->reader)->lookups - before, lookups);
    buffer_free(&out);
    arena_reset(&fixture->answer);
    definition_free(definition);
}

static void each_part_costs_one_lookup(void **state)
{
    assert_answer(*state, PAGE, "id=1",
                  "[{\"id\":1,\"title\":\"sheet 1\"},\"sheet 1\",20,[\"title 1-0\",\"title 1-1\"],"
                  "1,[19],1]",
                  3);
}

static void a_part_has_its_own_count_and_order(void **state)
{
    assert_answer(*state, PAGE, "id=1&n=3",
                  "[{\"id\":1,\"title\":\"sheet 1\"},\"sheet 1\",20,[\"title 1-0\",\"title 1-1\"],"
                  "1,[19,18,17],3]",
                  3);
}

static void what_is_not_there_is_null_or_empty(void **state)
{
    assert_answer(*state, PAGE, "id=2",
                  "[{\"id\":2,\"title\":\"sheet 2\"},\"sheet 2\",0,[],2,[],1]", 3);
    assert_answer(*state, PAGE, "id=3", "[null,null,20,[\"title 3-0\",\"title 3-1\"],3,[19],1]", 2);
    assert_answer(*state, PAGE, "id=9", "[null,null,0,[],9,[],1]", 0);
}

static void a_part_may_say_that_nothing_is_answered(void **state)
{
    assert_answer(*state, STRICT, "id=3", "no", 1);
}

static void many_keys_leave_absent_ones_out_of_an_object(void **state)
{
    assert_answer(*state, MAP, "ids=2,7,1,2", "{\"2\":\"sheet 2\",\"1\":\"sheet 1\"}", 2);
    assert_answer(*state, MAP, "ids=7", "{}", 0);
}

static void many_keys_are_null_in_a_list_where_they_are_absent(void **state)
{
    assert_answer(*state, LIST, "ids=3,2,001,3",
                  "[{\"key\":\"3\",\"ids\":[0,1]},null,{\"key\":\"001\",\"ids\":[0,1]}]", 3);
}

static void many_keys_take_the_memory_of_one(void **state)
{
    struct fixture *fixture = *state;
    struct definition *definition = parse_routes(fixture);
    const struct route *route = &definition->routes[LIST];
    struct buffer out;
    size_t one;

    buffer_init(&out, 65536);
    one = append_many(fixture, route, "ids=3", &out);
    assert_true(one > 0);
    assert_int_equal(append_many(fixture, route, "ids=1,3", &out), one);
    buffer_free(&out);
    definition_free(definition);
}

static void a_full_buffer_ends_the_answer_to_many_keys(void **state)
{
    struct fixture *fixture = *state;
    struct definition *definition = parse_routes(fixture);
    struct program row;
    struct many_key keys[2] = {{.key = integer_key(1)}, {.key = integer_key(3)}};
    struct many many = {.keys = keys, .count = 2};
    struct ask ask = {.page = 1, .count = 2};
    struct page page = {.reader = fixture->reader,
                        .route = &definition->routes[LIST],
                        .row = &row,
                        .row_arena = &fixture->answer};
    struct program answer;
    struct buffer out;
    uint64_t before = reader_counts(fixture->reader)->lookups;

    buffer_init(&out, 16);
    program_compile(&row, &page.route->row, NULL, page.route->collection, &fixture->arena);
    program_compile(&answer, &page.route->answer, &page.route->row, page.route->collection,
                    &fixture->arena);
    assert_int_equal(many_append(&many, &answer, &page, &ask, &out, &fixture->msg), ERR_LIMIT);
    assert_string_equal(fixture->msg.text, "the answer is larger than 16 bytes");
    assert_int_equal(reader_counts(fixture->reader)->lookups - before, 1);
    buffer_free(&out);
    definition_free(definition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_costs_one_lookup),
        cmocka_unit_test(a_part_has_its_own_count_and_order),
        cmocka_unit_test(what_is_not_there_is_null_or_empty),
        cmocka_unit_test(a_part_may_say_that_nothing_is_answered),
        cmocka_unit_test(many_keys_leave_absent_ones_out_of_an_object),
        cmocka_unit_test(many_keys_are_null_in_a_list_where_they_are_absent),
        cmocka_unit_test(many_keys_take_the_memory_of_one),
        cmocka_unit_test(a_full_buffer_ends_the_answer_to_many_keys),
    };

    return cmocka_run_group_tests(tests, set_up, fixture_teardown);
}
