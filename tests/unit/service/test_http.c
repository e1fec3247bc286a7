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

/* What the handler saw, one line a request. */
struct seen {
    struct http http;
    struct buffer lines;
    unsigned continues;
    unsigned pause_every; /* 0: never */
    unsigned requests;
};

static const char *const header_names[] = {
    [HEADER_ACCEPT_ENCODING] = "accept",
    [HEADER_CONTENT_TYPE] = "type",
    [HEADER_COOKIE] = "cookie",
    [HEADER_EXPECT] = "expect",
    [HEADER_IDEMPOTENCY_KEY] = "key",
    [HEADER_IF_NONE_MATCH] = "match",
    [HEADER_TRANSFER_ENCODING] = "coding",
    [HEADER_X_FORWARDED_FOR] = "for",
    [HEADER_X_REQUEST_ID] = "id",
};

static bool on_request(void *context, struct request *request)
{
    static const char *const methods[] = {"GET", "HEAD",  "OPTIONS", "POST",
                                          "PUT", "PATCH", "DELETE",  "OTHER"};
    struct seen *seen = context;

    buffer_printf(&seen->lines, "%s %.*s%s%s", methods[request->method], SLICE_ARG(request->target),
                  request->keep_alive ? "" : " close", request->is_http_1_0 ? " 1.0" : "");
    for (unsigned i = 0; i < REQUEST_HEADERS; i++) {
        if (request->headers[i].ptr != NULL) {
            buffer_printf(&seen->lines, " %s=[%.*s]", header_names[i],
                          SLICE_ARG(request->headers[i]));
        }
    }
    if (request->body.len > 0) {
        buffer_append_byte(&seen->lines, ' ');
        buffer_append_slice(&seen->lines, request->body);
    }
    buffer_append_byte(&seen->lines, '\n');
    seen->requests++;
    return seen->pause_every == 0 || seen->requests % seen->pause_every != 0;
}

static void on_continue(void *context)
{
    struct seen *seen = context;

    seen->continues++;
}

static const struct http_handler handler = {.on_request = on_request, .on_continue = on_continue};

static void seen_init(struct seen *seen)
{
    *seen = (struct seen){.requests = 0};
    buffer_init(&seen->lines, 1 << 20);
    http_init(&seen->http, &handler, seen);
}

static void seen_free(struct seen *seen)
{
    http_free(&seen->http);
    buffer_free(&seen->lines);
}

/* Feeds BYTES in pieces of SIZE, each in memory of its own that is gone afterwards. */
static enum feed_result feed(struct seen *seen, struct slice bytes, size_t size)
{
    enum feed_result result = FEED_TAKEN;

    while (bytes.len > 0 && (result == FEED_TAKEN || result == FEED_PAUSED)) {
        size_t len = bytes.len < size ? bytes.len : size;
        char *piece = memory_alloc(len);
        size_t taken;

        memcpy(piece, bytes.ptr, len);
        result = http_feed(&seen->http, slice_of(piece, len), &taken);
        memset(piece, 'X', len);
        free(piece);
        bytes = slice_of(bytes.ptr + taken, bytes.len - taken);
    }
    return result;
}

static const char mixed[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
                            "HEAD /b?c=1 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"
                            "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
                            "PUT /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nTrailer: t\r\n\r\n"
                            "\r\n"
                            "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"
                            "GET /e HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                            "GET /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
static const char mixed_lines[] = "GET /a\n"
                                  "HEAD /b?c=1\n"
                                  "POST /c hello\n"
                                  "PUT /d coding=[chunked] abc0123456789abcdef\n"
                                  "OPTIONS *\n"
                                  "GET /e 1.0\n"
                                  "GET /f close\n";

static void requests_come_out_whatever_pieces_they_arrive_in(void **state)
{
    (void)state;
    for (size_t size = 1; size < sizeof mixed; size++) {
        struct seen seen;

        seen_init(&seen);
        assert_int_equal(feed(&seen, slice_str(mixed), size), FEED_LAST);
        assert_string_equal(buffer_str(&seen.lines), mixed_lines);
        seen_free(&seen);
    }
}

static void no_bytes_at_all_change_nothing(void **state)
{
    char *none = memory_alloc(1);
    struct seen seen;
    size_t taken;

    (void)state;
    seen_init(&seen);
    for (size_t i = 0; i + 1 < sizeof mixed; i++) {
        assert_int_equal(http_feed(&seen.http, slice_of(none, 0), &taken), FEED_TAKEN);
        assert_int_equal(taken, 0);
        assert_int_equal(feed(&seen, slice_of(mixed + i, 1), 1),
                         i + 2 < sizeof mixed ? FEED_TAKEN : FEED_LAST);
    }
    assert_string_equal(buffer_str(&seen.lines), mixed_lines);
    seen_free(&seen);
    free(none);
}

static void a_paused_feed_goes_on_where_it_stopped(void **state)
{
    (void)state;
    for (unsigned every = 1; every < 4; every++) {
        for (size_t size = 1; size < sizeof mixed; size++) {
            struct seen seen;

            seen_init(&seen);
            seen.pause_every = every;
            assert_int_equal(feed(&seen, slice_str(mixed), size), FEED_LAST);
            assert_string_equal(buffer_str(&seen.lines), mixed_lines);
            seen_free(&seen);
        }
    }
}

/* Requests, and what the handler sees of them: a line each. */
static const struct {
    const char *bytes;
    const char *lines;
} whole[] = {
    {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
     "POST /a type=[application/json] {}\n"},
    {"PATCH /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nDELETE /b HTTP/1.1\r\nHost: "
     "x\r\n\r\n",
     "PATCH /a\nDELETE /b\n"},
    {"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
     "PURGE /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
     "OPTIONS /c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
     "GET /a\nOTHER /b\nOPTIONS /c\n"},
    {"GET /a HTTP/1.1\r\nHost: x\r\nCookie: a=1; b=2 \t \r\n\r\n", "GET /a cookie=[a=1; b=2]\n"},
    {"GET /a HTTP/1.1\r\nCOOKIE:a=1\r\nHOST: x\r\ncookie:\t b=2\r\n\r\n",
     "GET /a cookie=[a=1; b=2]\n"},
    {"GET /a HTTP/1.1\r\nHost: x\r\nCookie: \r\nCookie: b\r\nCookie:\r\n\r\n",
     "GET /a cookie=[b]\n"},
    {"GET /a HTTP/1.1\r\nHost: x\r\nCookie:\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
     "GET /a cookie=[]\nGET /b\n"},
    {"GET /a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.1\r\nCookie: a\r\nX-FORWARDED-FOR: "
     "::1, b \r\n"
     "Cookie: c\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
     "GET /a cookie=[a; c] for=[10.0.0.1, ::1, b, 1.2.3.4]\n"},
    {"POST /a HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k1\r\nIdempotency-Key: k1 \r\n"
     "Content-Type: text/plain\r\nContent-Type:  text/plain\r\n\r\n",
     "POST /a type=[text/plain] key=[k1]\n"},
    {"GET /a HTTP/1.1\r\nHost: x\r\nCook: a\r\nCookies: b\r\nXookie: c\r\nX-Forwarded-Foo: d\r\n"
     "Accept-Encodinh: e\r\nc: f\r\nHos: g\r\nHosts: h\r\n\r\n",
     "GET /a\n"},
    {"GET /a HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"a\"\r\nACCEPT-ENCODING: gzip\r\n"
     "if-none-match: W/\"b\"\r\nX-Request-Id: i\r\nAccept-Encoding: br\r\nX-Request-Id: j\r\n\r\n",
     "GET /a accept=[gzip, br] match=[\"a\", W/\"b\"] id=[i, j]\n"},
    {"PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nCookie: a\r\n\r\n"
     "3;x=y\r\nabc\r\n1\r\nd\r\n00\r\nCookie: b\r\nIdempotency-Key: k\r\n\r\n"
     "GET /b HTTP/1.1\r\nHost: x\r\n\r\n",
     "PUT /a cookie=[a] coding=[chunked] abcd\nGET /b\n"},
    {"POST /a HTTP/1.1\r\nHost: x\r\nIdempotency-Key: 1\r\nContent-Length: 3\r\n\r\nabc"
     "POST /b HTTP/1.1\r\nHost: x\r\nIdempotency-Key: 2\r\nContent-Length: 3\r\n\r\ndef",
     "POST /a key=[1] abc\nPOST /b key=[2] def\n"},
};

static void every_split_of_a_request_gives_the_same_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        for (size_t size = 1; size <= strlen(whole[i].bytes); size++) {
            struct seen seen;

            seen_init(&seen);
            assert_int_equal(feed(&seen, slice_str(whole[i].bytes), size), FEED_TAKEN);
            assert_string_equal(buffer_str(&seen.lines), whole[i].lines);
            assert_null(seen.http.kept.ptr);
            seen_free(&seen);
        }
    }
}

static void two_pieces_of_a_request_give_the_same_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        struct slice bytes = slice_str(whole[i].bytes);

        for (size_t first = 1; first < bytes.len; first++) {
            struct seen seen;

            seen_init(&seen);
            feed(&seen, slice_of(bytes.ptr, first), first);
            feed(&seen, slice_of(bytes.ptr + first, bytes.len - first), bytes.len);
            assert_string_equal(buffer_str(&seen.lines), whole[i].lines);
            seen_free(&seen);
        }
    }
}

static void what_follows_the_last_request_is_not_looked_at(void **state)
{
    static const char bytes[] = "GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    struct seen seen;

    (void)state;
    seen_init(&seen);
    assert_int_equal(feed(&seen, slice_str(bytes), sizeof bytes), FEED_LAST);
    assert_string_equal(buffer_str(&seen.lines), "GET /a close 1.0\n");
    seen_free(&seen);
}

static void malformed_requests_are_refused_with_400(void **state)
{
    static const char *const cases[] = {
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/0.9\r\n\r\n",
        "GET / FTP/1.1\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET http://x/ HTTP/1.1\r\nAccept: */*\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nHOST: y\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nExpect: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\r\nCookie: b\r\nIdempotency-Key:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: a\r\nContent-Type: ab\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t size = 1; size < 64; size += 7) {
            struct seen seen;

            seen_init(&seen);
            assert_int_equal(feed(&seen, slice_str(cases[i]), size), FEED_REFUSED);
            assert_int_equal(seen.http.status, 400);
            assert_int_equal(seen.requests, 0);
            seen_free(&seen);
        }
    }
}

/* What a client may mean well, and what is not done here. */
static void what_is_not_understood_is_refused_with_its_status(void **state)
{
    static const struct {
        const char *lines;
        unsigned status;
    } cases[] = {
        {"Expect: 100-continue, a=b\r\nContent-Length: 1\r\n", 417},
        {"Expect: \r\nContent-Length: 1\r\n", 417},
        {"Expect: 200-ok\r\n", 417},
        {"Transfer-Encoding: gzip\r\n", 501},
        {"Transfer-Encoding: gzip, chunked\r\n", 501},
        {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501},
        {"Transfer-Encoding: xchunked\r\n", 501},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t size = 1; size < 120; size++) {
            char bytes[256];
            struct seen seen;

            snprintf(bytes, sizeof bytes, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n0\r\n\r\n",
                     cases[i].lines);
            seen_init(&seen);
            assert_int_equal(feed(&seen, slice_str(bytes), size), FEED_REFUSED);
            assert_int_equal(seen.http.status, cases[i].status);
            assert_int_equal(seen.requests + seen.continues, 0);
            seen_free(&seen);
        }
    }
}

static void requests_before_a_malformed_one_are_handled(void **state)
{
    struct seen seen;

    (void)state;
    seen_init(&seen);
    assert_int_equal(
        feed(&seen, slice_str("GET /a HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n"), 4096),
        FEED_REFUSED);
    assert_string_equal(buffer_str(&seen.lines), "GET /a\n");
    seen_free(&seen);
}

/* "GET /aaa... HTTP/1.1", LEN bytes of target. */
static void target_of(struct buffer *out, size_t len)
{
    buffer_append_str(out, "GET /");
    for (size_t i = 1; i < len; i++) {
        buffer_append_byte(out, 'a');
    }
    buffer_append_str(out, " HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void head_of(struct buffer *out, size_t len)
{
    buffer_append_str(out, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
    for (size_t i = 0; i < len; i++) {
        buffer_append_byte(out, 'a');
    }
    buffer_append_str(out, "\r\n\r\n");
}

static void body_of(struct buffer *out, size_t len)
{
    buffer_printf(out, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", len);
    for (size_t i = 0; i < len; i++) {
        buffer_append_byte(out, 'a');
    }
}

static void chunks_of(struct buffer *out, size_t len)
{
    buffer_append_str(out, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < len; i++) {
        buffer_append_str(out, "1\r\na\r\n");
    }
    buffer_append_str(out, "0\r\n\r\n");
}

static void what_is_too_large_is_refused_and_the_largest_is_not(void **state)
{
    static const struct {
        void (*make)(struct buffer *out, size_t len);
        size_t most;
        unsigned status;
    } cases[] = {
        {target_of, HTTP_TARGET_MAX, 414},
        {head_of, HTTP_HEAD_MAX - 14, 431}, /* names and ends of lines count, and Host */
        {body_of, HTTP_BODY_MAX, 413},
        {chunks_of, HTTP_BODY_MAX, 413},
    };
    static const size_t sizes[] = {4096, 1000, 64 << 10};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            for (unsigned more = 0; more < 2; more++) {
                struct buffer bytes;
                struct seen seen;

                seen_init(&seen);
                buffer_init(&bytes, 16 << 20);
                cases[i].make(&bytes, cases[i].most + more);
                assert_int_equal(feed(&seen, buffer_slice(&bytes), sizes[k]),
                                 more ? FEED_REFUSED : FEED_TAKEN);
                assert_int_equal(seen.http.status, more ? cases[i].status : 0);
                assert_int_equal(seen.requests, more ? 0 : 1);
                buffer_free(&bytes);
                seen_free(&seen);
            }
        }
    }
}

/* Lines of two headers in turn: each value moves to the end of what is kept, again and again. */
static void headers_that_are_joined_without_end_are_refused(void **state)
{
    struct buffer bytes;
    struct seen seen;

    (void)state;
    seen_init(&seen);
    buffer_init(&bytes, 1 << 20);
    buffer_append_str(&bytes, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (unsigned i = 0; i < 10000; i++) {
        buffer_append_str(&bytes, i % 2 == 0 ? "Cookie: a\r\n" : "X-Forwarded-For: a\r\n");
    }
    assert_int_equal(feed(&seen, buffer_slice(&bytes), 1000), FEED_REFUSED);
    assert_int_equal(seen.http.status, 431);
    assert_true(seen.http.kept.capacity <= 2 * HTTP_BODY_MAX);
    buffer_free(&bytes);
    seen_free(&seen);
}

static void a_client_that_expects_100_is_told_to_continue(void **state)
{
    static const struct {
        const char *head;
        unsigned continues;
    } cases[] = {
        {"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", 1},
        {"POST / HTTP/1.1\r\nHost: x\r\nA: b\r\nEXPECT: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
         1},
        {"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n"
         "Content-Length: 1\r\n\r\nx",
         1},
        {"POST / HTTP/1.0\r\nExpect: a\r\nContent-Length: 1\r\n\r\nx", 0},
        {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", 0},
        {"POST / HTTP/1.1\r\nHost: x\r\nExpected: 100-continue\r\nContent-Length: 1\r\n\r\nx", 0},
        {"POST / HTTP/1.1\r\nHost: x\r\nUnexpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", 0},
        {"POST / HTTP/1.1\r\nHost: x\r\nExpec: 100-continue\r\nContent-Length: 1\r\n\r\nx", 0},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t size = 1; size < 90; size++) {
            struct seen seen;

            seen_init(&seen);
            feed(&seen, slice_str(cases[i].head), size);
            assert_int_equal(seen.requests, 1);
            assert_int_equal(seen.continues, cases[i].continues);
            seen_free(&seen);
        }
    }
}

static void an_offer_to_upgrade_is_ignored(void **state)
{
    static const char bytes[] =
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    struct seen seen;

    (void)state;
    seen_init(&seen);
    assert_int_equal(feed(&seen, slice_str(bytes), sizeof bytes), FEED_TAKEN);
    assert_string_equal(buffer_str(&seen.lines), "GET /a\nGET /b\n");
    seen_free(&seen);
}

static void nothing_is_kept_between_requests(void **state)
{
    struct seen seen;

    (void)state;
    seen_init(&seen);
    assert_int_equal(feed(&seen, slice_str("GET /abcdef HTTP/1.1\r\nHost: x\r\n"), 7), FEED_TAKEN);
    assert_true(seen.http.kept.len > 0);
    assert_int_equal(feed(&seen, slice_str("\r\n"), 7), FEED_TAKEN);
    assert_null(seen.http.kept.ptr);
    seen_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_out_whatever_pieces_they_arrive_in),
        cmocka_unit_test(every_split_of_a_request_gives_the_same_request),
        cmocka_unit_test(two_pieces_of_a_request_give_the_same_request),
        cmocka_unit_test(no_bytes_at_all_change_nothing),
        cmocka_unit_test(a_paused_feed_goes_on_where_it_stopped),
        cmocka_unit_test(what_follows_the_last_request_is_not_looked_at),
        cmocka_unit_test(malformed_requests_are_refused_with_400),
        cmocka_unit_test(what_is_not_understood_is_refused_with_its_status),
        cmocka_unit_test(requests_before_a_malformed_one_are_handled),
        cmocka_unit_test(what_is_too_large_is_refused_and_the_largest_is_not),
        cmocka_unit_test(headers_that_are_joined_without_end_are_refused),
        cmocka_unit_test(a_client_that_expects_100_is_told_to_continue),
        cmocka_unit_test(an_offer_to_upgrade_is_ignored),
        cmocka_unit_test(nothing_is_kept_between_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
