/* A store holds rows back until it knows its dictionary, but not without limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"
#include "replica/format.h"
#include "replica/store.h"

enum { BLOB_BYTES = 1 << 20, BLOBS = 80 };

/* Its text is too large to be compressed, so the dictionary learns nothing from it. */
static void rows_too_large_to_compress_go_to_the_file_while_it_is_filled(void **state)
{
    char folder[] = "/tmp/vitrine_store_XXXXXX";
    char *bytes = memory_calloc(1, BLOB_BYTES);
    char *path;
    struct store *store;
    struct errmsg msg;
    uint64_t size = 0;

    (void)state;
    bytes[0] = BLOB_ROWS;
    store_u32le(bytes + 4, BLOB_HEADER_SIZE);
    assert_non_null(mkdtemp(folder));
    path = path_join(folder, "0001.db");
    assert_int_equal(store_create(path, STORE_PARTITION, &store, &msg), ERR_NONE);
    for (int i = 0; i < BLOBS; i++) {
        struct key key = {.integer = i};

        assert_int_equal(store_group(store, &key, slice_of(bytes, BLOB_BYTES), &msg), ERR_NONE);
    }
    assert_int_equal(file_size(path, &size, &msg), ERR_NONE);
    assert_true(size > (uint64_t)BLOBS / 2 * BLOB_BYTES);
    assert_int_equal(store_finish(store, &msg), ERR_NONE);
    assert_int_equal(dir_remove(folder, &msg), ERR_NONE);
    free(path);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_too_large_to_compress_go_to_the_file_while_it_is_filled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
