/*
 * The thread of the access log (uv_thread_create) on a disk that becomes full: RLIMIT_FSIZE has a write end within a line,
 * as ENOSPC does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "service/access_log.h"

enum { WAIT_US = 1000, WAITS_MAX = 60000 };

/* A log in a file of its own. */
struct fixture {
    char path[64];
    struct access_log *log;
    struct rlimit usual;
};

static void open_log(struct fixture *fixture)
{
    const struct access_log_options options = {.path = fixture->path, .sample = 1};
    struct errmsg msg;

    assert_int_equal(access_log_open(&options, &fixture->log, &msg), ERR_NONE);
}

static int setup(void **state)
{
    static struct fixture fixture;
    int fd;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &fixture.usual), 0);
    snprintf(fixture.path, sizeof fixture.path, "/tmp/vitrine-access-log-XXXXXX");
    fd = mkstemp(fixture.path);
    assert_true(fd >= 0);
    close(fd);
    open_log(&fixture);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    const struct fixture *fixture = *state;

    setrlimit(RLIMIT_FSIZE, &fixture->usual);
    access_log_close(fixture->log);
    unlink(fixture->path);
    return 0;
}

static void fill_disk_at(const struct fixture *fixture, rlim_t size)
{
    struct rlimit limit = {.rlim_cur = size, .rlim_max = fixture->usual.rlim_max};

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void make_room(const struct fixture *fixture)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &fixture->usual), 0);
}

/* Has TEXT written, and waits until WRITTEN and DROPPED lines are counted. */
static void add(struct fixture *fixture, const char *text, uint64_t written, uint64_t dropped)
{
    struct buffer lines;
    uint64_t seen[2] = {0, 0};
    uint64_t count = 0;

    buffer_init(&lines, 1 << 10);
    buffer_append_str(&lines, text);
    for (const char *at = text; *at != '\0'; at++) {
        count += *at == '\n';
    }
    access_log_add(fixture->log, &lines, count);
    for (unsigned i = 0; i < WAITS_MAX && seen[0] + seen[1] < written + dropped; i++) {
        usleep(WAIT_US);
        access_log_look(fixture->log, &seen[0], &seen[1]);
    }
    assert_int_equal(seen[0], written);
    assert_int_equal(seen[1], dropped);
}

static void assert_file(const struct fixture *fixture, const char *expected)
{
    struct buffer text;
    struct errmsg msg;

    buffer_init(&text, 1 << 10);
    assert_int_equal(file_read(fixture->path, &text, &msg), ERR_NONE);
    assert_string_equal(buffer_str(&text), expected);
    buffer_free(&text);
}

static void the_line_after_half_a_line_begins_a_new_one(void **state)
{
    struct fixture *fixture = *state;

    add(fixture, "first\n", 1, 0);
    fill_disk_at(fixture, 16);
    add(fixture, "second\nthird\nfourth\n", 2, 2);
    assert_file(fixture, "first\nsecond\nthi");
    make_room(fixture);
    add(fixture, "fifth\n", 3, 2);
    add(fixture, "sixth\n", 4, 2);
    assert_file(fixture, "first\nsecond\nthi\nfifth\nsixth\n");
}

static void no_line_is_empty_when_the_disk_is_full_between_two(void **state)
{
    struct fixture *fixture = *state;

    fill_disk_at(fixture, 6);
    add(fixture, "first\nsecond\n", 1, 1);
    make_room(fixture);
    add(fixture, "third\n", 2, 1);
    assert_file(fixture, "first\nthird\n");
}

static void half_a_line_is_ended_once_however_often_the_disk_is_full(void **state)
{
    struct fixture *fixture = *state;

    fill_disk_at(fixture, 3);
    add(fixture, "first\n", 0, 1);
    add(fixture, "second\n", 0, 2);
    fill_disk_at(fixture, 4);
    add(fixture, "third\n", 0, 3);
    assert_file(fixture, "fir\n");
    make_room(fixture);
    add(fixture, "fourth\n", 1, 3);
    assert_file(fixture, "fir\nfourth\n");
}

static void half_a_line_that_another_process_left_is_ended_too(void **state)
{
    struct fixture *fixture = *state;
    struct errmsg msg;

    access_log_close(fixture->log);
    assert_int_equal(file_write(fixture->path, slice_str("whole\nhal"), &msg), ERR_NONE);
    open_log(fixture);
    add(fixture, "first\n", 1, 0);
    assert_file(fixture, "whole\nhal\nfirst\n");
}

static void a_file_that_was_put_in_its_place_is_looked_at_again(void **state)
{
    struct fixture *fixture = *state;
    struct errmsg msg;

    fill_disk_at(fixture, 3);
    add(fixture, "first\n", 0, 1);
    make_room(fixture);
    assert_int_equal(unlink(fixture->path), 0);
    access_log_reopen(fixture->log);
    for (unsigned i = 0; i < WAITS_MAX && access(fixture->path, F_OK) != 0; i++) {
        usleep(WAIT_US);
    }
    add(fixture, "second\n", 1, 1);
    assert_file(fixture, "second\n");
    assert_int_equal(file_write(fixture->path, slice_str("hal"), &msg), ERR_NONE);
    access_log_reopen(fixture->log); /* before the next line */
    add(fixture, "third\n", 2, 1);
    assert_file(fixture, "hal\nthird\n");
}

int main(void)
{
#define LOGGED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        LOGGED(the_line_after_half_a_line_begins_a_new_one),
        LOGGED(no_line_is_empty_when_the_disk_is_full_between_two),
        LOGGED(half_a_line_is_ended_once_however_often_the_disk_is_full),
        LOGGED(half_a_line_that_another_process_left_is_ended_too),
        LOGGED(a_file_that_was_put_in_its_place_is_looked_at_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
