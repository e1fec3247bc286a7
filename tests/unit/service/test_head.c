#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "base/buffer.h"
#include "service/head.h"

/* Built 90 s ago. */
static void name_release(struct head_writer *writer, uint64_t position)
{
    head_writer_name_release(writer, &(struct head_release){.name = "000042",
                                                            .position = position,
                                                            .built_ms = (time(NULL) - 90) * 1000});
}

static void write_body(struct head_writer *writer, const struct head *head, size_t len,
                       bool keep_body, struct buffer *out)
{
    head_begin(writer, head, out);
    for (size_t i = 0; i < len; i++) {
        buffer_append_byte(out, (char)('a' + i % 26));
    }
    head_end(writer, keep_body, out);
}

/* Checks the answer at *AT, whose body has LEN bytes when KEPT, and moves *AT behind it. */
static void assert_answer(const char **at, size_t len, bool kept)
{
    const char *end = strstr(*at, "\r\n\r\n");
    const char *found = strstr(*at, "Content-Length: ");
    char line[64];

    assert_non_null(end);
    assert_non_null(found);
    assert_true(found < end);
    snprintf(line, sizeof line, "Content-Length: %zu\r\n", len);
    assert_memory_equal(found, line, strlen(line));
    assert_memory_equal(*at, "HTTP/1.1 200 OK\r\n", 17);
    *at = end + 4;
    for (size_t i = 0; kept && i < len; i++) {
        assert_int_equal((*at)[i], 'a' + i % 26);
    }
    *at += kept ? len : 0;
}

static void bodies_of_any_length_follow_each_other(void **state)
{
    static const size_t lens[] = {0, 5, 1234, 9, 10, 99, 100, 12345, 1, 0, 999999, 3};
    static const struct head head = {.status = 200, .type = BODY_JSON};
    struct head_writer writer;
    struct buffer out;
    const char *at;

    (void)state;
    head_writer_init(&writer);
    name_release(&writer, 0);
    buffer_init(&out, 16 << 20);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        write_body(&writer, &head, lens[i], true, &out);
        write_body(&writer, &head, lens[i], false, &out);
    }
    at = buffer_str(&out);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        assert_answer(&at, lens[i], true);
        assert_answer(&at, lens[i], false);
    }
    assert_ptr_equal(at, out.ptr + out.len);
    buffer_free(&out);
    head_writer_free(&writer);
}

#define COMMON                                                                                     \
    "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n"                       \
    "Vitrine-Release: 000042\r\nDate: Sat, 21 Nov 2026 02:30:00 GMT\r\nVitrine-Age: 90\r\n"
#define NOT_KEPT "Cache-Control: no-store\r\n"

static void assert_head(const struct head *head, bool has_body, const char *expected)
{
    struct head_writer writer;
    struct buffer out;
    char *date;
    char *age;

    head_writer_init(&writer);
    name_release(&writer, 0);
    buffer_init(&out, 4096);
    if (has_body) {
        write_body(&writer, head, 3, true, &out);
    } else {
        head_alone(&writer, head, &out);
    }
    buffer_str(&out);
    date = strstr(out.ptr, "Date: ");
    assert_non_null(date);
    assert_memory_equal(date + 31, " GMT\r\n", 6);
    memcpy(date + 6, "Sat, 21 Nov 2026 02:30:00", 25);
    age = strstr(out.ptr, "Vitrine-Age: 9");
    assert_non_null(age);
    age[sizeof "Vitrine-Age: 9" - 1] = '0'; /* 90, or 91 when a second began meanwhile */
    assert_string_equal(out.ptr, expected);
    buffer_free(&out);
    head_writer_free(&writer);
}

static void heads_have_these_lines_and_no_others(void **state)
{
    static const struct head json = {.status = 200, .type = BODY_JSON};
    static const struct head text = {
        .status = 405, .type = BODY_TEXT, .is_close = true, .extra = "Allow: GET\r\n"};
    static const struct head kept = {.status = 418, .type = BODY_TEXT, .is_keep_alive = true};
    static const struct head none = {.status = 204};

    (void)state;
    assert_head(
        &json, true,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n" COMMON NOT_KEPT
        "Content-Length: 3\r\n\r\nabc");
    assert_head(
        &text, true,
        "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\n" COMMON
            NOT_KEPT "Connection: close\r\nAllow: GET\r\n"
        "Content-Length: 3\r\n\r\nabc");
    assert_head(&kept, true,
                "HTTP/1.1 418 \r\nContent-Type: text/plain; charset=utf-8\r\n" COMMON NOT_KEPT
                "Connection: keep-alive\r\n"
                "Content-Length: 3\r\n\r\nabc");
    assert_head(&none, false, "HTTP/1.1 204 No Content\r\n" COMMON NOT_KEPT "\r\n");
}

static void answers_that_can_be_kept_say_so(void **state)
{
    const struct slice cache = slice_str("Cache-Control: max-age=60\r\n");
    const struct head plain = {.status = 404, .type = BODY_TEXT, .cache = cache};
    struct head tagged = {.status = 200,
                          .type = BODY_JSON,
                          .cache = cache,
                          .has_etag = true,
                          .etag = 0x0123456789abcdefU,
                          .id = slice_str("id-7")};

    (void)state;
    assert_head(&plain, true,
                "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n" COMMON
                "Cache-Control: max-age=60\r\nContent-Length: 3\r\n\r\nabc");
    assert_head(&tagged, true,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n" COMMON
                "Cache-Control: max-age=60\r\nVary: Accept-Encoding\r\n"
                "ETag: \"0123456789abcdef\"\r\nX-Request-Id: id-7\r\n"
                "Content-Length: 3\r\n\r\nabc");
    tagged.is_gzip = true;
    assert_head(&tagged, true,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n" COMMON
                "Cache-Control: max-age=60\r\nVary: Accept-Encoding\r\n"
                "ETag: \"0123456789abcdef-gzip\"\r\nX-Request-Id: id-7\r\n"
                "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc");
    tagged.status = 304;
    assert_head(&tagged, false,
                "HTTP/1.1 304 Not Modified\r\n" COMMON
                "Cache-Control: max-age=60\r\nVary: Accept-Encoding\r\n"
                "ETag: \"0123456789abcdef-gzip\"\r\nX-Request-Id: id-7\r\n\r\n");
}

/* The body makes the head one digit longer; the tag stays where it is. */
static void a_tag_may_come_with_the_body(void **state)
{
    static const struct head head = {
        .status = 200, .type = BODY_JSON, .has_etag = true, .cache = {"A: b\r\n", 6}};
    struct head_writer writer;
    struct buffer out;

    (void)state;
    head_writer_init(&writer);
    name_release(&writer, 0);
    buffer_init(&out, 1 << 20);
    write_body(&writer, &head, 1, true, &out);
    head_begin(&writer, &head, &out);
    for (unsigned i = 0; i < 12345; i++) {
        buffer_append_byte(&out, 'x');
    }
    head_set_etag(&writer, 0xfedcba9876543210U, &out);
    head_end(&writer, true, &out);
    assert_non_null(strstr(buffer_str(&out), "ETag: \"0000000000000000\"\r\n"));
    assert_non_null(strstr(buffer_str(&out), "ETag: \"fedcba9876543210\"\r\n"));
    assert_non_null(strstr(buffer_str(&out), "Content-Length: 12345\r\n\r\nxxx"));
    buffer_free(&out);
    head_writer_free(&writer);
}

static void an_answer_that_is_taken_back_leaves_no_trace(void **state)
{
    static const struct head head = {.status = 200, .type = BODY_JSON};
    struct head_writer writer;
    struct buffer out;
    const char *at;

    (void)state;
    head_writer_init(&writer);
    name_release(&writer, 0);
    buffer_init(&out, 4096);
    write_body(&writer, &head, 3, true, &out);
    head_begin(&writer, &head, &out);
    while (!out.overflowed) {
        buffer_append_byte(&out, 'x');
    }
    head_undo(&writer, &out);
    assert_false(out.overflowed);
    write_body(&writer, &head, 4, true, &out);
    at = buffer_str(&out);
    assert_answer(&at, 3, true);
    assert_answer(&at, 4, true);
    assert_ptr_equal(at, out.ptr + out.len);
    buffer_free(&out);
    head_writer_free(&writer);
}

/* Position and age of a release are told, unless the answer is not from it. */
static void answers_from_files_tell_position_and_age_of_their_release(void **state)
{
    static const struct {
        uint64_t position;
        bool is_from_source;
        bool is_told;
    } cases[] = {{0, false, false}, {17, false, true}, {17, true, false}, {0, true, false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct head head = {.status = 201, .is_from_source = cases[i].is_from_source};
        struct head_writer writer;
        struct buffer out;

        head_writer_init(&writer);
        name_release(&writer, cases[i].position);
        buffer_init(&out, 4096);
        write_body(&writer, &head, 1, true, &out);
        assert_int_equal(strncmp(buffer_str(&out), "HTTP/1.1 201 Created\r\n", 22), 0);
        assert_int_equal(strstr(buffer_str(&out), "\r\nVitrine-Position: 17\r\n") != NULL,
                         cases[i].is_told);
        assert_int_equal(strstr(buffer_str(&out), "Position") != NULL, cases[i].is_told);
        assert_int_equal(strstr(buffer_str(&out), "\r\nVitrine-Age: 9") != NULL,
                         !cases[i].is_from_source);
        assert_non_null(strstr(buffer_str(&out), "\r\nVitrine-Release: 000042\r\nDate: "));
        buffer_free(&out);
        head_writer_free(&writer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_of_any_length_follow_each_other),
        cmocka_unit_test(heads_have_these_lines_and_no_others),
        cmocka_unit_test(answers_that_can_be_kept_say_so),
        cmocka_unit_test(a_tag_may_come_with_the_body),
        cmocka_unit_test(an_answer_that_is_taken_back_leaves_no_trace),
        cmocka_unit_test(answers_from_files_tell_position_and_age_of_their_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
