/*
 * The lines of a loop, and the thread that writes them: of the log, which calls uv_thread_create.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "service/access.h"

enum { CUT = 29 }; /* "time=" and a time */

static const struct proxies nobody = {.count = 0};

/* A log in a file of its own, and the lines of a loop. */
struct logged {
    char path[64];
    struct access_log *log;
    struct access access;
};

static void open_log(struct logged *logged, unsigned sample, bool is_json)
{
    struct errmsg msg;
    int fd;

    snprintf(logged->path, sizeof logged->path, "/tmp/vitrine-access-XXXXXX");
    fd = mkstemp(logged->path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(access_log_open(&(struct access_log_options){.path = logged->path,
                                                                  .is_json = is_json,
                                                                  .sample = sample},
                                     &logged->log, &msg),
                     ERR_NONE);
    access_init(&logged->access, logged->log, &nobody);
}

/* The file's text, when everything is written. */
static void close_log(struct logged *logged, struct buffer *out)
{
    struct errmsg msg;

    access_free(&logged->access);
    access_log_close(logged->log);
    buffer_init(out, 1 << 20);
    assert_int_equal(file_read(logged->path, out, &msg), ERR_NONE);
    unlink(logged->path);
}

static void ask(struct logged *logged, const char *target, unsigned status)
{
    struct request request = {.method = METHOD_GET, .target = slice_str(target)};

    access_answered(&logged->access, &request, status, 100);
}

static unsigned count(struct slice text, const char *what)
{
    unsigned found = 0;

    for (const char *at = text.ptr;
         (at = memmem(at, text.len - (size_t)(at - text.ptr), what, strlen(what))) != NULL; at++) {
        found++;
    }
    return found;
}

static void a_line_has_its_time_when_its_answer_was_sent(void **state)
{
    struct logged logged;
    struct buffer out;

    (void)state;
    open_log(&logged, 1, false);
    ask(&logged, "/a\"b", 200);
    access_flush(&logged.access);
    assert_int_equal(logged.access.lines.len, 0);
    access_sent(&logged.access, 12999);
    ask(&logged, "/never-sent", 200);
    close_log(&logged, &out);
    assert_int_equal(strncmp(buffer_str(&out), "time=20", 7), 0);
    assert_string_equal(
        buffer_str(&out) + CUT,
        " client=- id=- method=GET target=\"/a\\\"b\" status=200 bytes=100 us=12\n");
    buffer_free(&out);
}

static void json_lines_are_objects(void **state)
{
    struct logged logged;
    struct buffer out;

    (void)state;
    open_log(&logged, 1, true);
    access_refused(&logged.access, NULL, slice_str("r-1"), 400, 7);
    access_sent(&logged.access, 1000);
    close_log(&logged, &out);
    assert_int_equal(strncmp(buffer_str(&out), "{\"time\":\"20", 11), 0);
    assert_string_equal(
        strchr(buffer_str(&out), ','),
        ",\"client\":\"-\",\"id\":\"r-1\",\"method\":\"-\",\"target\":\"\",\"status\":400,"
        "\"bytes\":7,\"us\":1}\n");
    buffer_free(&out);
}

static void one_in_so_many_is_written_and_every_error(void **state)
{
    struct logged logged;
    struct buffer out;

    (void)state;
    open_log(&logged, 4, false);
    for (int i = 0; i < 20; i++) {
        ask(&logged, "/good", 304);
        access_sent(&logged.access, 1);
    }
    for (int i = 0; i < 4; i++) {
        ask(&logged, "/bad", 404);
        ask(&logged, "/good", 200);
    }
    access_sent(&logged.access, 1);
    close_log(&logged, &out);
    assert_int_equal(count(buffer_slice(&out), "/good"), 6);
    assert_int_equal(count(buffer_slice(&out), "/bad"), 4);
    buffer_free(&out);
}

static void a_request_that_is_answered_later_keeps_its_target_and_id(void **state)
{
    struct logged logged;
    struct buffer out;
    char target[] = "/later";
    char id[] = "7f-3";
    struct request request = {
        .method = METHOD_PUT, .target = slice_str(target), .id = slice_str(id)};
    struct access_kept *kept;

    (void)state;
    open_log(&logged, 1000, false);
    kept = access_keep(&logged.access, &request);
    memset(target, 'x', sizeof target - 1);
    memset(id, 'x', sizeof id - 1);
    access_answered_later(&logged.access, kept, 0, 0);
    access_sent(&logged.access, 5000);
    close_log(&logged, &out);
    assert_string_equal(buffer_str(&out) + CUT,
                        " client=- id=7f-3 method=PUT target=\"/later\" status=0 bytes=0 us=5\n");
    buffer_free(&out);
}

static void written_and_dropped_lines_are_counted(void **state)
{
    struct logged logged;
    struct buffer out;
    uint64_t written = 0;
    uint64_t dropped;

    (void)state;
    open_log(&logged, 1, false);
    for (int i = 0; i < 5; i++) {
        ask(&logged, "/", 200);
    }
    access_sent(&logged.access, 1);
    access_flush(&logged.access);
    access_log_drop(logged.log, 2);
    for (int i = 0; i < 60000 && written < 5; i++) {
        usleep(1000);
        access_log_look(logged.log, &written, &dropped);
    }
    assert_int_equal(written, 5);
    assert_int_equal(dropped, 2);
    close_log(&logged, &out);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_time_when_its_answer_was_sent),
        cmocka_unit_test(json_lines_are_objects),
        cmocka_unit_test(one_in_so_many_is_written_and_every_error),
        cmocka_unit_test(a_request_that_is_answered_later_keeps_its_target_and_id),
        cmocka_unit_test(written_and_dropped_lines_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
