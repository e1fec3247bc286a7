#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "replica/blob.h"
#include "replica/partition.h"
#include "replica/store.h"

/* Keys 3 apart, from negative ones to some of nine bytes, each with a blob of its own size. */
enum { KEYS = 3000, SPACING = 3, BLOB_MIN = 40, BLOB_MOST = 3000 };

struct file {
    char folder[64];
    char *path;
    struct partition partition;
    struct buffer copy; /* the file on the heap, where reading beyond its end is noticed */
    struct tree_file tree;
    struct errmsg msg;
};

static int64_t key_of(unsigned index)
{
    if (index >= KEYS - 10) {
        return INT64_MAX - (int64_t)(KEYS - 1 - index) * SPACING;
    }
    return ((int64_t)index - KEYS / 2) * SPACING;
}

static size_t size_of(unsigned index)
{
    return BLOB_MIN + (size_t)index * 7919 % (BLOB_MOST - BLOB_MIN);
}

/* A blob as the store wants it: no wide part, so that it is not compressed. */
static void make_blob(struct buffer *out, size_t size, unsigned index)
{
    buffer_clear(out);
    for (size_t i = 0; i < size; i++) {
        buffer_append_byte(out, (char)(index * 31 + i * 7));
    }
    out->ptr[0] = BLOB_ROWS;
    store_u32le(out->ptr + 4, (uint32_t)size);
}

static void write_file(struct file *file, unsigned count, size_t size)
{
    struct store *store;
    struct buffer blob;

    buffer_init(&blob, 1 << 20);
    assert_int_equal(store_create(file->path, STORE_PARTITION, &store, &file->msg), ERR_NONE);
    for (unsigned i = 0; i < count; i++) {
        struct key key = {.integer = key_of(i)};

        make_blob(&blob, size == 0 ? size_of(i) : size, i);
        assert_int_equal(store_group(store, &key, buffer_slice(&blob), &file->msg), ERR_NONE);
    }
    assert_int_equal(store_finish(store, &file->msg), ERR_NONE);
    buffer_free(&blob);
}

/* A file of COUNT rows of SIZE bytes (0: of all sizes), opened and copied. */
static void open_file(struct file *file, unsigned count, size_t size)
{
    write_file(file, count, size);
    file->partition.path = file->path;
    assert_int_equal(partition_open(&file->partition, &file->msg), ERR_NONE);
    assert_int_equal(file_read(file->path, &file->copy, &file->msg), ERR_NONE);
    file->copy.ptr = memory_realloc(file->copy.ptr, file->copy.len);
    file->copy.capacity = file->copy.len;
    file->tree = (struct tree_file){(const uint8_t *)file->copy.ptr, file->copy.len, NULL};
}

static void close_file(struct file *file)
{
    partition_close(&file->partition);
    buffer_free(&file->copy);
    unlink(file->path);
}

static enum tree_result find(const struct file *file, int64_t id, struct slice *data)
{
    return tree_find(&file->tree, file->partition.roots[TABLE_GROUPS], id, data);
}

static int setup(void **state)
{
    struct file *file = memory_calloc(1, sizeof *file);

    snprintf(file->folder, sizeof file->folder, "/tmp/vitrine_tree_XXXXXX");
    if (mkdtemp(file->folder) == NULL) {
        return -1;
    }
    file->path = path_join(file->folder, "%s", "0001.db");
    buffer_init(&file->copy, 1 << 26);
    *state = file;
    return 0;
}

static int teardown(void **state)
{
    struct file *file = *state;
    enum err rc;

    close_file(file);
    rc = dir_remove(file->folder, &file->msg);
    free(file->path);
    free(file);
    return rc == ERR_NONE ? 0 : -1;
}

static void every_row_is_found_with_its_bytes(void **state)
{
    struct file *file = *state;
    struct buffer blob;

    buffer_init(&blob, 1 << 20);
    open_file(file, KEYS, 0);
    for (unsigned i = 0; i < KEYS; i++) {
        struct slice copied;
        struct slice mapped;

        make_blob(&blob, size_of(i), i);
        assert_int_equal(find(file, key_of(i), &copied), TREE_FOUND);
        assert_true(slice_equal(copied, buffer_slice(&blob)));
        assert_int_equal(partition_look(&file->partition, TABLE_GROUPS, key_of(i), &mapped),
                         TREE_FOUND);
        assert_true(slice_equal(mapped, buffer_slice(&blob)));
    }
    buffer_free(&blob);
}

static void a_key_between_before_or_behind_the_others_is_absent(void **state)
{
    struct file *file = *state;
    struct slice data;

    open_file(file, KEYS - 10, 0);
    assert_int_equal(find(file, INT64_MIN, &data), TREE_ABSENT);
    assert_int_equal(find(file, INT64_MAX, &data), TREE_ABSENT);
    for (unsigned i = 0; i < KEYS - 10; i++) {
        assert_int_equal(find(file, key_of(i) - 1, &data), TREE_ABSENT);
        assert_int_equal(find(file, key_of(i) + 1, &data), TREE_ABSENT);
    }
}

/* A page takes a payload of 4061 bytes, of which the lengths of its columns are four. */
static void a_row_that_does_not_fit_its_page_is_left_to_sqlite(void **state)
{
    static const struct {
        size_t size;
        enum tree_result expected;
    } cases[] = {{4057, TREE_FOUND}, {4058, TREE_UNSURE}, {5000, TREE_UNSURE}};
    struct file *file = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice data;

        open_file(file, 4, cases[i].size);
        assert_int_equal(find(file, key_of(1), &data), cases[i].expected);
        close_file(file);
    }
}

static void an_empty_or_missing_table_is_left_to_sqlite(void **state)
{
    struct file *file = *state;
    struct slice data;

    open_file(file, 1, 0);
    assert_int_equal(partition_look(&file->partition, TABLE_CHUNKS, 0, &data), TREE_UNSURE);
    assert_int_equal(partition_look(&file->partition, TABLE_BLOCKS, 0, &data), TREE_UNSURE);
    assert_int_equal(tree_find(&file->tree, UINT32_MAX, 0, &data), TREE_UNSURE);
}

static void a_file_with_an_unusual_header_is_left_to_sqlite(void **state)
{
    static const struct {
        size_t at;
        char value;
    } cases[] = {{0, 's'}, {16, 0x20}, {20, 8}};
    struct file *file = *state;

    open_file(file, 4, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char kept = file->copy.ptr[cases[i].at];
        struct tree_file tree;

        file->copy.ptr[cases[i].at] = cases[i].value;
        assert_int_equal(file_write(file->path, buffer_slice(&file->copy), &file->msg), ERR_NONE);
        tree_map(&tree, file->path);
        assert_null(tree.bytes);
        file->copy.ptr[cases[i].at] = kept;
    }
}

static void a_file_that_is_not_there_is_not_mapped(void **state)
{
    struct file *file = *state;
    struct tree_file tree;
    struct slice data;

    tree_map(&tree, file->path);
    assert_null(tree.bytes);
    assert_int_equal(tree_find(&tree, 2, 1, &data), TREE_UNSURE);
}

/* Whether FOUND lies within the file. */
static bool is_inside(const struct file *file, struct slice found)
{
    return found.ptr >= file->copy.ptr && found.len <= file->copy.len &&
           (size_t)(found.ptr - file->copy.ptr) <= file->copy.len - found.len;
}

/* A file of a few leaves below one interior page; headers, pointers and cells are all damaged. */
static void no_damaged_byte_leads_outside_the_file(void **state)
{
    static const unsigned char values[] = {0x00, 0x05, 0x0d, 0x7f, 0x80, 0xff};
    struct file *file = *state;
    unsigned unsure = 0;

    open_file(file, 40, 600);
    for (size_t at = FORMAT_PAGE_SIZE; at < file->copy.len; at++) {
        char kept = file->copy.ptr[at];

        for (size_t v = 0; v < sizeof values; v++) {
            file->copy.ptr[at] = (char)values[v];
            for (unsigned i = 0; i < 40; i += 13) {
                struct slice data;
                enum tree_result result = find(file, key_of(i), &data);

                assert_true(result != TREE_FOUND || is_inside(file, data));
                unsure += result == TREE_UNSURE;
            }
        }
        file->copy.ptr[at] = kept;
    }
    assert_true(unsure > 0);
}

/* The header of a row claims more bytes than the row has, and its blob as many less as wrap around. */
static void a_header_that_is_longer_than_its_row_is_not_believed(void **state)
{
    struct file *file = *state;
    unsigned char *page = memory_calloc(2, FORMAT_PAGE_SIZE);
    unsigned char *leaf = page + FORMAT_PAGE_SIZE;
    uint64_t type = 2 * (uint64_t)(UINT32_MAX - 2) + 12;
    struct slice data;

    leaf[0] = 0x0d;
    leaf[4] = 1;                    /* one cell */
    leaf[8] = 0x0f, leaf[9] = 0x00; /* at 3840 */
    leaf[3840] = 16;                /* bytes of the row */
    leaf[3841] = 5;                 /* its rowid */
    memset(leaf + 3842, 0x80, 8);
    leaf[3850] = 19; /* bytes of its header */
    leaf[3851] = 0;
    for (unsigned i = 0; i < 8; i++) { /* the type of the blob in nine bytes */
        leaf[3852 + i] = (unsigned char)(0x80 | (type >> (8 + 7 * (7 - i)) & 0x7f));
    }
    leaf[3860] = (unsigned char)type;
    file->tree = (struct tree_file){page, (size_t)2 * FORMAT_PAGE_SIZE, NULL};
    assert_int_equal(tree_find(&file->tree, 2, 5, &data), TREE_UNSURE);
    free(page);
}

/* 2^32 + 100 bytes, of which 32 bits are 100. */
static void a_row_of_more_bytes_than_a_page_is_not_believed(void **state)
{
    static const unsigned char row[] = {0x90, 0x80, 0x80, 0x80, 0x64, 5, 4, 0, 0x81, 0x4c};
    struct file *file = *state;
    unsigned char *page = memory_calloc(2, FORMAT_PAGE_SIZE);
    unsigned char *leaf = page + FORMAT_PAGE_SIZE;
    struct slice data;

    leaf[0] = 0x0d;
    leaf[4] = 1;
    leaf[8] = 0x0f;
    memcpy(leaf + 3840, row, sizeof row);
    file->tree = (struct tree_file){page, (size_t)2 * FORMAT_PAGE_SIZE, NULL};
    assert_int_equal(tree_find(&file->tree, 2, 5, &data), TREE_UNSURE);
    free(page);
}

/* The size of the row takes all that is left of the last page of the file. */
static void a_cell_that_the_end_of_the_file_cuts_off_is_not_believed(void **state)
{
    struct file *file = *state;
    unsigned char *page = memory_calloc(2, FORMAT_PAGE_SIZE);
    unsigned char *leaf = page + FORMAT_PAGE_SIZE;
    struct slice data;

    leaf[0] = 0x0d;
    leaf[4] = 1;
    leaf[8] = 0x0f, leaf[9] = 0xfb; /* at 4091 */
    memset(leaf + 4091, 0x80, 5);
    file->tree = (struct tree_file){page, (size_t)2 * FORMAT_PAGE_SIZE, NULL};
    assert_int_equal(tree_find(&file->tree, 2, 5, &data), TREE_UNSURE);
    free(page);
}

static void pages_that_lead_in_a_circle_end(void **state)
{
    struct file *file = *state;
    unsigned char *page = memory_calloc(2, FORMAT_PAGE_SIZE);
    unsigned char *interior = page + FORMAT_PAGE_SIZE;
    struct slice data;

    interior[0] = 0x05;
    interior[4] = 1;                          /* one cell */
    interior[11] = 2;                         /* the last child: this page */
    interior[12] = 0x0f, interior[13] = 0xf0; /* at 4080 */
    interior[4083] = 2;
    interior[4084] = 9;
    file->tree = (struct tree_file){page, (size_t)2 * FORMAT_PAGE_SIZE, NULL};
    assert_int_equal(tree_find(&file->tree, 2, 5, &data), TREE_UNSURE);
    assert_int_equal(tree_find(&file->tree, 2, 50, &data), TREE_UNSURE);
    free(page);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_row_is_found_with_its_bytes),
        TEST(a_key_between_before_or_behind_the_others_is_absent),
        TEST(a_row_that_does_not_fit_its_page_is_left_to_sqlite),
        TEST(an_empty_or_missing_table_is_left_to_sqlite),
        TEST(a_file_with_an_unusual_header_is_left_to_sqlite),
        TEST(a_file_that_is_not_there_is_not_mapped),
        TEST(no_damaged_byte_leads_outside_the_file),
        TEST(a_header_that_is_longer_than_its_row_is_not_believed),
        TEST(a_row_of_more_bytes_than_a_page_is_not_believed),
        TEST(a_cell_that_the_end_of_the_file_cuts_off_is_not_believed),
        TEST(pages_that_lead_in_a_circle_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
