/* Lines that others read differently, and bodies that nobody wants. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "service/http.h"

struct seen {
    struct http http;
    bool wants;
    unsigned asked; /* wants_body */
    unsigned continues;
    struct buffer requests; /* their targets and bodies */
};

static bool on_request(void *context, struct request *request)
{
    struct seen *seen = context;

    buffer_printf(&seen->requests, "%.*s[%.*s]%s ", SLICE_ARG(request->target),
                  SLICE_ARG(request->body), request->keep_alive ? "" : " close");
    return true;
}

static void on_continue(void *context)
{
    ((struct seen *)context)->continues++;
}

static bool wants_body(void *context, const struct request *request)
{
    struct seen *seen = context;

    assert_int_equal(request->method, METHOD_POST);
    assert_true(slice_is(request->target, "/a"));
    assert_true(slice_is(request->headers[HEADER_COOKIE], "c"));
    assert_int_equal(request->body.len, 0);
    seen->asked++;
    return seen->wants;
}

static const struct http_handler handler = {
    .on_request = on_request, .on_continue = on_continue, .wants_body = wants_body};

static void seen_init(struct seen *seen, bool wants)
{
    *seen = (struct seen){.wants = wants};
    http_init(&seen->http, &handler, seen);
    buffer_init(&seen->requests, 4096);
}

static void seen_free(struct seen *seen)
{
    http_free(&seen->http);
    buffer_free(&seen->requests);
}

/* BYTES in memory of their own, that is gone afterwards. */
static enum feed_result feed(struct seen *seen, const char *bytes, size_t len)
{
    char *copy = memory_alloc(len);
    size_t taken;
    enum feed_result result;

    memcpy(copy, bytes, len);
    result = http_feed(&seen->http, slice_of(copy, len), &taken);
    memset(copy, 'X', len);
    free(copy);
    return result;
}

/* In pieces of SIZE, the first of FIRST bytes. */
static enum feed_result feed_all(struct seen *seen, const char *text, size_t first, size_t size)
{
    enum feed_result result = feed(seen, text, first);
    size_t len = strlen(text);

    for (size_t at = first; at < len && result == FEED_TAKEN; at += size) {
        result = feed(seen, text + at, len - at < size ? len - at : size);
    }
    return result;
}

/* ---- folded lines ---- */

static void check_refused(const char *text, size_t first, size_t size)
{
    struct seen seen;

    seen_init(&seen, true);
    assert_int_equal(feed_all(&seen, text, first, size), FEED_REFUSED);
    assert_int_equal(seen.http.status, 400);
    assert_int_equal(seen.requests.len, 0);
    seen_free(&seen);
}

/* In two pieces, in one and single bytes, and in pieces of every size. */
static void check_refused_in_pieces(const char *text)
{
    size_t len = strlen(text);

    for (size_t first = 1; first <= len; first++) {
        check_refused(text, first, len);
        check_refused(text, first, 1);
    }
    for (size_t size = 2; size < len; size++) {
        check_refused(text, size, size);
    }
}

static void a_folded_line_is_refused_however_it_is_split(void **state)
{
    static const char *const folds[] = {
        "A: b\r\n c\r\n",
        "A: b\r\n\tc\r\n",
        "A: b\r\n \r\n",
        "A: b \r\n c\r\n",
        "A:b\r\n Content-Length: 5\r\n",
        "A:\r\n b\r\n",
        "A: \r\n\tb\r\n",
        "A:\r\n \r\n",
        "A:\r\n \r\n b\r\n",
        "A:  \r\n  \r\n",
        "Content-Length: 5\r\n 6\r\n",
        "Content-Length:\r\n 5\r\n",
        "Content-Length: 5\r\n \r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding: chunked\r\n \r\n",
        "Transfer-Encoding: gzip,\r\n chunked\r\n",
        "Connection: close,\r\n keep-alive\r\n",
        "Connection:\r\n close\r\n",
        "Upgrade: a\r\n b\r\n",
        "Cookie: a\r\n ; b\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++) {
        char text[256];

        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", folds[i]);
        check_refused_in_pieces(text);
    }
}

static void a_line_feed_alone_ends_nothing_however_it_is_split(void **state)
{
    static const char *const cases[] = {
        "GET / HTTP/1.1\r\nHost: x\r\n\n",
        "GET / HTTP/1.1\r\nHost:\r\n\n",
        "GET / HTTP/1.1\r\nHost: \r\n\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\na",
        "GET / HTTP/1.1\r\nHost: x\n\r\n",
        "GET / HTTP/1.1\nHost: x\r\n\r\n",
        "GET / HTTP/1.0\r\n\n",
        "GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n", /* and neither does it begin without a name */
        "POST /a HTTP/1.1\r\nHost: x\r\nCookie: c\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nCookie: c\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\na\r\n0\r\nA: b\r\n\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nCookie: c\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\nA: b\r\n c\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused_in_pieces(cases[i]);
    }
}

static void more_lines_than_there_may_be_are_refused(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct buffer text;
        struct seen seen;

        seen_init(&seen, true);
        buffer_init(&text, 4096);
        buffer_append_str(&text, "GET / HTTP/1.1\r\nHost: x\r\n");
        for (unsigned i = 1; i < HTTP_LINES_MAX + more; i++) {
            buffer_append_str(&text, "A: b\r\n");
        }
        buffer_append_str(&text, "\r\n");
        assert_int_equal(feed_all(&seen, buffer_str(&text), 1, 1),
                         more ? FEED_REFUSED : FEED_TAKEN);
        assert_int_equal(seen.http.status, more ? 431 : 0);
        buffer_free(&text);
        seen_free(&seen);
    }
}

/* Blanks before and within values, empty values, and a body that begins like a fold. */
static void a_line_that_only_looks_folded_is_read(void **state)
{
    static const char text[] =
        "POST /a HTTP/1.1\r\nHost: x\r\nA:\r\nB: \r\nC:\t \t\r\nCookie:   c\r\n"
        "D:a b \t c\r\nE:\tf\r\nContent-Length: 4\r\nConnection: a, b\r\n\r\n"
        " b\r\n";

    (void)state;
    for (size_t first = 1; first < sizeof text - 1; first++) {
        for (size_t size = 1; size < sizeof text; size++) {
            struct seen seen;

            seen_init(&seen, true);
            assert_int_equal(feed_all(&seen, text, first, size), FEED_TAKEN);
            assert_string_equal(buffer_str(&seen.requests), "/a[ b\r\n] ");
            seen_free(&seen);
        }
    }
}

/* ---- bodies ---- */

#define HEAD "POST /a HTTP/1.1\r\nHost: x\r\nCookie: c\r\n"
#define NEXT "GET /b HTTP/1.1\r\nHost: x\r\n\r\n"

/* Heads, bodies, and what is seen when the body is not wanted and was not there with its head. */
static const struct {
    const char *head;
    const char *body;
} bodies[] = {
    {HEAD "Content-Length: 3\r\n\r\n", "abc"},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"},
    {HEAD "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", "abc"},
};

static void a_body_that_is_not_wanted_is_not_waited_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        size_t len = strlen(bodies[i].head);

        for (size_t first = 1; first <= len; first++) {
            struct seen seen;

            seen_init(&seen, false);
            assert_int_equal(feed_all(&seen, bodies[i].head, first, len), FEED_LAST);
            assert_string_equal(buffer_str(&seen.requests), "/a[] close ");
            assert_int_equal(seen.asked, 1);
            assert_int_equal(seen.continues, 0);
            assert_null(seen.http.kept.ptr);
            seen_free(&seen);
        }
    }
}

static void a_body_that_is_not_wanted_but_there_is_dropped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char text[512];
        struct seen seen;

        snprintf(text, sizeof text, "%s%s" NEXT, bodies[i].head, bodies[i].body);
        seen_init(&seen, false);
        assert_int_equal(feed(&seen, text, strlen(text)), FEED_TAKEN);
        assert_string_equal(buffer_str(&seen.requests), "/a[] /b[] ");
        assert_int_equal(seen.continues, 0);
        seen_free(&seen);
    }
}

static void a_body_that_is_wanted_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char text[512];
        struct seen seen;

        snprintf(text, sizeof text, "%s%s" NEXT, bodies[i].head, bodies[i].body);
        seen_init(&seen, true);
        assert_int_equal(feed_all(&seen, text, strlen(bodies[i].head), 1), FEED_TAKEN);
        assert_string_equal(buffer_str(&seen.requests), "/a[abc] /b[] ");
        assert_int_equal(seen.asked, 1);
        assert_int_equal(seen.continues, strstr(bodies[i].head, "Expect") != NULL);
        seen_free(&seen);
    }
}

static void nobody_is_asked_where_there_is_no_body(void **state)
{
    static const char text[] = HEAD "Content-Length: 0\r\n\r\n" HEAD "\r\n"
                                    "GET /c HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1" NEXT;
    struct seen seen;

    (void)state;
    seen_init(&seen, false);
    assert_int_equal(feed_all(&seen, text, 1, 1), FEED_TAKEN);
    assert_string_equal(buffer_str(&seen.requests), "/a[] /a[] /c[] /b[] ");
    assert_int_equal(seen.asked, 0);
    seen_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folded_line_is_refused_however_it_is_split),
        cmocka_unit_test(a_line_feed_alone_ends_nothing_however_it_is_split),
        cmocka_unit_test(more_lines_than_there_may_be_are_refused),
        cmocka_unit_test(a_line_that_only_looks_folded_is_read),
        cmocka_unit_test(a_body_that_is_not_wanted_is_not_waited_for),
        cmocka_unit_test(a_body_that_is_not_wanted_but_there_is_dropped),
        cmocka_unit_test(a_body_that_is_wanted_is_read),
        cmocka_unit_test(nobody_is_asked_where_there_is_no_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
