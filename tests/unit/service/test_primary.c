#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "service/primary.h"

static void a_url_names_host_and_port(void **state)
{
    static const struct {
        const char *url;
        const char *host; /* NULL: refused */
        const char *port;
        const char *authority;
    } cases[] = {
        {"http://127.0.0.1:8080", "127.0.0.1", "8080", "127.0.0.1:8080"},
        {"http://primary.internal:80/", "primary.internal", "80", "primary.internal:80"},
        {"http://[::1]:8080", "::1", "8080", "[::1]:8080"},
        {"", NULL, NULL, NULL},
        {"http://", NULL, NULL, NULL},
        {"http:///", NULL, NULL, NULL},
        {"http://host", NULL, NULL, NULL},
        {"http://host:", NULL, NULL, NULL},
        {"http://host:0", NULL, NULL, NULL},
        {"http://host:65536", NULL, NULL, NULL},
        {"http://host:8080/path", NULL, NULL, NULL},
        {"http://a/b:8080", NULL, NULL, NULL},
        {"http://user@host:8080", NULL, NULL, NULL},
        {"http://ho st:8080", NULL, NULL, NULL},
        {"http://ho\r\nst:8080", NULL, NULL, NULL},
        {"http://::1:8080", NULL, NULL, NULL},
        {"https://host:8080", NULL, NULL, NULL},
        {"host:8080", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct primary primary;
        struct errmsg msg;
        char expected[256];
        enum err rc = primary_parse(cases[i].url, &primary, &msg);

        if (cases[i].host == NULL) {
            assert_int_equal(rc, ERR_USAGE);
            snprintf(expected, sizeof expected,
                     "\"%s\" is no address of a primary; write http://HOST:PORT as in "
                     "http://10.0.0.5:8080",
                     cases[i].url);
            assert_string_equal(msg.text, expected);
            continue;
        }
        assert_int_equal(rc, ERR_NONE);
        assert_string_equal(primary.host, cases[i].host);
        assert_string_equal(primary.port, cases[i].port);
        assert_string_equal(primary.authority, cases[i].authority);
    }
}

static void a_request_has_the_headers_that_matter_and_no_others(void **state)
{
    static const struct {
        struct request request;
        const char *expected;
    } cases[] = {
        {{.method = METHOD_POST,
          .target = {.ptr = "/loans?a=%20", .len = 12},
          .body = {.ptr = "{\"a\":1}", .len = 7},
          .headers = {[HEADER_CONTENT_TYPE] = {.ptr = "application/json", .len = 16},
                      [HEADER_COOKIE] = {.ptr = "s=1", .len = 3},
                      [HEADER_IDEMPOTENCY_KEY] = {.ptr = "k", .len = 1},
                      [HEADER_X_FORWARDED_FOR] = {.ptr = "1.2.3.4, 5.6.7.8", .len = 16}}},
         "POST /loans?a=%20 HTTP/1.1\r\nHost: [::1]:8080\r\nVitrine-Forwarded: 1\r\n"
         "Content-Type: application/json\r\nCookie: s=1\r\nIdempotency-Key: k\r\n"
         "X-Forwarded-For: 1.2.3.4, 5.6.7.8, 192.0.2.1\r\nContent-Length: 7\r\n\r\n{\"a\":1}"},
        {{.method = METHOD_HEAD, .target = {.ptr = "/cart", .len = 5}},
         "GET /cart HTTP/1.1\r\nHost: [::1]:8080\r\nVitrine-Forwarded: 1\r\n"
         "X-Forwarded-For: 192.0.2.1\r\n\r\n"},
        {{.method = METHOD_DELETE, .target = {.ptr = "/a", .len = 2}, .id = {.ptr = "i", .len = 1}},
         "DELETE /a HTTP/1.1\r\nHost: [::1]:8080\r\nVitrine-Forwarded: 1\r\nX-Request-Id: i\r\n"
         "X-Forwarded-For: 192.0.2.1\r\nContent-Length: 0\r\n\r\n"},
    };
    struct primary primary;
    struct address peer;
    struct errmsg msg;

    (void)state;
    assert_int_equal(primary_parse("http://[::1]:8080", &primary, &msg), ERR_NONE);
    assert_true(address_parse(slice_str("192.0.2.1"), &peer));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer out;

        buffer_init(&out, 4096);
        primary_request_write(&primary, &cases[i].request, &peer, &out);
        assert_string_equal(buffer_str(&out), cases[i].expected);
        buffer_free(&out);
    }
}

/* Feeds TEXT, the first CUT bytes alone; each piece stands in memory of its own. */
static bool feed(struct primary_answer *answer, const char *text, size_t cut)
{
    struct slice pieces[] = {slice_of(text, cut), slice_of(text + cut, strlen(text) - cut)};
    bool goes_on = true;

    for (unsigned i = 0; i < 2 && goes_on && !(i == 1 && answer->is_whole); i++) {
        char *copy = memory_alloc(pieces[i].len);

        memcpy(copy, pieces[i].ptr, pieces[i].len);
        goes_on = primary_answer_feed(answer, slice_of(copy, pieces[i].len));
        free(copy);
    }
    return goes_on;
}

static void an_answer_is_read_alike_in_whatever_pieces_it_comes(void **state)
{
    static const struct {
        const char *text;
        unsigned status;
        bool is_json;
        bool keeps_alive;
        const char *lines;
        const char *body;
    } cases[] = {
        {"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nCreated",
         201, false, true, "", "Created"},
        {"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\nDate: x\r\n"
         "SET-COOKIE: a=1\r\nset-cookie:  b=2 \r\nvitrine-position: 7\r\nContent-Length: "
         "2\r\n\r\n{}",
         200, true, true, "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nVitrine-Position: 7\r\n", "{}"},
        {"HTTP/1.1 204 No Content\r\nIdempotent-Replayed: true\r\n\r\n", 204, false, true,
         "Idempotent-Replayed: true\r\n", ""},
        {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nConnection: close\r\n"
         "Content-Length: 0\r\n\r\n",
         429, false, false, "Retry-After: 2\r\n", ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
         200, false, true, "", "abcde"},
        {"HTTP/1.1 100 Continue\r\nLocation: x\r\n\r\nHTTP/1.1 201 Created\r\nLocation: /a\r\n"
         "Content-Length: 0\r\n\r\n",
         201, false, true, "Location: /a\r\n", ""},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 200, false, false, "", "a"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA-Name-That-Is-Longer-Than-All-That-Are-Read: 1"
         "\r\nX-Location: y\r\n\r\na",
         200, false, true, "", "a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t cut = 0; cut <= strlen(cases[i].text); cut++) {
            struct primary_answer answer;

            primary_answer_init(&answer);
            assert_true(feed(&answer, cases[i].text, cut));
            assert_true(answer.is_whole);
            assert_int_equal(answer.status, cases[i].status);
            assert_int_equal(answer.is_json, cases[i].is_json);
            assert_int_equal(answer.keeps_alive, cases[i].keeps_alive);
            assert_string_equal(buffer_str(&answer.lines), cases[i].lines);
            assert_string_equal(buffer_str(&answer.body), cases[i].body);
            primary_answer_free(&answer);
        }
    }
}

static void every_truncation_of_an_answer_is_no_whole_one(void **state)
{
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (size_t len = 0; len < strlen(texts[i]); len++) {
            struct primary_answer answer;

            primary_answer_init(&answer);
            assert_true(primary_answer_feed(&answer, slice_of(texts[i], len)));
            assert_false(answer.is_whole);
            primary_answer_free(&answer);
        }
    }
}

static void what_is_no_answer_or_too_large_a_one_is_refused(void **state)
{
    static const char *const texts[] = {
        "SSH-2.0-OpenSSH\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    };
    struct primary_answer answer;
    struct buffer head;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        primary_answer_init(&answer);
        if (primary_answer_feed(&answer, slice_str(texts[i]))) {
            fail_msg("taken: %s", texts[i]);
        }
        primary_answer_free(&answer);
    }
    buffer_init(&head, 1 << 20);
    buffer_append_str(&head, "HTTP/1.1 200 OK\r\n");
    for (unsigned i = 0; i < PRIMARY_HEAD_MAX / 8; i++) {
        buffer_append_str(&head, "A: bcd\r\n");
    }
    buffer_append_str(&head, "B: c\r\n\r\n");
    primary_answer_init(&answer);
    assert_false(primary_answer_feed(&answer, buffer_slice(&head)));
    primary_answer_free(&answer);
    buffer_free(&head);
}

static void a_chunked_body_beyond_its_bound_is_refused(void **state)
{
    struct primary_answer answer;
    char *bytes = memory_calloc(1, 1 << 20);
    bool goes_on;

    (void)state;
    primary_answer_init(&answer);
    assert_true(primary_answer_feed(
        &answer, slice_str("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000001\r\n")));
    for (unsigned i = 0; i < PRIMARY_BODY_MAX >> 20; i++) {
        assert_true(primary_answer_feed(&answer, slice_of(bytes, 1 << 20)));
    }
    goes_on = primary_answer_feed(&answer, slice_of(bytes, 1));
    assert_false(goes_on);
    primary_answer_free(&answer);
    free(bytes);
}

static void what_follows_an_answer_ends_the_connection(void **state)
{
    struct primary_answer answer;

    (void)state;
    primary_answer_init(&answer);
    assert_true(primary_answer_feed(
        &answer, slice_str("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n")));
    assert_true(answer.is_whole);
    assert_false(answer.keeps_alive);
    assert_string_equal(buffer_str(&answer.body), "a");
    primary_answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_names_host_and_port),
        cmocka_unit_test(a_request_has_the_headers_that_matter_and_no_others),
        cmocka_unit_test(an_answer_is_read_alike_in_whatever_pieces_it_comes),
        cmocka_unit_test(every_truncation_of_an_answer_is_no_whole_one),
        cmocka_unit_test(what_is_no_answer_or_too_large_a_one_is_refused),
        cmocka_unit_test(a_chunked_body_beyond_its_bound_is_refused),
        cmocka_unit_test(what_follows_an_answer_ends_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
