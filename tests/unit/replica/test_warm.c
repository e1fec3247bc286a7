#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/interrupt.h"
#include "replica/warm.h"
#include "tests/unit/replica/release_fixture.h"

static void make_release(struct fixture *fixture)
{
    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    for (unsigned key = 0; key < 100; key++) {
        fixture_group(fixture, integer_key(key), 10, key, 60);
    }
    fixture_end(fixture, "notes/0001.db", integer_key(0), integer_key(99));
    fixture_open(fixture);
}

static uint64_t total_bytes(const struct fixture *fixture)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < fixture->file_count; i++) {
        bytes += fixture->files[i].size_bytes;
    }
    return bytes;
}

/* Drops the release's files from the page cache, where the file system can. */
static void make_cold(struct fixture *fixture)
{
    for (unsigned i = 0; i < fixture->file_count; i++) {
        char *path = fixture_path(fixture, fixture->files[i].path.ptr);
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        fsync(fd);
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
        free(path);
    }
}

static void every_byte_of_a_release_is_brought_in(void **state)
{
    struct fixture *fixture = *state;
    struct warmed warmed;

    make_release(fixture);
    OK(warm_release(fixture->release, UINT64_MAX, &warmed, &fixture->msg));
    assert_int_equal(warmed.bytes, total_bytes(fixture));
    assert_true(warmed.read_bytes <= warmed.bytes);
}

static void reading_keeps_to_the_budget(void **state)
{
    struct fixture *fixture = *state;
    struct warmed warmed;

    make_release(fixture);
    reader_close(fixture->reader); /* what is mapped stays in memory */
    fixture->reader = NULL;
    make_cold(fixture);
    OK(warm_release(fixture->release, total_bytes(fixture) * 4, &warmed, &fixture->msg));
    if (warmed.read_bytes < total_bytes(fixture)) {
        skip(); /* the file system keeps its files in memory */
    }
    assert_in_range(warmed.elapsed_ms, 240, 5000);
}

static void a_file_that_is_missing_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct warmed warmed;
    char *path = fixture_path(fixture, "notes/0001.db");
    char expected[200];

    make_release(fixture);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(warm_release(fixture->release, 1 << 20, &warmed, &fixture->msg), ERR_SYSTEM);
    snprintf(expected, sizeof expected, "open %s: No such file or directory", path);
    assert_string_equal(fixture->msg.text, expected);
    free(path);
}

/* The last one: the flag stays up. */
static void an_interrupt_ends_it(void **state)
{
    struct fixture *fixture = *state;
    struct warmed warmed;

    make_release(fixture);
    interrupt_catch();
    raise(SIGTERM);
    assert_int_equal(warm_release(fixture->release, UINT64_MAX, &warmed, &fixture->msg),
                     ERR_INTERRUPTED);
    assert_non_null(strstr(fixture->msg.text, "was brought into memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_byte_of_a_release_is_brought_in, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(reading_keeps_to_the_budget, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_missing_is_named, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_interrupt_ends_it, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
