#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "definition/definition.h"

static int load(void **state)
{
    struct errmsg msg = {""};
    struct definition *definition = NULL;

    if (definition_load(TEST_DATA "/unit/definition/actions.yaml", &definition, &msg) != ERR_NONE) {
        print_error("%s\n", msg.text);
        return -1;
    }
    *state = definition;
    return 0;
}

static int unload(void **state)
{
    definition_free(*state);
    return 0;
}

static void assert_slice(struct slice slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_memory_equal(slice.ptr, text, slice.len);
}

static const struct action *action_of(void **state, unsigned route)
{
    const struct definition *definition = *state;

    assert_non_null(definition->routes[route].action);
    return definition->routes[route].action;
}

static void a_definition_of_actions_needs_no_collections(void **state)
{
    const struct definition *definition = *state;

    assert_int_equal(definition->collection_count, 0);
    assert_int_equal(definition->route_count, 5);
    assert_int_equal(definition->routes[0].method, ROUTE_POST);
    assert_int_equal(definition->routes[1].method, ROUTE_GET);
    assert_int_equal(definition->routes[2].method, ROUTE_DELETE);
    assert_int_equal(definition->routes[3].method, ROUTE_PUT);
    assert_int_equal(definition->routes[4].method, ROUTE_PATCH);
    assert_ptr_equal(definition->routes[4].action, definition->routes[3].action);
}

static void a_table_without_a_file_has_rows(void **state)
{
    const struct table *table = &((struct definition *)*state)->tables[0];
    const struct value *row = table->rows;

    assert_false(table_has_file(table));
    assert_int_equal(table->row_count, 2);
    assert_int_equal(row[0].integer, 1);
    assert_slice(row[1].text, "978");
    assert_int_equal(row[2].integer, 7);
    assert_int_equal(row[3].type, VALUE_TEXT);
    assert_slice(row[3].text, "1.50");
    assert_int_equal(row[4].integer, 1596067200000);
    assert_int_equal(row[5].integer, 1);
    assert_true(row[6].type == VALUE_REAL && row[6].real > 0.24 && row[6].real < 0.26);
    for (unsigned i = 2; i < 7; i++) {
        assert_int_equal(row[7 + i].type, VALUE_NULL);
    }
}

static void takes_say_where_values_are_and_what_they_must_be(void **state)
{
    static const struct {
        const char *name;
        enum take_place place;
        enum take_shape shape;
        enum scalar_type type;
        bool is_required;
        bool has_least;
        bool has_most;
        int64_t least;
        int64_t most;
    } cases[] = {
        {"branch", TAKE_PATH, TAKE_ONE, SCALAR_TEXT, true, false, true, 0, 20},
        {"isbn", TAKE_BODY, TAKE_ONE, SCALAR_TEXT, true, true, true, 1, 13},
        {"days", TAKE_BODY, TAKE_ONE, SCALAR_INTEGER, false, true, true, 1, 90},
        {"rush", TAKE_QUERY, TAKE_ONE, SCALAR_BOOLEAN, false, false, false, INT64_MIN, INT64_MAX},
        {"weight", TAKE_BODY, TAKE_ONE, SCALAR_NUMBER, false, true, true, 0, 5},
        {"due", TAKE_BODY, TAKE_ONE, SCALAR_TIMESTAMP, false, false, false, INT64_MIN, INT64_MAX},
        {"remarks", TAKE_BODY, TAKE_LIST, SCALAR_TEXT, false, false, true, 0, 40},
        {"marks", TAKE_BODY, TAKE_MAP, SCALAR_INTEGER, true, true, true, 1, 5},
        {"visitor", TAKE_COOKIE, TAKE_ONE, SCALAR_TEXT, false, true, true, 32, 32},
    };
    const struct action *action = action_of(state, 0);

    assert_int_equal(action->take_count, sizeof cases / sizeof cases[0]);
    for (unsigned i = 0; i < action->take_count; i++) {
        const struct take *take = &action->takes[i];

        assert_slice(take->name, cases[i].name);
        assert_slice(take->member, cases[i].name);
        assert_int_equal(take->place, cases[i].place);
        assert_int_equal(take->shape, cases[i].shape);
        assert_int_equal(take->rule.type, cases[i].type);
        assert_int_equal(take->is_required, cases[i].is_required);
        assert_int_equal(take->rule.has_least, cases[i].has_least);
        assert_int_equal(take->rule.has_most, cases[i].has_most);
        assert_int_equal(take->rule.least, cases[i].least);
        assert_int_equal(take->rule.most, cases[i].most);
        assert_int_equal(take->invalid.status, 0);
    }
    assert_int_equal(action->takes[0].segment, 1);
    assert_true(action->reads_body);
}

static void defaults_are_values(void **state)
{
    const struct take *takes = action_of(state, 0)->takes;

    assert_int_equal(takes[2].fallback.type, VALUE_INTEGER);
    assert_int_equal(takes[2].fallback.integer, 14);
    assert_int_equal(takes[3].fallback.type, VALUE_INTEGER);
    assert_int_equal(takes[3].fallback.integer, 0);
    assert_int_equal(takes[4].fallback.type, VALUE_NULL);
    assert_int_equal(takes[5].fallback.integer, 1596067200000);
}

static void lists_maps_and_sessions_have_rules_of_their_own(void **state)
{
    const struct take *takes = action_of(state, 0)->takes;

    assert_int_equal(takes[6].most_items, 3);
    assert_int_equal(takes[7].most_items, 100);
    assert_int_equal(takes[7].names.type, SCALAR_INTEGER);
    assert_false(takes[7].names.has_most);
    assert_true(takes[8].is_session);
    assert_int_equal(takes[8].session_age_s, 12 * 3600);
}

static void names_become_parameters_of_each_database(void **state)
{
    const struct statement *statements = action_of(state, 0)->statements;
    const struct binding *bindings = statements[0].bindings[SQL_SQLITE];

    assert_slice(statements[0].sql[SQL_SQLITE],
                 "INSERT INTO loans (isbn, days, begun) -- :isbn\n"
                 "SELECT ?1, ?2, ?3 WHERE ?1 <> ':isbn' AND ?4 AND ?5 > 0 AND ?6 > 0\n"
                 "RETURNING id, fee\n");
    assert_slice(statements[0].sql[SQL_POSTGRES],
                 "INSERT INTO loans (isbn, days, begun) -- :isbn\n"
                 "SELECT $1, $2, $3 WHERE $1 <> ':isbn' AND $4 AND $5 > 0 AND $6 > 0\n"
                 "RETURNING id, fee\n");
    assert_int_equal(statements[0].sql[SQL_SQLITE].ptr[statements[0].sql[SQL_SQLITE].len], '\0');
    assert_int_equal(statements[0].binding_count[SQL_SQLITE], 6);
    assert_int_equal(bindings[0].kind, BINDING_TAKE);
    assert_int_equal(bindings[0].take, 1);
    assert_int_equal(bindings[0].scalar.type, SCALAR_TEXT);
    assert_int_equal(bindings[1].scalar.type, SCALAR_INTEGER);
    assert_int_equal(bindings[2].kind, BINDING_NOW);
    assert_int_equal(bindings[2].scalar.type, SCALAR_TIMESTAMP);
    assert_int_equal(bindings[3].scalar.type, SCALAR_BOOLEAN);
    assert_int_equal(bindings[5].scalar.type, SCALAR_NUMBER);
}

static void items_and_returned_columns_are_bound(void **state)
{
    const struct statement *statements = action_of(state, 0)->statements;
    const struct binding *remarks = statements[1].bindings[SQL_POSTGRES];
    const struct binding *marks = statements[2].bindings[SQL_POSTGRES];

    assert_int_equal(statements[1].each, 6);
    assert_slice(statements[1].sql[SQL_POSTGRES], "INSERT INTO remarks VALUES ($1, $2, $3, $4)");
    assert_int_equal(remarks[0].kind, BINDING_RETURNED);
    assert_int_equal(remarks[0].statement, 0);
    assert_int_equal(remarks[0].column, 0);
    assert_int_equal(remarks[2].kind, BINDING_ITEM);
    assert_int_equal(remarks[2].take, 6);
    assert_int_equal(statements[2].binding_count[SQL_SQLITE], 2);
    assert_slice(statements[2].sql[SQL_POSTGRES], "INSERT INTO marks VALUES ($1, $2::int, $3)");
    assert_int_equal(marks[1].kind, BINDING_ITEM_NAME);
    assert_int_equal(marks[1].scalar.type, SCALAR_INTEGER);
    assert_int_equal(statements[2].missing.status, 404);
    assert_int_equal(statements[3].each, -1);
    assert_int_equal(statements[3].missing.status, 0);
}

static void answers_are_templates_texts_or_nothing(void **state)
{
    const struct action *made = action_of(state, 0);
    static const enum template_kind kinds[] = {
        TEMPLATE_LITERAL, TEMPLATE_RETURNED, TEMPLATE_LITERAL, TEMPLATE_RETURNED,
        TEMPLATE_LITERAL, TEMPLATE_TAKE,     TEMPLATE_LITERAL,
    };

    assert_true(made->is_json);
    assert_int_equal(made->status, 201);
    assert_int_equal(made->answer.count, 7);
    for (unsigned i = 0; i < made->answer.count; i++) {
        assert_int_equal(made->answer.parts[i].kind, kinds[i]);
    }
    assert_int_equal(made->answer.parts[3].field, 1);
    assert_int_equal(made->answer.parts[5].field, 2);
    assert_slice(made->answer.parts[6].literal, ",\"text\":\"$loan\"}");
    assert_int_equal(action_of(state, 2)->status, 204);
    assert_false(action_of(state, 3)->is_json);
    assert_int_equal(action_of(state, 3)->status, 200);
    assert_slice(action_of(state, 3)->text, "Done");
}

static void rows_are_answered_and_queries_only_read(void **state)
{
    const struct action *read = action_of(state, 1);

    assert_int_equal(read->rows, 0);
    assert_true(read->statements[0].is_rows);
    assert_slice(read->statements[0].returns[1].name, "count");
    assert_true(read->statements[0].returns[1].scalar.is_quoted);
    assert_int_equal(read->answer.parts[0].kind, TEMPLATE_ROWS);
    assert_true(read->only_reads);
    assert_false(action_of(state, 0)->only_reads);
    assert_int_equal(action_of(state, 0)->rows, -1);
}

static void what_is_invalid_has_an_answer(void **state)
{
    assert_int_equal(action_of(state, 0)->invalid.status, 422);
    assert_int_equal(action_of(state, 1)->invalid.status, 400);
    assert_slice(action_of(state, 1)->invalid.text, "Error: invalid request");
    assert_int_equal(action_of(state, 1)->takes[0].invalid.status, 404);
    assert_slice(action_of(state, 1)->takes[0].invalid.text, "no such branch");
}

/* Whether an action of this one statement is known to change nothing. */
static bool only_reads(const char *sql)
{
    struct definition *definition = NULL;
    struct errmsg msg = {""};
    struct buffer text;
    bool reads;

    buffer_init(&text, 4096);
    buffer_printf(&text,
                  "name: t\nroutes:\n  - get: /\n    status: 204\n    run:\n      - |\n"
                  "        %s\n",
                  sql);
    if (definition_parse("t", buffer_slice(&text), &definition, &msg) != ERR_NONE) {
        fail_msg("%s: %s", sql, msg.text);
    }
    reads = definition->routes[0].action->only_reads;
    definition_free(definition);
    buffer_free(&text);
    return reads;
}

static void a_query_that_may_change_something_is_a_write(void **state)
{
    static const char *const reading[] = {
        "SELECT 1",
        "/* first */ select a, count(*) from t where b in (1, 2) -- delete",
        "WITH a AS (SELECT 'insert' AS \"update\") SELECT coalesce(b, 1) FROM a",
    };
    static const char *const writing[] = {
        "INSERT INTO t VALUES (1)",
        "WITH a AS (DELETE FROM t RETURNING b) SELECT b FROM a",
        "SELECT nextval('s')",
        "SELECT \"nextval\"('s')",
        "SELECT pg_catalog.setval('s', 1)",
        "SELECT a FROM t FOR UPDATE",
        "SELECT a FROM t FOR KEY SHARE",
        "SELECT a INTO b FROM t",
        "select 1, f /* hidden */ (1)",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof reading / sizeof reading[0]; i++) {
        assert_true(only_reads(reading[i]));
    }
    for (unsigned i = 0; i < sizeof writing / sizeof writing[0]; i++) {
        assert_false(only_reads(writing[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_of_actions_needs_no_collections),
        cmocka_unit_test(a_table_without_a_file_has_rows),
        cmocka_unit_test(takes_say_where_values_are_and_what_they_must_be),
        cmocka_unit_test(defaults_are_values),
        cmocka_unit_test(lists_maps_and_sessions_have_rules_of_their_own),
        cmocka_unit_test(names_become_parameters_of_each_database),
        cmocka_unit_test(items_and_returned_columns_are_bound),
        cmocka_unit_test(answers_are_templates_texts_or_nothing),
        cmocka_unit_test(rows_are_answered_and_queries_only_read),
        cmocka_unit_test(what_is_invalid_has_an_answer),
        cmocka_unit_test(a_query_that_may_change_something_is_a_write),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
