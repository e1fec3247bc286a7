#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/file_copy.h"

struct place {
    char folder[64];
    char *from;
    char *to;
    struct errmsg msg;
};

static int set_up(void **state)
{
    struct place *place = memory_calloc(1, sizeof *place);

    snprintf(place->folder, sizeof place->folder, "/tmp/vitrine_copy_XXXXXX");
    if (mkdtemp(place->folder) == NULL) {
        return -1;
    }
    place->from = path_join(place->folder, "from");
    place->to = path_join(place->folder, "to");
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    enum err rc = dir_remove(place->folder, &place->msg);

    free(place->from);
    free(place->to);
    free(place);
    return rc == ERR_NONE ? 0 : -1;
}

static void write_bytes(struct place *place, const char *path, size_t size)
{
    char *bytes = memory_alloc(size + 1);

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)(i * 31 + i / 251);
    }
    assert_int_equal(file_write(path, slice_of(bytes, size), &place->msg), ERR_NONE);
    free(bytes);
}

static void assert_copies(struct place *place, size_t size, enum file_sharing sharing)
{
    struct buffer from;
    struct buffer to;

    buffer_init(&from, 1 << 24);
    buffer_init(&to, 1 << 24);
    write_bytes(place, place->from, size);
    assert_int_equal(file_copy(place->from, place->to, sharing, &place->msg), ERR_NONE);
    assert_int_equal(file_read(place->from, &from, &place->msg), ERR_NONE);
    assert_int_equal(file_read(place->to, &to, &place->msg), ERR_NONE);
    assert_int_equal(to.len, size);
    assert_true(slice_equal(buffer_slice(&from), buffer_slice(&to)));
    assert_int_equal(remove(place->to), 0);
    buffer_free(&from);
    buffer_free(&to);
}

static void a_copy_holds_the_same_bytes(void **state)
{
    static const size_t sizes[] = {0, 1, 4096, 3 << 20, (3 << 20) + 17};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_copies(*state, sizes[i], COPY_SHARES);
        assert_copies(*state, sizes[i], COPY_APART);
    }
}

static void a_change_of_the_copy_leaves_the_file_as_it_was(void **state)
{
    struct place *place = *state;
    struct buffer from;
    FILE *to;

    buffer_init(&from, 1 << 16);
    write_bytes(place, place->from, 5000);
    assert_int_equal(file_copy(place->from, place->to, COPY_SHARES, &place->msg), ERR_NONE);
    to = fopen(place->to, "r+");
    assert_non_null(to);
    assert_true(fputs("changed", to) >= 0);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(file_read(place->from, &from, &place->msg), ERR_NONE);
    assert_int_equal(from.len, 5000);
    assert_true(memcmp(from.ptr, "changed", 7) != 0);
    buffer_free(&from);
}

static void what_cannot_be_copied_is_said_and_leaves_nothing(void **state)
{
    struct place *place = *state;
    char expected[160];

    assert_int_equal(file_copy(place->from, place->to, COPY_SHARES, &place->msg), ERR_SYSTEM);
    snprintf(expected, sizeof expected, "open %s: No such file or directory", place->from);
    assert_string_equal(place->msg.text, expected);
    assert_false(file_exists(place->to));
    assert_int_equal(file_copy(place->folder, place->to, COPY_SHARES, &place->msg), ERR_SYSTEM);
    snprintf(expected, sizeof expected, "read %s: Is a directory", place->folder);
    assert_string_equal(place->msg.text, expected);
    assert_false(file_exists(place->to));
}

static void a_file_that_is_there_already_is_not_overwritten(void **state)
{
    struct place *place = *state;
    uint64_t size = 0;
    char expected[160];

    write_bytes(place, place->from, 100);
    write_bytes(place, place->to, 7);
    assert_int_equal(file_copy(place->from, place->to, COPY_SHARES, &place->msg), ERR_SYSTEM);
    snprintf(expected, sizeof expected, "open %s: File exists", place->to);
    assert_string_equal(place->msg.text, expected);
    assert_int_equal(file_size(place->to, &size, &place->msg), ERR_NONE);
    assert_int_equal(size, 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_copy_holds_the_same_bytes),
        TEST(a_change_of_the_copy_leaves_the_file_as_it_was),
        TEST(what_cannot_be_copied_is_said_and_leaves_nothing),
        TEST(a_file_that_is_there_already_is_not_overwritten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
