#include "builder/key_range.h"

#include <string.h>

#include "builder/query.h"
#include "shelf.h"

static const char by_number[] = "  x:\n"
                                "    key: id\n"
                                "    rows: SELECT id, n FROM t\n"
                                "    fields: {n: integer}\n"
                                "    orders: {by_n: [n]}\n";

static const char by_text[] = "  x:\n"
                              "    key: {column: id, type: text}\n"
                              "    rows: SELECT id, n FROM t\n"
                              "    fields: {n: integer}\n"
                              "    orders: {by_n: [n]}\n";

static void append_key(struct buffer *out, const struct key *key)
{
    if (key->is_text) {
        buffer_append_slice(out, key->text);
    } else {
        buffer_printf(out, "%lld", (long long)key->integer);
    }
}

/* "[..5):3 [5..):1" for a range up to 5 of 3 rows and the rest of 1; * says that it has a base. */
static char *describe(const struct key_ranges *ranges)
{
    struct buffer text;
    char *copy;

    buffer_init(&text, 4096);
    for (unsigned i = 0; i < ranges->count; i++) {
        const struct key_range *range = &ranges->items[i];

        buffer_append_str(&text, i > 0 ? " [" : "[");
        if (range->has_low) {
            append_key(&text, &range->low);
        }
        buffer_append_str(&text, "..");
        if (range->has_high) {
            append_key(&text, &range->high);
        }
        buffer_printf(&text, "):%llu", (unsigned long long)range->row_count);
        if (range->base != NULL) {
            assert_true(slice_equal(range->path, range->base->path));
            buffer_append_byte(&text, '*');
        }
    }
    copy = strdup(buffer_str(&text));
    buffer_free(&text);
    return copy;
}

static enum err read_ranges_of(struct shelf *shelf, const char *collection, const char *sql,
                               uint64_t rows_max, const struct key_bases *bases,
                               struct key_ranges *out)
{
    const struct collection *defined = shelf_define(shelf, collection);
    struct progress progress;
    enum err rc;

    shelf_fill(shelf, sql);
    progress_begin(&progress, "x", "keys", 0);
    rc = key_ranges_read(shelf->source, defined, rows_max, bases, &progress, out, &shelf->msg);
    progress_end(&progress);
    return rc;
}

static enum err read_ranges(struct shelf *shelf, const char *collection, const char *sql,
                            uint64_t rows_max, struct key_ranges *out)
{
    return read_ranges_of(shelf, collection, sql, rows_max, &(struct key_bases){.count = 0}, out);
}

static void assert_ranges(struct shelf *shelf, const char *collection, const char *sql,
                          uint64_t rows_max, const char *expected)
{
    struct key_ranges ranges;
    char *text;

    OK(read_ranges(shelf, collection, sql, rows_max, &ranges));
    text = describe(&ranges);
    assert_string_equal(text, expected);
    free(text);
    key_ranges_free(&ranges);
}

static void a_range_ends_before_the_key_that_would_take_it_over_the_limit(void **state)
{
    assert_ranges(*state, by_number,
                  "CREATE TABLE t (id, n);"
                  "INSERT INTO t VALUES (7, 1), (-3, 1), (-3, 2), (5, 1), (5, 2), (9, 1), (8, 1)",
                  3, "[..5):2 [5..8):3 [8..):2");
}

static void a_key_of_more_rows_than_a_range_takes_stands_alone(void **state)
{
    assert_ranges(*state, by_number,
                  "CREATE TABLE t (id, n);"
                  "INSERT INTO t VALUES (1, 1), (2, 1), (2, 2), (2, 3), (2, 4), (3, 1)",
                  3, "[..2):1 [2..3):4 [3..):1");
}

static void texts_are_divided_bytewise(void **state)
{
    assert_ranges(*state, by_text,
                  "CREATE TABLE t (id TEXT COLLATE NOCASE, n);"
                  "INSERT INTO t VALUES ('b', 1), ('B', 1), ('a', 1), ('\xc3\xa4', 1), ('', 1)",
                  2, "[..a):2 [a..\xc3\xa4):2 [\xc3\xa4..):1");
}

static void without_rows_there_is_one_range_of_all_keys(void **state)
{
    assert_ranges(*state, by_number, "CREATE TABLE t (id, n)", 3, "[..):0");
}

/* Bases that begin at 10, 20 and 30, and have the numbers 2, 1 and 5. */
static const struct manifest_file bases[] = {
    {.path = {"x/0002.db", 9}, .first_key = {.integer = 10}, .last_key = {.integer = 19}},
    {.path = {"x/0001.db", 9}, .first_key = {.integer = 20}, .last_key = {.integer = 20}},
    {.path = {"x/0005.db", 9}, .first_key = {.integer = 30}, .last_key = {.integer = 39}},
};

/* The ranges along BASES of the keys that VALUES has, of which each row has one. */
static void assert_ranges_of_bases(struct shelf *shelf, const char *values, uint64_t rows_max,
                                   const char *expected, const char *paths)
{
    const struct manifest_file *items[] = {&bases[0], &bases[1], &bases[2]};
    struct key_bases all = {.items = items, .count = 3};
    struct key_ranges ranges;
    struct buffer got;
    char sql[256];
    char *text;

    snprintf(sql, sizeof sql, "CREATE TABLE t (id, n); INSERT INTO t SELECT *, 1 FROM (VALUES %s)",
             values);
    OK(read_ranges_of(shelf, by_number, sql, rows_max, &all, &ranges));
    text = describe(&ranges);
    assert_string_equal(text, expected);
    buffer_init(&got, 1024);
    for (unsigned i = 0; i < ranges.count; i++) {
        buffer_printf(&got, "%s%.*s", i > 0 ? " " : "", SLICE_ARG(ranges.items[i].path));
        assert_true(key_ranges_have(&ranges, ranges.items[i].path));
    }
    assert_string_equal(buffer_str(&got), paths);
    assert_false(key_ranges_have(&ranges, slice_str("x/0009.db")));
    buffer_free(&got);
    free(text);
    key_ranges_free(&ranges);
}

static void ranges_begin_where_the_partitions_before_began(void **state)
{
    assert_ranges_of_bases(*state, "(1), (10), (19), (25), (30), (99)", 4,
                           "[..20):3* [20..30):1* [30..):2*", "x/0002.db x/0001.db x/0005.db");
}

static void a_partition_before_without_rows_keeps_its_range(void **state)
{
    assert_ranges_of_bases(*state, "(20)", 4, "[..20):0* [20..30):1* [30..):0*",
                           "x/0002.db x/0001.db x/0005.db");
}

static void
a_range_with_a_base_is_divided_a_quarter_later_and_new_ones_get_free_numbers(void **state)
{
    assert_ranges_of_bases(*state,
                           "(20), (20), (21), (21), (22), (23), (24), (25), (26), (27), (28), (29)",
                           4, "[..20):0* [20..23):5* [23..27):4 [27..30):3 [30..):0*",
                           "x/0002.db x/0001.db x/0003.db x/0004.db x/0005.db");
}

static void rows_without_a_key_are_refused_with_their_number(void **state)
{
    struct shelf *shelf = *state;
    struct key_ranges ranges;

    assert_int_equal(read_ranges(shelf, by_number,
                                 "CREATE TABLE t (id, n); INSERT INTO t VALUES (1, 1), (NULL, 1), "
                                 "(NULL, 2)",
                                 3, &ranges),
                     ERR_REFUSED);
    assert_string_equal(shelf->msg.text,
                        "x: key column id: 2 rows without a key; mend the source, or leave such "
                        "rows out with WHERE id IS NOT NULL");
    key_ranges_free(&ranges);
}

static void a_document_with_several_rows_is_refused_with_their_number(void **state)
{
    static const char documents[] = "  x:\n"
                                    "    key: id\n"
                                    "    rows: SELECT id, n FROM t\n"
                                    "    fields: {n: integer}\n";
    struct shelf *shelf = *state;
    struct key_ranges ranges;

    assert_int_equal(read_ranges(shelf, documents,
                                 "CREATE TABLE t (id, n); INSERT INTO t VALUES (1, 1), (8, 1), "
                                 "(8, 2), (8, 3)",
                                 3, &ranges),
                     ERR_REFUSED);
    assert_string_equal(shelf->msg.text,
                        "x: key 8: 3 rows, but the collection has no orders, which means one row a "
                        "key; mend the source, group the rows, or declare orders");
    key_ranges_free(&ranges);
}

static void keys_that_the_source_sorts_as_texts_are_refused(void **state)
{
    struct shelf *shelf = *state;
    struct key_ranges ranges;

    assert_int_equal(read_ranges(shelf, by_number,
                                 "CREATE TABLE t (id TEXT, n); INSERT INTO t VALUES ('9', 1), "
                                 "('10', 1)",
                                 3, &ranges),
                     ERR_INPUT);
    assert_non_null(strstr(shelf->msg.text, "key 9: the source does not sort keys"));
    key_ranges_free(&ranges);
}

static void a_query_reads_the_rows_of_its_range(void **state)
{
    struct shelf *shelf = *state;
    struct key_range range = {.has_low = true, .has_high = true, .low = {.integer = 2}};
    const struct collection *collection = shelf_define(shelf, by_number);
    struct query_path path = {.collection = collection};
    struct source_rows *rows;
    const struct value *row;
    struct buffer sql;

    range.high.integer = 4;
    shelf_fill(shelf,
               "CREATE TABLE t (id, n); INSERT INTO t VALUES (1, 1), (2, 7), (3, 8), (4, 9)");
    buffer_init(&sql, QUERY_SIZE_MAX);
    query_rows(&path, &range, source_dialect(shelf->source), &sql);
    OK(key_range_query(shelf->source, &range, buffer_str(&sql), 2, &rows, &shelf->msg));
    for (int64_t id = 2; id <= 3; id++) {
        OK(source_rows_next(rows, &row, &shelf->msg));
        assert_int_equal(row[0].integer, id);
    }
    OK(source_rows_next(rows, &row, &shelf->msg));
    assert_null(row);
    source_rows_close(rows);
    buffer_free(&sql);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shelf_setup, shelf_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_range_ends_before_the_key_that_would_take_it_over_the_limit),
        TEST(a_key_of_more_rows_than_a_range_takes_stands_alone),
        TEST(texts_are_divided_bytewise),
        TEST(without_rows_there_is_one_range_of_all_keys),
        TEST(ranges_begin_where_the_partitions_before_began),
        TEST(a_partition_before_without_rows_keeps_its_range),
        TEST(a_range_with_a_base_is_divided_a_quarter_later_and_new_ones_get_free_numbers),
        TEST(rows_without_a_key_are_refused_with_their_number),
        TEST(a_document_with_several_rows_is_refused_with_their_number),
        TEST(keys_that_the_source_sorts_as_texts_are_refused),
        TEST(a_query_reads_the_rows_of_its_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
