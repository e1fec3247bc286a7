/* A copy of a partition or listing that is changed into what the calls say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/file_copy.h"
#include "tests/unit/replica/release_fixture.h"

enum { KEYS = 60, BODY_SIZE = 40 };

#define BASE "notes/0001.db"
#define COPY "notes/0002.db"

/* What one key is to hold; without rows, it is not there. Keys are integers or texts. */
struct content {
    unsigned rows[KEYS];
    unsigned salts[KEYS];
    bool is_text;
};

static struct key nth_key(const struct content *content, unsigned i, char *text)
{
    snprintf(text, 16, "key %02u", i);
    return content->is_text ? text_key(text) : integer_key((int64_t)i * 10);
}

static void write_key(struct fixture *fixture, const struct content *content, unsigned i)
{
    char text[16];
    struct key key = nth_key(content, i, text);

    OK(store_key(fixture->store, &key, &fixture->msg));
    if (content->rows[i] > CHUNK_ROWS) {
        fixture_large(fixture, key, content->rows[i], content->salts[i], BODY_SIZE);
    } else {
        fixture_group(fixture, key, content->rows[i], content->salts[i], BODY_SIZE);
    }
}

/* Writes all that there is to be and closes the file; how many changes that were. */
static uint64_t write_all(struct fixture *fixture, const struct content *content)
{
    struct store *store = fixture->store;
    uint64_t changes;

    for (unsigned i = 0; i < KEYS; i++) {
        if (content->rows[i] > 0) {
            write_key(fixture, content, i);
        }
    }
    OK(store_key(store, NULL, &fixture->msg));
    changes = store_changes(store);
    fixture->store = NULL;
    OK(store_finish(store, &fixture->msg));
    return changes;
}

/* Keys of 1 .. 40 rows, and three large ones. */
static struct content usual(bool is_text)
{
    struct content content = {.is_text = is_text};

    for (unsigned i = 0; i < KEYS; i++) {
        content.rows[i] = i % 5 == 4 ? 0 : 1 + i % 40;
        content.salts[i] = i;
    }
    content.rows[10] = 600;
    content.rows[11] = 300;
    content.rows[40] = 1100;
    return content;
}

static enum store_kind kind_of(const struct content *content)
{
    return content->is_text ? STORE_PARTITION_TEXT : STORE_PARTITION;
}

static void write_base(struct fixture *fixture, const struct content *content)
{
    fixture_begin(fixture, BASE, kind_of(content));
    write_all(fixture, content);
}

/* Opens a copy of the base; the release that is read afterwards holds the copy alone. */
static enum err begin_change(struct fixture *fixture, enum store_kind kind)
{
    char *base = fixture_path(fixture, BASE);
    char *copy = fixture_path(fixture, COPY);
    enum err rc;

    OK(file_copy(base, copy, COPY_SHARES, &fixture->msg));
    rc = store_change(copy, base, kind, &fixture->store, &fixture->msg);
    free(base);
    free(copy);
    return rc;
}

static uint64_t change_to(struct fixture *fixture, const struct content *content)
{
    OK(begin_change(fixture, kind_of(content)));
    return write_all(fixture, content);
}

/* Every row of GROUP, in every order. */
static void assert_rows(struct fixture *fixture, struct group *group, unsigned salt)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        const struct chunk *chunk = NULL;
        struct rows rows;
        uint32_t row;

        group_rows(group, order, 0, UINT64_MAX, ALL_FIELDS, &rows);
        for (uint64_t at = 0; at < group->row_count; at++) {
            struct note note;
            struct slice body;
            int64_t id = -1;

            OK(rows_next(&rows, &chunk, &row, &fixture->msg));
            assert_non_null(chunk);
            assert_true(vector_integer(&chunk->vectors[ID], row, &id));
            assert_true((uint64_t)id == row_at(order, at, group->row_count));
            note = note_of((uint64_t)id, salt, BODY_SIZE);
            assert_int_equal(vector_text(&chunk->vectors[BODY], row, &body), VECTOR_VALUE);
            assert_true(slice_equal(body, slice_str(note.body)));
        }
    }
}

static void assert_holds(struct fixture *fixture, const struct content *content)
{
    unsigned collection = content->is_text ? SHELVES : NOTES;
    char first[16];
    char last[16];
    struct key keys[2] = {nth_key(content, 0, first), nth_key(content, KEYS - 1, last)};
    char *base = fixture_path(fixture, BASE);
    struct manifest_file entry = {.kind = FILE_PARTITION,
                                  .path = slice_str(COPY),
                                  .first_key = manifest_key_of(&keys[0]),
                                  .last_key = manifest_key_of(&keys[1])};

    unlink(base); /* a release has no file that its manifest does not list */
    free(base);
    fixture_list(fixture, entry);
    if (content->is_text) {
        fixture->files[0].collection = slice_str("shelves");
    }
    fixture_open(fixture);
    for (unsigned i = 0; i < KEYS; i++) {
        struct group group;
        char text[16];

        assert_int_equal(fixture_find(fixture, collection, nth_key(content, i, text), &group),
                         content->rows[i] > 0);
        if (content->rows[i] > 0) {
            assert_int_equal(group.row_count, content->rows[i]);
            assert_rows(fixture, &group, content->salts[i]);
        }
        arena_reset(&fixture->answer);
    }
}

/* The first number that SQL gives of the copy. */
static int64_t ask(struct fixture *fixture, const char *sql)
{
    char *path = fixture_path(fixture, COPY);
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    int64_t value;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    free(path);
    return value;
}

static void read_file(struct fixture *fixture, const char *name, struct buffer *out)
{
    char *path = fixture_path(fixture, name);

    buffer_init(out, 1 << 24);
    OK(file_read(path, out, &fixture->msg));
    free(path);
}

/* Pages of the copy that are not as in the base. */
static unsigned different_pages(struct fixture *fixture)
{
    unsigned differ = 0;
    struct buffer base;
    struct buffer copy;

    read_file(fixture, BASE, &base);
    read_file(fixture, COPY, &copy);
    for (size_t at = 0; at < copy.len; at += FORMAT_PAGE_SIZE) {
        differ += at >= base.len || memcmp(copy.ptr + at, base.ptr + at, FORMAT_PAGE_SIZE) != 0;
    }
    buffer_free(&base);
    buffer_free(&copy);
    return differ;
}

static void the_same_rows_leave_every_byte_as_it_was(void **state)
{
    for (unsigned is_text = 0; is_text < 2; is_text++) {
        struct fixture *fixture;
        struct content content = usual(is_text == 1);
        void *own = NULL;

        (void)state;
        assert_int_equal(fixture_setup(&own), 0);
        fixture = own;
        write_base(fixture, &content);
        assert_int_equal(change_to(fixture, &content), 0);
        assert_int_equal(different_pages(fixture), 0);
        assert_int_equal(fixture_teardown(&own), 0);
    }
}

struct change_case {
    const char *name;
    unsigned key;
    unsigned rows; /* it has afterwards */
    unsigned salt;
    unsigned pages_most; /* that may differ */
};

static const struct change_case cases[] = {
    {"rows of a small key", 7, 8, 700, 6},
    {"more rows", 7, 30, 7, 8},
    {"no rows", 7, 0, 0, 6},
    {"a new key", 14, 9, 14, 8},
    {"a new key before all others", 0, 3, 1, 8},
    {"the last key goes", KEYS - 2, 0, 0, 6},
    {"a small key becomes a large one", 7, 700, 7, 60},
    {"a large key becomes a small one", 11, 12, 11, 40},
    {"a large key goes", 40, 0, 0, 99},
    {"a large key shrinks by a chunk", 40, 800, 40, 60},
    {"a large key grows by two chunks and a permutation block", 40, 1500, 40, 99},
    {"a large key before others grows by a chunk", 10, 800, 10, 99},
    {"other rows of a large key", 11, 300, 99, 60},
};

static void every_change_is_read_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        const struct change_case *at = &cases[i / 2];
        struct content content = usual(i % 2 == 1);
        struct fixture *fixture;
        void *own = NULL;

        assert_int_equal(fixture_setup(&own), 0);
        fixture = own;
        write_base(fixture, &content);
        content.rows[at->key] = at->rows;
        content.salts[at->key] = at->salt;
        if (change_to(fixture, &content) != 1) {
            fail_msg("%s: not one change", at->name);
        }
        if (different_pages(fixture) > at->pages_most) {
            fail_msg("%s: %u pages differ", at->name, different_pages(fixture));
        }
        assert_holds(fixture, &content);
        assert_int_equal(fixture_teardown(&own), 0);
    }
}

/* Chunks that a key has no longer are not left behind. */
static void no_chunk_is_left_that_no_key_has(void **state)
{
    struct fixture *fixture = *state;
    struct content content = usual(false);

    write_base(fixture, &content);
    content.rows[10] = 3;
    content.rows[11] = 0;
    content.rows[40] = 500;
    assert_int_equal(change_to(fixture, &content), 3);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM chunks"), 2 + (ORDERS - 1));
    assert_holds(fixture, &content);
}

static void a_name_that_is_gone_leaves_no_row_behind(void **state)
{
    struct fixture *fixture = *state;
    struct content content = usual(true);

    write_base(fixture, &content);
    content.rows[0] = content.rows[7] = 0;
    content.rows[4] = 5;
    assert_int_equal(change_to(fixture, &content), 3);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM keys"), 47);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM keys JOIN groups USING (key)"), 47);
    assert_int_equal(ask(fixture, "SELECT key FROM keys WHERE name = 'key 04'"), 48);
}

static void what_was_deleted_cannot_be_found_in_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct content content = {.rows = {[3] = 1, [5] = 1, [7] = 1}};
    struct buffer bytes;

    write_base(fixture, &content);
    content.rows[5] = 0;
    content.salts[3] = 77;
    assert_int_equal(change_to(fixture, &content), 2);
    read_file(fixture, COPY, &bytes);
    assert_non_null(memmem(bytes.ptr, bytes.len, "title 77-0", 10));
    assert_int_equal(ask(fixture, "SELECT count(*) FROM groups"), 2);
    for (size_t at = 0, found = 0; at + 9 <= bytes.len; at++) {
        found += memcmp(bytes.ptr + at, "title 0-0", 9) == 0;
        assert_true(found <= 1); /* that of key 7; the others' are gone */
    }
    buffer_free(&bytes);
}

static void a_listing_changes_block_by_block(void **state)
{
    static const struct {
        uint64_t count;
        uint64_t changes;
    } sizes[] = {{1300, 0}, {1299, 1}, {1024, 1}, {600, 2}, {0, 3}, {1400, 1}, {3000, 4}};

    (void)state;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct fixture *fixture;
        struct column *column;
        void *own = NULL;

        assert_int_equal(fixture_setup(&own), 0);
        fixture = own;
        column = fixture->columns[ID];
        fixture_listing(fixture, BASE, "up", false, false, 1300);
        OK(begin_change(fixture, STORE_LISTING));
        for (uint64_t key = 0; key < sizes[i].count; key++) {
            column_add_integer(column, (int64_t)key);
            if (column->row_count == LISTING_BLOCK || key + 1 == sizes[i].count) {
                assert_int_equal(fixture_chunk(fixture, BLOB_LISTING, &column, 1),
                                 key / LISTING_BLOCK);
            }
        }
        OK(store_key(fixture->store, NULL, &fixture->msg));
        assert_int_equal(store_changes(fixture->store), sizes[i].changes);
        OK(store_finish(fixture->store, &fixture->msg));
        fixture->store = NULL;
        assert_int_equal(ask(fixture, "SELECT count(*) FROM blocks"),
                         (sizes[i].count + LISTING_BLOCK - 1) / LISTING_BLOCK);
        assert_int_equal(fixture_teardown(&own), 0);
    }
}

static void a_file_that_is_no_partition_is_refused_and_the_copy_removed(void **state)
{
    struct fixture *fixture = *state;
    char *base = fixture_path(fixture, BASE);
    char *copy = fixture_path(fixture, COPY);
    char *folder = fixture_path(fixture, "notes");
    char expected[160];

    OK(dir_make(folder, &fixture->msg));
    fixture_write(fixture, BASE, slice_str("no database at all"));
    assert_int_equal(begin_change(fixture, STORE_PARTITION), ERR_CORRUPT);
    snprintf(expected, sizeof expected, "read %s: file is not a database", base);
    assert_string_equal(fixture->msg.text, expected);
    assert_false(file_exists(copy));
    free(base);
    free(copy);
    free(folder);
}

/* A base that is whole by its hash, but whose large key has lost a chunk. */
static void a_chunk_that_is_missing_is_said(void **state)
{
    struct fixture *fixture = *state;
    struct content content = usual(false);
    char *base = fixture_path(fixture, BASE);
    struct key key = integer_key(100);
    char expected[160];
    sqlite3 *db = NULL;
    uint64_t id;

    write_base(fixture, &content);
    assert_int_equal(sqlite3_open(base, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM chunks WHERE id = 0", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    OK(begin_change(fixture, STORE_PARTITION));
    OK(store_key(fixture->store, &key, &fixture->msg));
    OK(store_run(fixture->store, 0, &fixture->msg));
    fixture_clear_columns(fixture);
    column_add_integer(fixture->columns[ID], 1);
    fixture_pack(fixture, BLOB_ROWS, fixture->columns, 1);
    assert_int_equal(store_chunk(fixture->store, buffer_slice(&fixture->blob), &id, &fixture->msg),
                     ERR_CORRUPT);
    snprintf(expected, sizeof expected, "read %s: chunks 0 is damaged", base);
    assert_string_equal(fixture->msg.text, expected);
    free(base);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_rows_leave_every_byte_as_it_was),
        cmocka_unit_test(every_change_is_read_back),
        TEST(no_chunk_is_left_that_no_key_has),
        TEST(a_name_that_is_gone_leaves_no_row_behind),
        TEST(what_was_deleted_cannot_be_found_in_the_file),
        cmocka_unit_test(a_listing_changes_block_by_block),
        TEST(a_file_that_is_no_partition_is_refused_and_the_copy_removed),
        TEST(a_chunk_that_is_missing_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
