/* Every limit of definition.h: at it a definition loads, one above it is refused with its place. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "definition/definition.h"

/* HEAD, then COUNT times ITEM with %u in it for the number, then TAIL. */
struct repeated {
    const char *head;
    const char *item;
    const char *tail;
    unsigned most;
    const char *message; /* at most + 1 */
};

#define ONE_FIELD                                                                                  \
    "name: t\ncollections:\n  t:\n    key: id\n    rows: SELECT 1\n    fields: {id: integer, "     \
    "a0: integer, a1: integer, a2: integer, a3: integer, a4: integer, a5: integer, a6: integer, "  \
    "a7: integer, a8: integer}\n"
#define SEVENTEEN_COLUMNS                                                                          \
    "c0: text, c1: text, c2: text, c3: text, c4: text, c5: text, c6: text, c7: text, c8: text, "   \
    "c9: text, c10: text, c11: text, c12: text, c13: text, c14: text, c15: text, c16: text"
#define ONE_COLLECTION "collections: {t: {key: id, rows: SELECT 1, fields: {id: integer}}}\n"

static const struct repeated limits[] = {
    {"name: t\n" ONE_COLLECTION "checks:\n  requests:\n", "    - get: /r%u\n", "",
     DEFINITION_REQUESTS_MAX, "t.yaml:5:5: `requests` has 257 entries; at most 256 fit"},
    {"name: t\ncollections:\n", "  t%u: {key: id, rows: SELECT 1, fields: {id: integer}}\n", "",
     DEFINITION_COLLECTIONS_MAX, "t.yaml:3:3: `collections` has 65 entries; at most 64 fit"},
    {"name: t\ncollections:\n  t:\n    key: id\n    rows: SELECT 1\n    fields:\n",
     "      f%u: integer\n", "", DEFINITION_FIELDS_MAX,
     "t.yaml:7:7: `fields` has 65 entries; at most 64 fit"},
    {ONE_FIELD "    orders:\n", "      o%u: [id]\n", "", DEFINITION_ORDERS_MAX,
     "t.yaml:8:7: `orders` has 9 entries; at most 8 fit"},
    {ONE_FIELD "    listings:\n", "      o%u: [id]\n", "", DEFINITION_LISTINGS_MAX,
     "t.yaml:8:7: `listings` has 9 entries; at most 8 fit"},
    {ONE_FIELD "    orders:\n      o:\n", "        - a%u\n", "", DEFINITION_TERMS_MAX,
     "t.yaml:9:9: an order has 9 entries; at most 8 fit"},
    {"name: t\n" ONE_COLLECTION "routes:\n", "  - {get: /r%u, from: t, key: {query: id}}\n", "",
     DEFINITION_ROUTES_MAX, "t.yaml:4:3: `routes` has 257 entries; at most 256 fit"},
    {"name: t\n" ONE_COLLECTION "routes:\n  - from: t\n    key: {query: id}\n    get: ", "/s%u",
     "\n", DEFINITION_SEGMENTS_MAX,
     "t.yaml:6:10: the path has more than 16 segments; write a shorter one"},
    {"name: t\n" ONE_COLLECTION "tables:\n", "  t%u: {file: t.csv, columns: {id: integer}}\n", "",
     DEFINITION_TABLES_MAX, "t.yaml:4:3: `tables` has 257 entries; at most 256 fit"},
    {"name: t\n" ONE_COLLECTION "tables:\n  t:\n    file: t.csv\n    columns:\n",
     "      c%u: integer\n", "", DEFINITION_COLUMNS_MAX,
     "t.yaml:7:7: `columns` has 257 entries; at most 256 fit"},
    {"name: t\n" ONE_COLLECTION "tables:\n  t:\n    file: t.csv\n    columns: {" SEVENTEEN_COLUMNS
     "}\n    indexes:\n",
     "      - [c%u]\n", "", DEFINITION_INDEXES_MAX,
     "t.yaml:8:7: `indexes` has 17 entries; at most 16 fit"},
    {"name: t\ncollections:\n  t:\n    key: id\n    rows: SELECT 1\n    fields:\n      n:\n"
     "        rows: SELECT 1\n        as: list\n        order: [id]\n"
     "        fields: {id: integer}\n        on:\n",
     "          c%u: id\n", "", DEFINITION_JOINS_MAX,
     "t.yaml:13:11: `on` has 5 entries; at most 4 fit"},
    {"name: t\n" ONE_COLLECTION
     "routes:\n  - get: /t\n    from: t\n    key: {query: id}\n    answer: [",
     "$row, $key.text, # %u\n      ", "]\n", DEFINITION_PARTS_MAX / 4 - 1, NULL},
    {"name: ", "n", "\n" ONE_COLLECTION, DEFINITION_NAME_MAX, NULL},
};

static enum err load(const struct repeated *limit, unsigned count, struct errmsg *msg)
{
    struct definition *definition = NULL;
    struct buffer text;
    enum err rc;

    buffer_init(&text, DEFINITION_SIZE_MAX);
    buffer_append_str(&text, limit->head);
    for (unsigned i = 0; i < count; i++) {
        const char *number = strstr(limit->item, "%u");
        size_t before = number == NULL ? strlen(limit->item) : (size_t)(number - limit->item);

        buffer_append(&text, limit->item, before);
        if (number != NULL) {
            buffer_printf(&text, "%u%s", i, number + 2);
        }
    }
    buffer_append_str(&text, limit->tail);
    rc = definition_parse("t.yaml", buffer_slice(&text), &definition, msg);
    if (rc == ERR_NONE) {
        definition_free(definition);
    }
    buffer_free(&text);
    return rc;
}

static void what_is_at_its_limit_loads(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct errmsg msg = {""};

        if (load(&limits[i], limits[i].most, &msg) != ERR_NONE) {
            fail_msg("%s", msg.text);
        }
    }
}

static void what_is_above_its_limit_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct errmsg msg = {""};

        if (limits[i].message != NULL) {
            assert_int_equal(load(&limits[i], limits[i].most + 1, &msg), ERR_DEFINITION);
            assert_string_equal(msg.text, limits[i].message);
        }
    }
}

static void longer_names_and_templates_are_refused(void **state)
{
    const struct repeated *parts = &limits[sizeof limits / sizeof limits[0] - 2];
    const struct repeated *name = parts + 1;
    struct errmsg msg = {""};

    (void)state;
    assert_int_equal(load(parts, DEFINITION_PARTS_MAX, &msg), ERR_DEFINITION);
    assert_non_null(
        strstr(msg.text, ": the template has more than 1024 parts; write a smaller one"));
    assert_int_equal(load(name, DEFINITION_NAME_MAX + 1, &msg), ERR_DEFINITION);
    assert_string_equal(msg.text, "t.yaml:1:7: `name` cannot be "
                                  "\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...\"; write at most "
                                  "63 letters, digits and _, no digit first");
}

static void rows_nested_three_deep_are_refused(void **state)
{
    static const char text[] =
        "name: t\ncollections:\n  t:\n    key: id\n    rows: SELECT 1\n    fields:\n"
        "      a:\n        {rows: SELECT 1, on: {i: i}, as: list, order: [i], fields: {i: text,\n"
        "        b: {rows: SELECT 1, on: {i: i}, as: list, order: [i], fields: {i: text,\n"
        "        c: {rows: SELECT 1, on: {i: i}, as: list, order: [i], fields: {i: text}}}}}}\n";
    struct definition *definition = NULL;
    struct errmsg msg = {""};

    (void)state;
    assert_int_equal(definition_parse("t.yaml", slice_str(text), &definition, &msg),
                     ERR_DEFINITION);
    assert_string_equal(msg.text,
                        "t.yaml:10:12: rows are nested 3 deep; at most 2 fit, so join them in SQL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_at_its_limit_loads),
        cmocka_unit_test(what_is_above_its_limit_is_refused),
        cmocka_unit_test(longer_names_and_templates_are_refused),
        cmocka_unit_test(rows_nested_three_deep_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
