#include "builder/keys.h"

#include "shelf.h"

static const char integers[] = "  x:\n"
                               "    key: k\n"
                               "    rows: SELECT k, v FROM t\n"
                               "    keys: SELECT k FROM all_keys\n"
                               "    fields: {v: integer}\n";

static const char texts[] = "  x:\n"
                            "    key: {column: k, type: text}\n"
                            "    rows: SELECT k, v FROM t\n"
                            "    keys: SELECT k FROM all_keys\n"
                            "    fields: {v: integer}\n";

/* Appends the keys before LIMIT as "1 2 3 ". */
static enum err take(struct keys *keys, const struct key *limit, struct buffer *out,
                     struct errmsg *msg)
{
    for (;;) {
        const struct key *key;
        enum err rc = keys_before(keys, limit, &key, msg);

        if (rc != ERR_NONE || key == NULL) {
            return rc;
        }
        if (key->is_text) {
            buffer_append_slice(out, key->text);
        } else {
            buffer_printf(out, "%lld", (long long)key->integer);
        }
        buffer_append_byte(out, ' ');
    }
}

static void assert_keys(struct shelf *shelf, const char *definition, const char *values,
                        const struct key *limits, unsigned limit_count, const char *expected)
{
    const struct collection *collection = shelf_define(shelf, definition);
    struct keys *keys = NULL;
    struct buffer sql;
    struct buffer out;

    buffer_init(&sql, 4096);
    buffer_init(&out, 4096);
    buffer_printf(&sql, "CREATE TABLE all_keys(k); INSERT INTO all_keys VALUES %s", values);
    shelf_fill(shelf, buffer_str(&sql));
    OK(keys_open(shelf->source, collection, &everything, &keys, &shelf->msg));
    for (unsigned i = 0; i < limit_count; i++) {
        OK(take(keys, &limits[i], &out, &shelf->msg));
        buffer_append_str(&out, "| ");
    }
    OK(take(keys, NULL, &out, &shelf->msg));
    assert_string_equal(buffer_str(&out), expected);
    keys_close(keys);
    buffer_free(&sql);
    buffer_free(&out);
}

static void keys_merge_between_the_rows_that_there_are(void **state)
{
    static const struct key limits[] = {
        {.integer = -5}, {.integer = 3}, {.integer = 4}, {.integer = 9}};

    assert_keys(*state, integers, "(7),(3),(1),(1),(10),(-9),(2),(3),(9)", limits, 4,
                "-9 | 1 2 | | 7 | 10 ");
}

static void text_keys_merge_bytewise_and_once_each(void **state)
{
    static const struct key limits[] = {{.is_text = true, .text = {"b", 1}}};

    assert_keys(*state, texts, "('a'),('B'),('a'),('b'),('ba'),('\xc3\xa9'),('')", limits, 1,
                " B a | ba \xc3\xa9 ");
}

static void without_keys_the_stream_is_empty(void **state)
{
    struct shelf *shelf = *state;
    const struct collection *collection =
        shelf_define(shelf, "  x:\n    key: k\n    rows: SELECT k, v FROM t\n"
                            "    fields: {v: integer}\n");
    struct keys *keys = NULL;
    const struct key *key = &(const struct key){.integer = 1};

    shelf_fill(shelf, "CREATE TABLE t(k, v); INSERT INTO t VALUES(1, 1)");
    OK(keys_open(shelf->source, collection, &everything, &keys, &shelf->msg));
    OK(keys_before(keys, NULL, &key, &shelf->msg));
    assert_null(key);
    keys_close(keys);
}

static void a_null_key_and_one_of_another_type_are_refused(void **state)
{
    static const struct {
        const char *definition;
        const char *value;
        enum err code;
        const char *message;
    } cases[] = {
        {integers, "NULL", ERR_REFUSED,
         "x: keys: key column k: 1 row without a key; mend the source, or leave such rows out with "
         "WHERE k IS NOT NULL"},
        {integers, "'abc'", ERR_INPUT, "x: keys: key column k: \"abc\" is not an integer"},
        {texts, "7", ERR_INPUT, "x: keys: key column k: a number where the key is text"},
        {texts, "CAST(x'ff' AS TEXT)", ERR_INPUT,
         "x: keys: key column k: a key that is not valid UTF-8 text"},
    };
    struct shelf *shelf = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct keys *keys = NULL;
        const struct key *key;
        char sql[256];

        snprintf(sql, sizeof sql,
                 "DROP TABLE IF EXISTS all_keys; CREATE TABLE all_keys(k);"
                 "INSERT INTO all_keys VALUES(%s)",
                 cases[i].value);
        source_close(shelf->source);
        definition_free(shelf->definition);
        shelf_define(shelf, cases[i].definition);
        shelf_fill(shelf, sql);
        OK(keys_open(shelf->source, &shelf->definition->collections[0], &everything, &keys,
                     &shelf->msg));
        assert_int_equal(keys_before(keys, NULL, &key, &shelf->msg), cases[i].code);
        assert_string_equal(shelf->msg.text, cases[i].message);
        keys_close(keys);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shelf_setup, shelf_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_merge_between_the_rows_that_there_are),
        TEST(text_keys_merge_bytewise_and_once_each),
        TEST(without_keys_the_stream_is_empty),
        TEST(a_null_key_and_one_of_another_type_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
