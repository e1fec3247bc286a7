#include "builder/query.h"

#include "shelf.h"

static const struct source_dialect sqlite_like = {" COLLATE BINARY", "", "", false};
static const struct source_dialect postgres_like = {" COLLATE \"C\"", " NULLS FIRST", " NULLS LAST",
                                                    true};

static void assert_sql(struct buffer *sql, const char *expected)
{
    assert_string_equal(buffer_str(sql), expected);
    buffer_free(sql);
}

static void assert_rows(const struct query_path *path, const struct source_dialect *dialect,
                        const char *expected)
{
    struct buffer sql;

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_rows(path, &everything, dialect, &sql);
    assert_sql(&sql, expected);
}

static const char document[] = "  x:\n"
                               "    key: id\n"
                               "    rows: SELECT id, name, total, votes FROM t\n"
                               "    fields:\n"
                               "      label: {from: name, type: text}\n"
                               "      score: {type: ratio, of: [total, votes], scale: 2}\n"
                               "    listings:\n"
                               "      by_label: [label]\n";

static void a_document_is_sorted_by_its_key(void **state)
{
    struct query_path path = {.collection = shelf_define(*state, document)};

    assert_int_equal(query_identity_count(&path), 1);
    assert_int_equal(query_column_count(&path), 4);
    assert_rows(
        &path, &sqlite_like,
        "SELECT p.\"id\", p.\"name\", p.\"total\", p.\"votes\" FROM (SELECT id, name, total, "
        "votes FROM t\n) AS p ORDER BY p.\"id\"");
    assert_rows(
        &path, &postgres_like,
        "SELECT p.\"id\", p.\"name\", p.\"total\", p.\"votes\" FROM (SELECT id, name, total, "
        "votes FROM t\n) AS p ORDER BY p.\"id\" NULLS FIRST");
}

static void a_listing_ends_with_the_key(void **state)
{
    const struct collection *collection = shelf_define(*state, document);
    struct buffer sql;

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_listing(collection, &collection->listings[0], &postgres_like, &sql);
    assert_sql(&sql,
               "SELECT p.\"id\", p.\"name\" FROM (SELECT id, name, total, votes FROM t\n) AS p "
               "ORDER BY "
               "p.\"name\" COLLATE \"C\" NULLS FIRST, p.\"id\" NULLS FIRST");
}

static const char nested[] = "  x:\n"
                             "    key: {column: shelf, type: text}\n"
                             "    rows: SELECT * FROM t -- all\n"
                             "    keys: SELECT shelf FROM shelves\n"
                             "    fields:\n"
                             "      name: text\n"
                             "      n: integer\n"
                             "      parts:\n"
                             "        rows: SELECT * FROM u\n"
                             "        on: {t_n: n, t_shelf: shelf}\n"
                             "        as: map\n"
                             "        name: {from: title, type: text}\n"
                             "        order: [-u_id]\n"
                             "        fields:\n"
                             "          u_id: integer\n"
                             "          leaves:\n"
                             "            rows: SELECT * FROM v\n"
                             "            on: {u: u_id}\n"
                             "            as: list\n"
                             "            order: [v_id]\n"
                             "            fields: {v_id: integer}\n"
                             "    orders:\n"
                             "      first: [-name, n]\n"
                             "      other: [n]\n";

static void a_text_key_and_an_order_are_sorted_bytewise(void **state)
{
    struct query_path path = {.collection = shelf_define(*state, nested)};

    assert_rows(
        &path, &sqlite_like,
        "SELECT p.\"shelf\", p.\"name\", p.\"n\" FROM (SELECT * FROM t -- all\n) AS p ORDER "
        "BY p.\"shelf\" COLLATE BINARY, p.\"name\" COLLATE BINARY DESC, p.\"n\"");
    assert_rows(
        &path, &postgres_like,
        "SELECT p.\"shelf\", p.\"name\", p.\"n\" FROM (SELECT * FROM t -- all\n) AS p ORDER "
        "BY p.\"shelf\" COLLATE \"C\" NULLS FIRST, p.\"name\" COLLATE \"C\" DESC NULLS LAST, "
        "p.\"n\" NULLS FIRST");
}

static void nested_rows_come_in_the_order_of_their_parents(void **state)
{
    const struct collection *collection = shelf_define(*state, nested);
    struct query_path path = {
        .collection = collection, .nested = {collection->fields[2].nested}, .depth = 1};

    assert_int_equal(query_identity_count(&path), 3);
    assert_int_equal(query_column_count(&path), 5);
    assert_rows(
        &path, &sqlite_like,
        "SELECT p.\"shelf\", p.\"name\", p.\"n\", n1.\"u_id\", n1.\"title\" FROM (SELECT * "
        "FROM t -- all\n) AS p JOIN (SELECT * FROM u\n) AS n1 ON n1.\"t_n\" = p.\"n\" AND "
        "n1.\"t_shelf\" = p.\"shelf\" ORDER BY p.\"shelf\" COLLATE BINARY, p.\"name\" COLLATE "
        "BINARY DESC, p.\"n\", n1.\"u_id\" DESC");
}

static void two_levels_join_two_levels(void **state)
{
    const struct collection *collection = shelf_define(*state, nested);
    const struct nested *parts = collection->fields[2].nested;
    struct query_path path = {
        .collection = collection, .nested = {parts, parts->fields[1].nested}, .depth = 2};

    assert_int_equal(query_identity_count(&path), 4);
    assert_rows(
        &path, &postgres_like,
        "SELECT p.\"shelf\", p.\"name\", p.\"n\", n1.\"u_id\", n2.\"v_id\" FROM (SELECT * "
        "FROM t -- all\n) AS p JOIN (SELECT * FROM u\n) AS n1 ON n1.\"t_n\" = p.\"n\" AND "
        "n1.\"t_shelf\" = p.\"shelf\" JOIN (SELECT * FROM v\n) AS n2 ON n2.\"u\" = "
        "n1.\"u_id\" ORDER BY p.\"shelf\" COLLATE \"C\" NULLS FIRST, p.\"name\" COLLATE "
        "\"C\" DESC NULLS LAST, p.\"n\" NULLS FIRST, n1.\"u_id\" DESC NULLS LAST, n2.\"v_id\" "
        "NULLS FIRST");
}

static void a_decimal_is_sorted_as_a_number_also_where_it_is_text(void **state)
{
    const struct collection *collection =
        shelf_define(*state, "  x:\n"
                             "    key: id\n"
                             "    rows: SELECT id, price FROM t\n"
                             "    fields: {price: {type: decimal, scale: 2}}\n"
                             "    orders: {dearest: [-price]}\n");
    struct query_path path = {.collection = collection};

    assert_rows(&path, &sqlite_like,
                "SELECT p.\"id\", p.\"price\" FROM (SELECT id, price FROM t\n) AS p ORDER BY "
                "p.\"id\", CAST(p.\"price\" AS NUMERIC) DESC");
}

static void keys_are_sorted_as_rows_are(void **state)
{
    const struct collection *collection = shelf_define(*state, nested);
    struct buffer sql;

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_keys(collection, &everything, &postgres_like, &sql);
    assert_sql(&sql, "SELECT p.\"shelf\" FROM (SELECT shelf FROM shelves\n) AS p ORDER BY "
                     "p.\"shelf\" COLLATE \"C\" NULLS FIRST");
}

static const char numbered[] = "  x:\n"
                               "    key: id\n"
                               "    rows: SELECT * FROM t\n"
                               "    keys: SELECT id FROM u\n"
                               "    fields:\n"
                               "      parts:\n"
                               "        rows: SELECT * FROM v\n"
                               "        on: {t_id: id, other: other}\n"
                               "        as: list\n"
                               "        order: [n]\n"
                               "        fields: {n: integer}\n";

static const struct key_range middle = {.has_low = true, .has_high = true};

/* Otherwise PostgreSQL would go through all of a grouped table for each range. */
static void a_range_limits_rows_and_what_is_joined_by_the_key(void **state)
{
    const struct collection *collection = shelf_define(*state, numbered);
    struct query_path path = {
        .collection = collection, .nested = {collection->fields[0].nested}, .depth = 1};
    struct buffer sql;

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_rows(&path, &middle, &postgres_like, &sql);
    assert_sql(&sql, "SELECT p.\"id\", n1.\"n\" FROM (SELECT * FROM t\n) AS p JOIN (SELECT * FROM "
                     "v\n) AS n1 ON n1.\"t_id\" = p.\"id\" AND n1.\"other\" = p.\"other\" "
                     "WHERE p.\"id\" >= ?1 AND p.\"id\" < ?2 AND n1.\"t_id\" >= ?1 AND "
                     "n1.\"t_id\" < ?2 ORDER BY p.\"id\" NULLS FIRST, n1.\"n\" NULLS FIRST");
}

static void the_first_and_the_last_range_have_one_limit(void **state)
{
    static const struct key_range first = {.has_high = true};
    static const struct key_range last = {.has_low = true};
    const struct collection *collection = shelf_define(*state, numbered);
    struct buffer sql;

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_keys(collection, &first, &sqlite_like, &sql);
    assert_sql(&sql,
               "SELECT p.\"id\" FROM (SELECT id FROM u\n) AS p WHERE (p.\"id\" < ?2 OR p.\"id\" "
               "IS NULL) ORDER BY p.\"id\"");
    buffer_init(&sql, QUERY_SIZE_MAX);
    query_keys(collection, &last, &sqlite_like, &sql);
    assert_sql(&sql, "SELECT p.\"id\" FROM (SELECT id FROM u\n) AS p WHERE p.\"id\" >= ?1 ORDER "
                     "BY p.\"id\"");
}

/* To SQLite 2 and '2' are equal in a join, while every text is greater than every number. */
static void where_types_are_free_a_range_leaves_joined_rows_alone(void **state)
{
    const struct collection *collection = shelf_define(*state, numbered);
    struct query_path path = {
        .collection = collection, .nested = {collection->fields[0].nested}, .depth = 1};
    struct buffer sql;

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_rows(&path, &middle, &sqlite_like, &sql);
    assert_non_null(strstr(buffer_str(&sql), " WHERE p.\"id\" >= ?1 AND p.\"id\" < ?2 ORDER BY "));
    buffer_free(&sql);
}

/* Two texts may be equal to a join, by its collation, and yet not be the same bytes. */
static void a_range_of_texts_is_bytewise_and_leaves_joined_rows_alone(void **state)
{
    const struct collection *collection = shelf_define(*state, nested);
    struct query_path path = {
        .collection = collection, .nested = {collection->fields[2].nested}, .depth = 1};
    struct buffer sql;

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_rows(&path, &middle, &sqlite_like, &sql);
    assert_non_null(strstr(buffer_str(&sql), " WHERE p.\"shelf\" COLLATE BINARY >= ?1 AND "
                                             "p.\"shelf\" COLLATE BINARY < ?2 ORDER BY "));
    buffer_free(&sql);
}

static void counts_group_by_the_key(void **state)
{
    struct buffer sql;

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_counts(shelf_define(*state, nested), &postgres_like, &sql);
    assert_sql(&sql,
               "SELECT p.\"shelf\" COLLATE \"C\", count(*) FROM (SELECT * FROM t -- all\n) AS "
               "p GROUP BY p.\"shelf\" COLLATE \"C\" ORDER BY p.\"shelf\" COLLATE \"C\" "
               "NULLS FIRST");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shelf_setup, shelf_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_document_is_sorted_by_its_key),
        TEST(a_listing_ends_with_the_key),
        TEST(a_text_key_and_an_order_are_sorted_bytewise),
        TEST(nested_rows_come_in_the_order_of_their_parents),
        TEST(two_levels_join_two_levels),
        TEST(a_decimal_is_sorted_as_a_number_also_where_it_is_text),
        TEST(keys_are_sorted_as_rows_are),
        TEST(a_range_limits_rows_and_what_is_joined_by_the_key),
        TEST(the_first_and_the_last_range_have_one_limit),
        TEST(where_types_are_free_a_range_leaves_joined_rows_alone),
        TEST(a_range_of_texts_is_bytewise_and_leaves_joined_rows_alone),
        TEST(counts_group_by_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
