#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timestamp.h"

enum { SAID_SIZE = 16 << 10 };

/* What log_warn writes for an event "e" with one text as its fields, without the time. */
static void say(const char *text, char said[SAID_SIZE])
{
    int stderr_fd = dup(STDERR_FILENO);
    ssize_t size;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    log_warn("e", "%s", text);
    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
    size = read(ends[0], said, SAID_SIZE - 1);
    close(ends[0]);
    assert_true(size > TIMESTAMP_TEXT_LEN);
    memmove(said, said + TIMESTAMP_TEXT_LEN, (size_t)size - TIMESTAMP_TEXT_LEN);
    said[size - TIMESTAMP_TEXT_LEN] = '\0';
}

static void an_event_is_one_line_whatever_its_fields_hold(void **state)
{
    static const char *const cases[][2] = {
        {"reason=\"fine: \\ \xc3\xa9\"", " warn e reason=\"fine: \\ \xc3\xa9\"\n"},
        {"reason=\"ERROR:  no\nLINE 1: SELECT\n\t^\"",
         " warn e reason=\"ERROR:  no\\nLINE 1: SELECT\\n\\t^\"\n"},
        {"reason=\"a\r\n2026-01-01 error b\"", " warn e reason=\"a\\r\\n2026-01-01 error b\"\n"},
        {"reason=\"\x1b[31m\x01\x7f\"", " warn e reason=\"\\x1b[31m\\x01\\x7f\"\n"},
        {"", " warn e \n"},
    };
    char said[SAID_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        say(cases[i][0], said);
        assert_string_equal(said, cases[i][1]);
    }
}

/* Also where the bound falls within what stands for a byte. */
static void a_line_that_is_too_long_is_cut_between_two_bytes_of_its_fields(void **state)
{
    char text[4096];
    char said[SAID_SIZE];
    size_t len;

    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, '\x01', sizeof text - 1);
        memset(text, 'a', lead);
        text[sizeof text - 1] = '\0';
        say(text, said);
        len = strlen(said);
        assert_true(len > 1900 && len <= 2048);
        assert_string_equal(said + len - 5, "\\x01\n");
    }
    memset(text, 'a', sizeof text - 1);
    say(text, said);
    len = strlen(said);
    assert_true(len > 1900 && len <= 2048);
    assert_string_equal(said + len - 2, "a\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_one_line_whatever_its_fields_hold),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_between_two_bytes_of_its_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
