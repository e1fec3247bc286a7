#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "tests/unit/replica/release_fixture.h"

static void read_store(struct fixture *fixture, const char *name, struct buffer *out)
{
    char *path = fixture_path(fixture, name);

    buffer_init(out, 1 << 28);
    OK(file_read(path, out, &fixture->msg));
    free(path);
}

static void finish(struct fixture *fixture)
{
    struct store *store = fixture->store;

    fixture->store = NULL;
    OK(store_finish(store, &fixture->msg));
}

static enum err add_group(struct fixture *fixture, struct key key, struct slice blob)
{
    return store_group(fixture->store, &key, blob, &fixture->msg);
}

/* A blob of COUNT integers and no text. */
static struct slice narrow_blob(struct fixture *fixture, unsigned count)
{
    fixture_clear_columns(fixture);
    for (unsigned i = 0; i < count; i++) {
        column_add_integer(fixture->columns[ID], i * 1000);
    }
    fixture_pack(fixture, BLOB_ROWS, fixture->columns, 1);
    return buffer_slice(&fixture->blob);
}

static void assert_no_file(struct fixture *fixture, const char *name)
{
    char *path = fixture_path(fixture, name);

    assert_false(file_exists(path));
    free(path);
}

/* Enough groups that the file has a dictionary. */
static void write_notes(struct fixture *fixture, const char *name, unsigned salt)
{
    fixture_begin(fixture, name, STORE_PARTITION);
    OK(store_about(fixture->store, "collection", slice_str("notes"), &fixture->msg));
    for (unsigned key = 0; key < 150; key++) {
        fixture_group(fixture, integer_key(key), 20, key + salt, 40);
    }
    fixture_large(fixture, integer_key(1000), 600, salt, 40);
    finish(fixture);
}

static void the_same_calls_give_the_same_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct buffer a;
    struct buffer b;
    struct buffer c;

    write_notes(fixture, "notes/a.db", 0);
    write_notes(fixture, "notes/b.db", 0);
    write_notes(fixture, "notes/c.db", 1);
    read_store(fixture, "notes/a.db", &a);
    read_store(fixture, "notes/b.db", &b);
    read_store(fixture, "notes/c.db", &c);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.ptr, b.ptr, a.len);
    assert_true(a.len != c.len || memcmp(a.ptr, c.ptr, a.len) != 0);
    buffer_free(&a);
    buffer_free(&b);
    buffer_free(&c);
}

static void the_file_says_what_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes;

    fixture_begin(fixture, "notes/a.db", STORE_PARTITION);
    finish(fixture);
    read_store(fixture, "notes/a.db", &bytes);
    assert_int_equal(bytes.len % FORMAT_PAGE_SIZE, 0);
    assert_memory_equal(bytes.ptr, "SQLite format 3", 16);
    assert_memory_equal(bytes.ptr + 16, "\x10\x00", 2);         /* page size */
    assert_memory_equal(bytes.ptr + 60, "\0\0\0\x01", 4);       /* user_version */
    assert_memory_equal(bytes.ptr + 68, "\x56\x74\x72\x69", 4); /* application_id */
    buffer_free(&bytes);
}

static void a_file_that_is_there_already_is_not_overwritten(void **state)
{
    struct fixture *fixture = *state;
    char *path = fixture_path(fixture, "a.db");
    struct store *store = NULL;
    char expected[160];

    fixture_write(fixture, "a.db", slice_str("mine"));
    assert_int_equal(store_create(path, STORE_PARTITION, &store, &fixture->msg), ERR_SYSTEM);
    snprintf(expected, sizeof expected, "write %s: the file is there already", path);
    assert_string_equal(fixture->msg.text, expected);
    assert_null(store);
    assert_true(file_exists(path));
    free(path);
}

static void a_folder_that_is_missing_is_said(void **state)
{
    struct fixture *fixture = *state;
    char *path = fixture_path(fixture, "missing/a.db");
    struct store *store = NULL;
    char expected[160];

    assert_int_equal(store_create(path, STORE_PARTITION, &store, &fixture->msg), ERR_SYSTEM);
    snprintf(expected, sizeof expected, "write %s: unable to open database file", path);
    assert_string_equal(fixture->msg.text, expected);
    assert_null(store);
    free(path);
}

/* Rows wait for the dictionary, so a key that is there twice may be noticed at the end only. */
static void a_key_that_is_there_already_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        enum store_kind kind;
        struct key key;
    } cases[] = {{STORE_PARTITION, integer_key(7)}, {STORE_PARTITION_TEXT, text_key("seven")}};

    for (unsigned i = 0; i < 2; i++) {
        struct slice blob;
        char expected[160];
        enum err rc;

        fixture_begin(fixture, "notes/a.db", cases[i].kind);
        blob = narrow_blob(fixture, 3);
        OK(add_group(fixture, cases[i].key, blob));
        rc = add_group(fixture, cases[i].key, blob);
        if (rc == ERR_NONE) {
            struct store *store = fixture->store;

            fixture->store = NULL;
            rc = store_finish(store, &fixture->msg);
        } else {
            store_abandon(fixture->store);
            fixture->store = NULL;
        }
        assert_int_equal(rc, ERR_INPUT);
        snprintf(expected, sizeof expected, "write %s/notes/a.db: the key is there already",
                 fixture->folder);
        assert_string_equal(fixture->msg.text, expected);
        assert_no_file(fixture, "notes/a.db");
    }
}

/* More rows than wait for a dictionary, and nothing that a dictionary could be made of. */
static void a_store_without_any_text_takes_many_keys(void **state)
{
    enum { KEYS = 70000 };
    struct fixture *fixture = *state;
    struct slice blob;

    fixture_begin(fixture, "sheets/0001.db", STORE_PARTITION);
    fixture_clear_columns(fixture);
    column_add_integer(fixture->columns[ID], 5);
    column_add_null(fixture->columns[TITLE]);
    fixture_pack(fixture, BLOB_ROWS,
                 (struct column *const[]){fixture->columns[ID], fixture->columns[TITLE]}, 2);
    blob = buffer_slice(&fixture->blob);
    for (unsigned key = 0; key < KEYS; key++) {
        OK(add_group(fixture, integer_key(key), blob));
    }
    fixture_end(fixture, "sheets/0001.db", integer_key(0), integer_key(KEYS - 1));
    fixture_open(fixture);
    for (unsigned key = 0; key < KEYS; key += 9999) {
        struct group group;

        assert_true(fixture_find(fixture, SHEETS, integer_key(key), &group));
        assert_int_equal(group.row_count, 1);
    }
}

static void chunks_are_numbered_from_zero(void **state)
{
    struct fixture *fixture = *state;

    fixture_begin(fixture, "notes/a.db", STORE_PARTITION);
    for (unsigned i = 0; i < 5; i++) {
        uint64_t id = 99;

        OK(store_chunk(fixture->store, narrow_blob(fixture, i), &id, &fixture->msg));
        assert_int_equal(id, i);
    }
}

static void an_abandoned_file_is_removed(void **state)
{
    struct fixture *fixture = *state;

    fixture_begin(fixture, "notes/a.db", STORE_PARTITION);
    OK(add_group(fixture, integer_key(1), narrow_blob(fixture, 100)));
    store_abandon(fixture->store);
    fixture->store = NULL;
    assert_no_file(fixture, "notes/a.db");
    store_abandon(NULL);
}

/* Writes groups until an error or the end. */
static enum err write_much(struct fixture *fixture)
{
    enum err rc = ERR_NONE;

    for (int64_t key = 0; rc == ERR_NONE && key < 300; key++) {
        struct key id = integer_key(key);

        fixture_clear_columns(fixture);
        for (unsigned i = 0; i < 1000; i++) {
            column_add_integer(fixture->columns[ID], (int64_t)(key * 7919 + i * i));
        }
        fixture_pack(fixture, BLOB_ROWS, fixture->columns, 1);
        rc = store_group(fixture->store, &id, buffer_slice(&fixture->blob), &fixture->msg);
    }
    if (rc == ERR_NONE) {
        struct store *store = fixture->store;

        fixture->store = NULL;
        return store_finish(store, &fixture->msg);
    }
    store_abandon(fixture->store);
    fixture->store = NULL;
    return rc;
}

/* Stands for a full disk: writes beyond the limit fail, each time at another place. */
static void a_file_that_cannot_grow_is_said_and_removed(void **state)
{
    static const rlim_t limits[] = {8192, 16384, 40960, 200000, 500000, 1000000};
    struct fixture *fixture = *state;
    struct rlimit before;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rlimit limit = {limits[i], before.rlim_max};
        char prefix[160];
        enum err rc;

        fixture_begin(fixture, "notes/a.db", STORE_PARTITION);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        rc = write_much(fixture);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(rc, ERR_SYSTEM);
        snprintf(prefix, sizeof prefix, "write %s/notes/a.db: ", fixture->folder);
        assert_memory_equal(fixture->msg.text, prefix, strlen(prefix));
        assert_true(strlen(fixture->msg.text) > strlen(prefix));
        assert_no_file(fixture, "notes/a.db");
    }
}

static void the_size_of_the_rows_is_about_that_of_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes;
    uint64_t size;

    fixture_begin(fixture, "notes/a.db", STORE_PARTITION);
    for (unsigned key = 0; key < 70000; key++) {
        OK(add_group(fixture, integer_key(key), narrow_blob(fixture, 20)));
    }
    size = store_bytes(fixture->store);
    finish(fixture);
    read_store(fixture, "notes/a.db", &bytes);
    assert_in_range(size, bytes.len / 2, bytes.len * 5 / 4);
    buffer_free(&bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(the_same_calls_give_the_same_bytes),
        TEST(the_file_says_what_it_is),
        TEST(a_file_that_is_there_already_is_not_overwritten),
        TEST(a_folder_that_is_missing_is_said),
        TEST(a_key_that_is_there_already_is_refused),
        TEST(a_store_without_any_text_takes_many_keys),
        TEST(chunks_are_numbered_from_zero),
        TEST(an_abandoned_file_is_removed),
        TEST(a_file_that_cannot_grow_is_said_and_removed),
        TEST(the_size_of_the_rows_is_about_that_of_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
