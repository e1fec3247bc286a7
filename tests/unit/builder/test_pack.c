/* Row groups of every size, through a build, read back in every order. */
#include "builder/build.h"
#include "replica/format.h"
#include "replica/reader.h"
#include "replica/root.h"

#include "shelf.h"

static const char definition_text[] = "name: shelf\n"
                                      "collections:\n"
                                      "  x:\n"
                                      "    key: k\n"
                                      "    rows: SELECT k, id, weight, rank, remark FROM t\n"
                                      "    keys: SELECT k FROM all_keys\n"
                                      "    fields:\n"
                                      "      id: integer\n"
                                      "      weight: {type: integer, hidden: true}\n"
                                      "      rank: integer\n"
                                      "      remark: text\n"
                                      "    orders:\n"
                                      "      by_id: [id]\n"
                                      "      by_rank: [-rank, id]\n"
                                      "      by_remark: [remark, -id]\n"
                                      "      by_weight: [weight, id]\n"
                                      "routes:\n"
                                      "  - get: /x\n"
                                      "    from: x\n"
                                      "    key: {query: k}\n"
                                      "    answer: $rows\n";

/* What the rows of a key must be in each order, by SQL of its own. */
static const char *const expected_sql[] = {
    "SELECT id, rank, remark FROM t WHERE k = %u ORDER BY id",
    "SELECT id, rank, remark FROM t WHERE k = %u ORDER BY rank DESC, id",
    "SELECT id, rank, remark FROM t WHERE k = %u ORDER BY remark, id DESC",
    "SELECT id, rank, remark FROM t WHERE k = %u ORDER BY weight, id",
};

/* A key's number is its number of rows: one chunk, exactly one, one more, several, and more rows than
 * a block of a permutation holds. */
static const unsigned sizes[] = {0, 1, 2, 255, 256, 257, 512, 700, 1025, 2100};

static struct release *build_again(struct shelf *shelf)
{
    char *path = path_join(shelf->folder, "definition.yaml");
    char *root = path_join(shelf->folder, "root");
    struct build_options options = {.definition = path,
                                    .source = shelf->url,
                                    .root = root,
                                    .keep = 2,
                                    .jobs = 1,
                                    .partition_rows = PARTITION_ROWS_MAX};
    struct build_result result;
    struct release *release = NULL;
    char *dir = NULL;

    OK(file_write(path, slice_str(definition_text), &shelf->msg));
    OK(build_release(&options, false, &result, &shelf->msg));
    OK(root_current(root, &dir, &shelf->msg));
    OK(release_open(dir, &(struct release_check){.verify = true}, &release, &shelf->msg));
    free(dir);
    free(root);
    free(path);
    return release;
}

static struct release *build(struct shelf *shelf)
{
    struct buffer sql;

    buffer_init(&sql, 1 << 16);
    buffer_append_str(&sql, "CREATE TABLE t(k, id, weight, rank, remark); CREATE TABLE all_keys(k);"
                            "CREATE TABLE n(i); WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT "
                            "i + 1 FROM r WHERE i < 2999) INSERT INTO n SELECT i FROM r;");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        buffer_printf(&sql,
                      "INSERT INTO all_keys VALUES(%u);"
                      "INSERT INTO t SELECT %u, i * 3, (i * 7919) %% 1009,"
                      " CASE WHEN i %% 11 = 0 THEN NULL ELSE i %% 5 END,"
                      " CASE WHEN i %% 13 = 0 THEN NULL ELSE 'r\"' || (i * 31 %% 97) END"
                      " FROM n WHERE i < %u;",
                      sizes[i], sizes[i], sizes[i]);
    }
    shelf_fill(shelf, buffer_str(&sql));
    buffer_free(&sql);
    return build_again(shelf);
}

/* `id|rank|remark\n` of every row. */
static void expected_rows(struct shelf *shelf, unsigned order, unsigned key, struct buffer *out)
{
    struct source_rows *rows = NULL;
    const struct value *row = NULL;
    char sql[256];

    snprintf(sql, sizeof sql, expected_sql[order], key);
    OK(source_query(shelf->source, sql, NULL, 0, 3, &rows, &shelf->msg));
    for (;;) {
        OK(source_rows_next(rows, &row, &shelf->msg));
        if (row == NULL) {
            break;
        }
        buffer_printf(out, "%lld|%lld|", (long long)row[0].integer,
                      row[1].type == VALUE_NULL ? -1LL : (long long)row[1].integer);
        if (row[2].type == VALUE_TEXT) {
            buffer_printf(out, "r\\%.*s",
                          SLICE_ARG(slice_of(row[2].text.ptr + 1, row[2].text.len - 1)));
        } else {
            buffer_append_str(out, "null");
        }
        buffer_append_byte(out, '\n');
    }
    source_rows_close(rows);
}

static void stored_rows(struct shelf *shelf, struct group *group, unsigned order, uint64_t first,
                        uint64_t count, struct buffer *out)
{
    const struct chunk *chunk = NULL;
    struct rows rows;
    uint32_t row;

    group_rows(group, order, first, count, UINT64_MAX, &rows);
    for (;;) {
        int64_t id = -1;
        int64_t rank = -1;
        struct slice remark = slice_str("null");

        OK(rows_next(&rows, &chunk, &row, &shelf->msg));
        if (chunk == NULL) {
            return;
        }
        assert_true(vector_integer(&chunk->vectors[0], row, &id));
        vector_integer(&chunk->vectors[1], row, &rank);
        assert_true(vector_text(&chunk->vectors[2], row, &remark) != VECTOR_DAMAGED);
        buffer_printf(out, "%lld|%lld|%.*s\n", (long long)id, (long long)rank, SLICE_ARG(remark));
    }
}

static void open_group(struct shelf *shelf, struct reader *reader, unsigned size,
                       struct arena *arena, struct group *out)
{
    struct key key = {.integer = size};
    bool found = false;

    OK(reader_find(reader, 0, &key, arena, out, &found, &shelf->msg));
    assert_true(found);
    assert_int_equal(out->row_count, size);
}

static void every_size_is_read_back_in_every_order(void **state)
{
    struct shelf *shelf = *state;
    struct release *release = build(shelf);
    struct reader *reader = NULL;
    struct buffer expected;
    struct buffer stored;
    struct arena arena;

    arena_init(&arena, 1 << 16);
    buffer_init(&expected, 1 << 20);
    buffer_init(&stored, 1 << 20);
    OK(reader_open(release, &reader, &shelf->msg));
    assert_int_equal(release->definition->collections[0].vector_count, 3); /* one is hidden */
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct group group;

        open_group(shelf, reader, sizes[i], &arena, &group);
        assert_int_equal(group.is_large, sizes[i] > CHUNK_ROWS);
        for (unsigned order = 0; order < 4; order++) {
            buffer_clear(&expected);
            buffer_clear(&stored);
            expected_rows(shelf, order, sizes[i], &expected);
            stored_rows(shelf, &group, order, 0, UINT64_MAX, &stored);
            assert_string_equal(buffer_str(&stored), buffer_str(&expected));
        }
        arena_reset(&arena);
    }
    reader_close(reader);
    release_drop(release);
    arena_free(&arena);
    buffer_free(&expected);
    buffer_free(&stored);
}

static void pages_of_a_large_key_join_to_the_whole(void **state)
{
    struct shelf *shelf = *state;
    struct release *release = build(shelf);
    struct reader *reader = NULL;
    struct buffer whole;
    struct buffer joined;
    struct arena arena;
    struct group group;

    arena_init(&arena, 1 << 16);
    buffer_init(&whole, 1 << 20);
    buffer_init(&joined, 1 << 20);
    OK(reader_open(release, &reader, &shelf->msg));
    open_group(shelf, reader, 2100, &arena, &group);
    for (unsigned order = 0; order < 4; order++) {
        buffer_clear(&whole);
        buffer_clear(&joined);
        stored_rows(shelf, &group, order, 0, UINT64_MAX, &whole);
        for (uint64_t first = 0; first < 2200; first += 97) {
            stored_rows(shelf, &group, order, first, 97, &joined);
        }
        assert_string_equal(buffer_str(&joined), buffer_str(&whole));
    }
    reader_close(reader);
    release_drop(release);
    arena_free(&arena);
    buffer_free(&whole);
    buffer_free(&joined);
}

static uint64_t content_of(struct shelf *shelf, struct release *release, unsigned size)
{
    struct reader *reader = NULL;
    struct arena arena;
    struct group group;

    arena_init(&arena, 1 << 16);
    OK(reader_open(release, &reader, &shelf->msg));
    open_group(shelf, reader, size, &arena, &group);
    reader_close(reader);
    arena_free(&arena);
    return group.content_hash;
}

/* Rows that stand as they did, but in another place of an order that sorts by a hidden field. */
static void an_order_that_changes_changes_the_content(void **state)
{
    struct shelf *shelf = *state;
    struct release *before = build(shelf);
    struct release *after;

    source_close(shelf->source);
    shelf->source = NULL;
    shelf_fill(shelf, "UPDATE t SET weight = -1 WHERE id = 30");
    after = build_again(shelf);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        bool has_row = sizes[i] > 10;

        assert_true((content_of(shelf, before, sizes[i]) != content_of(shelf, after, sizes[i])) ==
                    has_row);
    }
    release_drop(before);
    release_drop(after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shelf_setup, shelf_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_size_is_read_back_in_every_order),
        TEST(pages_of_a_large_key_join_to_the_whole),
        TEST(an_order_that_changes_changes_the_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
