#include "builder/stream.h"

#include "shelf.h"

/* Appends a row as `key|field|field\n`, * before the first row of a key. */
static void append_row(struct buffer *out, const struct collection *collection,
                       const struct stream_row *row)
{
    buffer_append_str(out, row->is_first ? "*" : "");
    buffer_printf(out, "%lld", (long long)row->key.integer);
    for (unsigned i = 0; i < collection->field_count; i++) {
        const struct stream_field *value = &row->fields[i];

        buffer_append_byte(out, '|');
        if (value->is_null) {
            buffer_append_str(out, "null");
        } else if (scalar_is_text(&collection->fields[i].scalar)) {
            buffer_append_slice(out, value->text);
        } else {
            scalar_append(out, &collection->fields[i].scalar, value->integer);
        }
    }
    buffer_append_byte(out, '\n');
}

struct streamed {
    struct buffer text;
    uint64_t duplicates;
    enum err rc;
};

static struct streamed read_all(struct shelf *shelf, const struct collection *collection)
{
    struct streamed result = {.rc = ERR_NONE};
    struct stream *stream = NULL;
    const struct stream_row *row = NULL;

    buffer_init(&result.text, 1 << 20);
    result.rc = stream_open(shelf->source, collection, &everything, &stream, &shelf->msg);
    while (result.rc == ERR_NONE) {
        result.rc = stream_next(stream, &row, &shelf->msg);
        if (result.rc != ERR_NONE || row == NULL) {
            break;
        }
        append_row(&result.text, collection, row);
    }
    result.duplicates = stream == NULL ? 0 : stream_duplicate_names(stream);
    stream_close(stream);
    return result;
}

static void assert_streams(struct shelf *shelf, const char *definition, const char *sql,
                           uint64_t duplicates, const char *expected)
{
    const struct collection *collection = shelf_define(shelf, definition);
    struct streamed result;

    shelf_fill(shelf, sql);
    result = read_all(shelf, collection);
    if (result.rc != ERR_NONE) {
        fail_msg("%s", shelf->msg.text);
    }
    assert_string_equal(buffer_str(&result.text), expected);
    assert_int_equal(result.duplicates, duplicates);
    buffer_free(&result.text);
}

#define ROWS                                                                                       \
    "  x:\n"                                                                                       \
    "    key: k\n"                                                                                 \
    "    rows: SELECT k, id, place FROM t\n"                                                       \
    "    orders: {by_id: [id]}\n"                                                                  \
    "    fields:\n"                                                                                \
    "      id: integer\n"

static const char filled[] = "CREATE TABLE t(k, id, place);"
                             "INSERT INTO t VALUES(1,1,'a'),(1,2,'b'),(2,3,'a'),(2,4,NULL);"
                             "CREATE TABLE u(place, n, name, v);"
                             "INSERT INTO u VALUES('a',2,'y','\"q\"'),('a',1,'x',NULL),"
                             "('a',3,'y','late'),('c',4,'z','lost'),(NULL,5,'z','lost');";

static void parents_with_the_same_join_value_have_the_same_list(void **state)
{
    assert_streams(*state,
                   ROWS "      us:\n"
                        "        rows: SELECT * FROM u\n"
                        "        on: {place: place}\n"
                        "        as: list\n"
                        "        order: [n]\n"
                        "        fields: {n: integer, v: text}\n",
                   filled, 0,
                   "*1|1|[{\"n\":1,\"v\":null},{\"n\":2,\"v\":\"\\\"q\\\"\"},"
                   "{\"n\":3,\"v\":\"late\"}]\n"
                   "1|2|[]\n"
                   "*2|3|[{\"n\":1,\"v\":null},{\"n\":2,\"v\":\"\\\"q\\\"\"},"
                   "{\"n\":3,\"v\":\"late\"}]\n"
                   "2|4|[]\n");
}

static void of_two_members_with_one_name_the_first_stays(void **state)
{
    assert_streams(*state,
                   ROWS "      us:\n"
                        "        rows: SELECT * FROM u\n"
                        "        on: {place: place}\n"
                        "        as: map\n"
                        "        name: {from: name, type: text}\n"
                        "        order: [-n]\n"
                        "        fields: {n: integer}\n",
                   filled, 2,
                   "*1|1|{\"y\":{\"n\":3},\"x\":{\"n\":1}}\n1|2|{}\n"
                   "*2|3|{\"y\":{\"n\":3},\"x\":{\"n\":1}}\n2|4|{}\n");
}

static void values_stand_without_their_object(void **state)
{
    assert_streams(*state,
                   ROWS "      us:\n"
                        "        rows: SELECT * FROM u\n"
                        "        on: {place: place}\n"
                        "        as: list\n"
                        "        order: [n]\n"
                        "        value: v\n"
                        "        fields: {n: {type: integer, hidden: true}, v: text}\n",
                   filled, 0,
                   "*1|1|[null,\"\\\"q\\\"\",\"late\"]\n1|2|[]\n"
                   "*2|3|[null,\"\\\"q\\\"\",\"late\"]\n2|4|[]\n");
}

static void lists_nest_in_maps(void **state)
{
    assert_streams(
        *state,
        ROWS "      us:\n"
             "        rows: SELECT * FROM u\n"
             "        on: {place: place}\n"
             "        as: map\n"
             "        name: {from: name, type: text}\n"
             "        order: [n]\n"
             "        fields:\n"
             "          n: integer\n"
             "          ws:\n"
             "            rows: SELECT 1 AS u, 10 AS w UNION SELECT 1, 11\n"
             "                  UNION SELECT 3, 12\n"
             "            on: {u: n}\n"
             "            as: list\n"
             "            order: [-w]\n"
             "            fields: {w: integer}\n",
        filled, 2,
        "*1|1|{\"x\":{\"n\":1,\"ws\":[{\"w\":11},{\"w\":10}]},\"y\":{\"n\":2,\"ws\":[]}}\n"
        "1|2|{}\n"
        "*2|3|{\"x\":{\"n\":1,\"ws\":[{\"w\":11},{\"w\":10}]},\"y\":{\"n\":2,\"ws\":[]}}\n"
        "2|4|{}\n");
}

static void a_ratio_is_null_where_nothing_was_counted(void **state)
{
    assert_streams(*state,
                   "  x:\n"
                   "    key: k\n"
                   "    rows: SELECT * FROM t\n"
                   "    fields:\n"
                   "      mean: {type: ratio, of: [total, votes], scale: 3}\n",
                   "CREATE TABLE t(k, total, votes);"
                   "INSERT INTO t VALUES(1,10,3),(2,0,0),(3,5,0),(4,NULL,1),(5,1,NULL),(6,0,4);",
                   0, "*1|\"3.333\"\n*2|null\n*3|null\n*4|null\n*5|null\n*6|\"0.000\"\n");
}

static void what_the_definition_cannot_take_is_refused(void **state)
{
    static const struct {
        const char *row;
        enum err code;
        const char *message;
    } cases[] = {
        {"(NULL, 1)", ERR_REFUSED,
         "x: key column k: 1 row without a key; mend the source, or leave such rows out with WHERE "
         "k IS NOT NULL"},
        {"(1, 'abc')", ERR_INPUT, "x: key 1: column id: \"abc\" is not an integer"},
        {"(5, 6), (5, 6)", ERR_INPUT,
         "x: key 5: two rows are equal in the order by_id; end it with a field that "
         "is different in every row"},
        {"('z', 1)", ERR_INPUT, "x: key column k: \"z\" is not an integer"},
    };
    struct shelf *shelf = *state;
    const struct collection *collection = shelf_define(shelf, "  x:\n"
                                                              "    key: k\n"
                                                              "    rows: SELECT k, id FROM t\n"
                                                              "    orders: {by_id: [id]}\n"
                                                              "    fields: {id: integer}\n");

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct streamed result;
        char sql[256];

        snprintf(sql, sizeof sql,
                 "DROP TABLE IF EXISTS t; CREATE TABLE t(k, id); INSERT INTO t VALUES %s",
                 cases[i].row);
        source_close(shelf->source);
        shelf_fill(shelf, sql);
        result = read_all(shelf, collection);
        assert_int_equal(result.rc, cases[i].code);
        assert_string_equal(shelf->msg.text, cases[i].message);
        buffer_free(&result.text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shelf_setup, shelf_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parents_with_the_same_join_value_have_the_same_list),
        TEST(of_two_members_with_one_name_the_first_stays),
        TEST(values_stand_without_their_object),
        TEST(lists_nest_in_maps),
        TEST(a_ratio_is_null_where_nothing_was_counted),
        TEST(what_the_definition_cannot_take_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
