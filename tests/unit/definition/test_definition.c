#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include <stdlib.h>

#include "base/buffer.h"
#include "base/file.h"
#include "definition/definition.h"

static int load_atelier(void **state)
{
    struct errmsg msg = {""};
    struct definition *definition = NULL;

    if (definition_load(TEST_ASSETS "/atelier/definition.yaml", &definition, &msg) != ERR_NONE) {
        print_error("%s\n", msg.text);
        return -1;
    }
    *state = definition;
    return 0;
}

static int free_definition(void **state)
{
    definition_free(*state);
    return 0;
}

static struct definition *parse(const char *text)
{
    struct errmsg msg = {""};
    struct definition *definition = NULL;

    if (definition_parse("t.yaml", slice_str(text), &definition, &msg) != ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    return definition;
}

/* A template as text: references in angle brackets. */
static const char *shown(struct buffer *out, const struct route *route,
                         const struct template *template)
{
    static const char *const names[] = {"",      "key",   "key.text", "page.number", "page.index",
                                        "count", "total", "rows",     "row"};

    buffer_clear(out);
    for (unsigned i = 0; i < template->count; i++) {
        const struct template_part *part = &template->parts[i];

        if (part->kind == TEMPLATE_LITERAL) {
            buffer_append_slice(out, part->literal);
        } else if (part->kind == TEMPLATE_FIELD) {
            buffer_printf(out, "<%.*s>", SLICE_ARG(route->collection->fields[part->field].name));
        } else {
            buffer_printf(out, "<%s>", names[part->kind]);
        }
    }
    return buffer_str(out);
}

static const struct route *route_of(const struct definition *definition, const char *path)
{
    for (unsigned i = 0; i < definition->route_count; i++) {
        if (definition->routes[i].action == NULL && slice_is(definition->routes[i].path, path)) {
            return &definition->routes[i];
        }
    }
    fail_msg("no route %s", path);
    return NULL;
}

static const struct collection *collection_of(const struct definition *definition, const char *name)
{
    const struct collection *collection = definition_collection(definition, slice_str(name));

    assert_non_null(collection);
    return collection;
}

static void assert_slice(struct slice slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_memory_equal(slice.ptr, text, slice.len);
}

static void the_storefront_loads_whole(void **state)
{
    const struct definition *definition = *state;

    assert_slice(definition->name, "atelier");
    assert_int_equal(definition->table_count, 15);
    assert_int_equal(definition->collection_count, 7);
    assert_int_equal(definition->route_count, 22);
    assert_memory_equal(definition->text.ptr, "# The Atelier storefront", 24);
    assert_null(definition_collection(definition, slice_str("nothing")));
}

static void tables_keep_types_headers_bounds_and_indexes(void **state)
{
    const struct definition *definition = *state;
    const struct table *styles = &definition->tables[2];
    const struct table *values = &definition->tables[9];

    assert_slice(styles->file, "styles.csv");
    assert_int_equal(styles->primary_key, 0);
    assert_int_equal(styles->column_count, 6);
    assert_slice(styles->columns[1].name, "product_id");
    assert_slice(styles->columns[1].header, "productId");
    assert_true(styles->columns[1].is_required);
    assert_int_equal(styles->columns[3].type, COLUMN_DECIMAL);
    assert_int_equal(styles->columns[3].scale, 2);
    assert_slice(styles->columns[3].header, "sale_price");
    assert_int_equal(styles->index_count, 1);
    assert_int_equal(styles->indexes[0].column_count, 1);
    assert_int_equal(styles->indexes[0].columns[0], 1);
    assert_true(values->columns[3].has_bounds);
    assert_int_equal(values->columns[3].least, 1);
    assert_int_equal(values->columns[3].most, 5);
    assert_false(values->columns[2].has_bounds);
}

static void hidden_fields_have_no_vector(void **state)
{
    const struct collection *related = collection_of(*state, "related");

    assert_int_equal(related->field_count, 2);
    assert_int_equal(related->vector_count, 1);
    assert_true(related->fields[0].is_hidden);
    assert_int_equal(related->fields[0].vector, -1);
    assert_int_equal(related->fields[1].vector, 0);
}

static void orders_name_fields_and_directions(void **state)
{
    const struct collection *reviews = collection_of(*state, "reviews");
    const struct order *relevant = &reviews->orders[0];

    assert_false(collection_is_document(reviews));
    assert_int_equal(reviews->order_count, 3);
    assert_slice(relevant->name, "relevant");
    assert_int_equal(relevant->term_count, 3);
    assert_slice(reviews->fields[relevant->terms[0].field].name, "helpfulness");
    assert_true(relevant->terms[0].descending);
    assert_slice(reviews->fields[relevant->terms[2].field].name, "review_id");
    assert_slice(reviews->fields[relevant->terms[2].field].column, "id");
    assert_false(relevant->terms[2].descending);
}

static void documents_have_listings(void **state)
{
    const struct collection *products = collection_of(*state, "products");

    assert_true(collection_is_document(products));
    assert_int_equal(products->listing_count, 1);
    assert_slice(products->listings[0].order.name, "by_id");
    assert_int_equal(products->listings[0].order.terms[0].field, 0);
    assert_int_equal(products->keys.len, 0);
    assert_slice(collection_of(*state, "styles")->keys, "SELECT id AS product_id FROM products");
}

static void nested_rows_are_lists_maps_and_values(void **state)
{
    const struct collection *questions = collection_of(*state, "questions");
    const struct nested *answers = questions->fields[5].nested;
    const struct nested *photos;

    assert_non_null(answers);
    assert_int_equal(answers->shape, NESTED_MAP);
    assert_slice(answers->name.column, "id");
    assert_int_equal(answers->name.scalar.type, SCALAR_INTEGER);
    assert_int_equal(answers->on_count, 1);
    assert_slice(answers->on[0].child_column, "question_id");
    assert_slice(answers->on[0].parent_column, "id");
    assert_false(answers->is_value);
    assert_int_equal(answers->field_count, 6);
    photos = answers->fields[5].nested;
    assert_non_null(photos);
    assert_int_equal(photos->shape, NESTED_LIST);
    assert_true(photos->is_value);
    assert_int_equal(photos->value_field, 1);
    assert_int_equal(photos->order.term_count, 1);
    assert_slice(photos->rows, "SELECT id, answer_id, url FROM answers_photos");
}

static void ratios_divide_one_column_by_another(void **state)
{
    const struct collection *meta = collection_of(*state, "reviews_meta");
    const struct field *value = &meta->fields[2].nested->fields[1];

    assert_int_equal(value->scalar.type, SCALAR_RATIO);
    assert_int_equal(value->scalar.scale, 16);
    assert_slice(value->column, "total");
    assert_slice(value->divisor, "votes");
    assert_true(meta->fields[0].nested->fields[1].scalar.is_quoted);
}

static void paths_are_split_into_segments(void **state)
{
    const struct route *route = route_of(*state, "/products/:product_id/styles");

    assert_int_equal(route->segment_count, 3);
    assert_slice(route->segments[0].text, "products");
    assert_true(route->segments[1].is_parameter);
    assert_slice(route->segments[1].text, "product_id");
    assert_false(route->segments[2].is_parameter);
    assert_true(route->key.is_present && route->key.in_path);
    assert_int_equal(route->key.segment, 1);
}

static void requests_have_defaults_and_limits(void **state)
{
    const struct route *reviews = route_of(*state, "/reviews");
    const struct route *products = route_of(*state, "/products");

    assert_slice(reviews->order.name, "sort");
    assert_int_equal(reviews->default_order, 0);
    assert_slice(reviews->key.name, "product_id");
    assert_false(reviews->key.in_path);
    assert_int_equal(reviews->default_page, 1);
    assert_int_equal(reviews->default_count, 5);
    assert_int_equal(reviews->most_count, 10000);
    assert_int_equal(reviews->invalid_key.status, 422);
    assert_slice(reviews->invalid_key.text, "Error: invalid product_id provided");
    assert_int_equal(reviews->missing.status, 0);
    assert_int_equal(reviews->listing, -1);
    assert_int_equal(products->listing, 0);
    assert_false(products->key.is_present);
}

static void routes_say_how_long_answers_are_kept(void **state)
{
    static const struct {
        const char *lines;
        int64_t age_s;
        int64_t stale_s;
    } cases[] = {
        {"    from: books\n    key: {query: id}\n", 0, 0},
        {"    from: books\n    key: {query: id}\n    cache: 90s\n", 90, 0},
        {"    from: books\n    keys: {query: ids}\n    cache: {age: 2m}\n", 120, 0},
        {"    key: {query: id}\n    parts: {a: {from: books}}\n    cache: {stale: 1d, age: 1h}\n",
         3600, 86400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct definition *definition;
        struct errmsg msg;
        char text[512];

        snprintf(text, sizeof text,
                 "name: a\ncollections:\n  books:\n    key: id\n    rows: SELECT id FROM books\n"
                 "    fields: {id: integer}\nroutes:\n  - get: /books\n%s",
                 cases[i].lines);
        assert_int_equal(definition_parse("a", slice_str(text), &definition, &msg), ERR_NONE);
        assert_int_equal(definition->routes[0].cache.age_s, cases[i].age_s);
        assert_int_equal(definition->routes[0].cache.stale_s, cases[i].stale_s);
        definition_free(definition);
    }
}

static void templates_are_flattened(void **state)
{
    static const struct {
        const char *path;
        const char *row;
        const char *answer;
    } cases[] = {
        {"/products",
         "{\"id\":<id>,\"name\":<name>,\"slogan\":<slogan>,\"description\":<description>,"
         "\"category\":<category>,\"default_price\":<default_price>}",
         "<rows>"},
        {"/products/:product_id/related", "<related_id>", "<rows>"},
        {"/products/:product_id/styles",
         "{\"style_id\":<style_id>,\"name\":<name>,\"original_price\":<original_price>,"
         "\"sale_price\":<sale_price>,\"default?\":<default?>,\"photos\":<photos>,"
         "\"skus\":<skus>}",
         "{\"product_id\":<key.text>,\"results\":<rows>}"},
        {"/reviews",
         "{\"review_id\":<review_id>,\"rating\":<rating>,\"summary\":<summary>,"
         "\"recommend\":<recommend>,\"response\":<response>,\"body\":<body>,\"date\":<date>,"
         "\"reviewer_name\":<reviewer_name>,\"helpfulness\":<helpfulness>,\"photos\":<photos>}",
         "{\"product\":<key.text>,\"page\":<page.index>,\"count\":<count>,\"results\":<rows>}"},
        {"/reviews/meta",
         "{\"ratings\":<ratings>,\"recommended\":<recommended>,"
         "\"characteristics\":<characteristics>}",
         "{\"product_id\":<key.text>,\"ratings\":<ratings>,\"recommended\":<recommended>,"
         "\"characteristics\":<characteristics>}"},
        {"/qa/questions",
         "{\"question_id\":<question_id>,\"question_body\":<question_body>,"
         "\"question_date\":<question_date>,\"asker_name\":<asker_name>,"
         "\"question_helpfulness\":<question_helpfulness>,\"reported\":false,"
         "\"answers\":<answers>}",
         "{\"product_id\":<key.text>,\"results\":<rows>}"},
    };
    struct buffer out;

    buffer_init(&out, 4096);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct route *route = route_of(*state, cases[i].path);

        assert_string_equal(shown(&out, route, &route->row), cases[i].row);
        assert_string_equal(shown(&out, route, &route->answer), cases[i].answer);
    }
    buffer_free(&out);
}

static const char small[] = "name: shelf\n"
                            "collections:\n"
                            "  books:\n"
                            "    key: {column: isbn, type: text}\n"
                            "    rows: |\n"
                            "      WITH b AS (SELECT 1) SELECT * FROM b\n"
                            "    fields:\n"
                            "      isbn: text\n"
                            "      n.o: {from: nr, type: integer}\n"
                            "      tags: {rows: select 1, on: {isbn: isbn}, as: values,\n"
                            "             order: [tag], fields: {tag: text}, value: tag}\n"
                            "routes:\n"
                            "  - {get: /, from: books, key: {query: isbn}}\n"
                            "  - get: /books/:isbn\n"
                            "    from: books\n"
                            "    key: {path: isbn}\n"
                            "    answer: {a\"b: [1.50, -0, 1e3, 01, 'true', true, \"\", null],\n"
                            "             $c: $$row, d: $row.n.o, e: {}, f: [], g: \"\\u0007\"}\n";

static void what_is_left_away_has_its_default(void **state)
{
    struct definition *definition = parse(small);
    const struct route *route = &definition->routes[0];
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    assert_int_equal(definition->table_count, 0);
    assert_true(definition->collections[0].key_is_text);
    assert_slice(definition->collections[0].rows, "WITH b AS (SELECT 1) SELECT * FROM b");
    assert_int_equal(route->segment_count, 0);
    assert_int_equal(route->invalid_key.status, 400);
    assert_slice(route->invalid_key.text, "Error: invalid isbn");
    assert_string_equal(shown(&out, route, &route->answer), "<row>");
    assert_string_equal(shown(&out, route, &route->row),
                        "{\"isbn\":<isbn>,\"n.o\":<n.o>,\"tags\":<tags>}");
    buffer_free(&out);
    definition_free(definition);
}

static void values_is_a_list_of_one_field(void **state)
{
    struct definition *definition = parse(small);
    const struct nested *tags = definition->collections[0].fields[2].nested;

    (void)state;
    assert_int_equal(tags->shape, NESTED_LIST);
    assert_true(tags->is_value);
    assert_int_equal(tags->value_field, 0);
    definition_free(definition);
}

static void literals_are_json_without_blanks(void **state)
{
    struct definition *definition = parse(small);
    const struct route *route = &definition->routes[1];
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    assert_string_equal(shown(&out, route, &route->answer),
                        "{\"a\\\"b\":[1.50,-0,1e3,\"01\",\"true\",true,\"\",null],"
                        "\"$c\":\"$row\",\"d\":<n.o>,\"e\":{},\"f\":[],\"g\":\"\\u0007\"}");
    assert_int_equal(route->answer.count, 3);
    buffer_free(&out);
    definition_free(definition);
}

static void the_other_definitions_load(void **state)
{
    static const char *const paths[] = {
        TEST_ASSETS "/library/definition.yaml",
        TEST_ASSETS "/pex/definition.yaml",
        TEST_DATA "/unit/definition/good.yaml",
        TEST_DATA "/fuzz/corpus/definition/features.yaml",
        TEST_DATA "/fuzz/corpus/definition/listing.yaml",
        TEST_DATA "/fuzz/corpus/definition/nested.yaml",
        TEST_DATA "/fuzz/corpus/definition/orders.yaml",
        TEST_DATA "/fuzz/corpus/definition/tables.yaml",
        TEST_DATA "/fuzz/corpus/definition/text_key.yaml",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct definition *definition = NULL;
        struct errmsg msg = {""};

        if (definition_load(paths[i], &definition, &msg) != ERR_NONE) {
            fail_msg("%s", msg.text);
        }
        definition_free(definition);
    }
}

static void the_example_of_the_reference_loads(void **state)
{
    struct buffer text;
    struct errmsg msg = {""};
    const char *begin;
    const char *end;
    struct definition *definition = NULL;

    (void)state;
    buffer_init(&text, DEFINITION_SIZE_MAX);
    assert_int_equal(file_read(TEST_ASSETS "/../docs/definition.md", &text, &msg), ERR_NONE);
    begin = strstr(buffer_str(&text), "```yaml\n");
    assert_non_null(begin);
    begin += strlen("```yaml\n");
    end = strstr(begin, "```");
    assert_non_null(end);
    if (definition_parse("definition.md", slice_of(begin, (size_t)(end - begin)), &definition,
                         &msg) != ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    assert_int_equal(definition->route_count, 5);
    definition_free(definition);
    buffer_free(&text);
}

static void a_file_that_is_not_there_is_a_system_error(void **state)
{
    struct definition *definition = NULL;
    struct errmsg msg = {""};

    (void)state;
    assert_int_equal(definition_load(TEST_DATA "/none.yaml", &definition, &msg), ERR_SYSTEM);
    assert_non_null(strstr(msg.text, "/none.yaml: No such file or directory"));
    definition_free(NULL);
}

/* Loads or is refused with a place; leaks and overruns are what the sanitizers find. */
static void survives(const char *text, size_t size)
{
    struct definition *definition = NULL;
    struct errmsg msg = {""};
    enum err rc = definition_parse("t.yaml", slice_of(text, size), &definition, &msg);

    if (rc == ERR_NONE) {
        definition_free(definition);
        return;
    }
    assert_int_equal(rc, ERR_DEFINITION);
    assert_memory_equal(msg.text, "t.yaml:", 7);
    assert_null(definition);
}

static void every_truncation_loads_or_is_refused(void **state)
{
    const struct definition *definition = *state;

    for (size_t size = 0; size < definition->text.len; size += 7) {
        char *copy = malloc(size + 1); /* so that reading past the end is found */

        memcpy(copy, definition->text.ptr, size);
        survives(copy, size);
        free(copy);
    }
}

static void every_changed_byte_loads_or_is_refused(void **state)
{
    static const char bytes[] = {'\0', '\n', ' ', '"', '-', ':', '[', '}', '$', '9', 'z', '\xc3'};
    char copy[sizeof small - 1];

    (void)state;
    memcpy(copy, small, sizeof copy);
    for (size_t at = 0; at < sizeof copy; at++) {
        for (unsigned i = 0; i < sizeof bytes; i++) {
            copy[at] = bytes[i];
            survives(copy, sizeof copy);
        }
        copy[at] = small[at];
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_storefront_loads_whole),
        cmocka_unit_test(tables_keep_types_headers_bounds_and_indexes),
        cmocka_unit_test(hidden_fields_have_no_vector),
        cmocka_unit_test(orders_name_fields_and_directions),
        cmocka_unit_test(documents_have_listings),
        cmocka_unit_test(nested_rows_are_lists_maps_and_values),
        cmocka_unit_test(ratios_divide_one_column_by_another),
        cmocka_unit_test(paths_are_split_into_segments),
        cmocka_unit_test(requests_have_defaults_and_limits),
        cmocka_unit_test(templates_are_flattened),
        cmocka_unit_test(routes_say_how_long_answers_are_kept),
        cmocka_unit_test(what_is_left_away_has_its_default),
        cmocka_unit_test(values_is_a_list_of_one_field),
        cmocka_unit_test(literals_are_json_without_blanks),
        cmocka_unit_test(the_other_definitions_load),
        cmocka_unit_test(the_example_of_the_reference_loads),
        cmocka_unit_test(a_file_that_is_not_there_is_a_system_error),
        cmocka_unit_test(every_truncation_loads_or_is_refused),
        cmocka_unit_test(every_changed_byte_loads_or_is_refused),
    };

    return cmocka_run_group_tests(tests, load_atelier, free_definition);
}
