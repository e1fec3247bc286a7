#include "mutate.h"

#include <stdbool.h>
#include <string.h>

#include "../../xorshift.h"

struct text {
    const char *ptr;
    size_t len;
};

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof literal - 1                                                                \
    }
#define HOST "Host: x\r\n"
#define END "\r\n"

/* For the routes of tests/integration/test_abuse.py; elsewhere most of them are answered 404. */
static const struct text good[] = {
    TEXT("GET /branches/1 HTTP/1.1\r\n" HOST END),
    TEXT("GET /branches/17 HTTP/1.1\r\n" HOST "Accept-Encoding: gzip, br\r\n" END),
    TEXT("GET /branches?page=2&count=7 HTTP/1.1\r\n" HOST "Accept: */*\r\n" END),
    TEXT("GET /loans?branch=8&sort=newest&page=1&count=3 HTTP/1.1\r\n" HOST END),
    TEXT("GET /loans?branch=5 HTTP/1.1\r\n" HOST "If-None-Match: \"0123456789abcdef\"\r\n" END),
    TEXT("GET /loans?branch=4 HTTP/1.1\r\n" HOST "Cookie: a=1; b=2\r\nX-Request-Id: abc\r\n" END),
    TEXT("HEAD /branches/9 HTTP/1.1\r\n" HOST END),
    TEXT("OPTIONS /loans HTTP/1.1\r\n" HOST "Origin: http://a.example\r\n" END),
    TEXT("OPTIONS * HTTP/1.1\r\n" HOST END),
    TEXT("GET http://x/branches/3 HTTP/1.1\r\n" HOST "X-Forwarded-For: 10.0.0.1, ::1\r\n" END),
    TEXT("GET /branches/2 HTTP/1.1\r\n" HOST "Content-Length: 9\r\n" END "abcdefghi"),
    TEXT("GET /branches/2 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n" END
         "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n"),
    TEXT("POST /branches HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
         "Content-Length: 13\r\n" END "{\"a\":[1,2,3]}"),
    TEXT("POST /notes HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
         "Content-Length: 14\r\n" END "{\"text\":\"abcd\"}"),
    TEXT("PUT /branches/1 HTTP/1.1\r\n" HOST "Idempotency-Key: k1\r\nContent-Length: 0\r\n" END),
    TEXT("GET /lions/%41%2F?a=%zz&b=+ HTTP/1.1\r\n" HOST END),
    TEXT("GET /branches/4 HTTP/1.0\r\nConnection: keep-alive\r\n" END),
};

/* What parsers have disagreed about. */
static const struct text words[] = {
    TEXT("\r\n"),
    TEXT("\n"),
    TEXT("\r"),
    TEXT("\0"),
    TEXT(" "),
    TEXT("\t"),
    TEXT("\r\n "),
    TEXT(":"),
    TEXT("%00"),
    TEXT("%"),
    TEXT("\xff"),
    TEXT("/../"),
    TEXT("//"),
    TEXT("?"),
    TEXT("&"),
    TEXT("0"),
    TEXT("-1"),
    TEXT("9223372036854775808"),
    TEXT("18446744073709551616"),
    TEXT("Content-Length: 5\r\n"),
    TEXT("Content-Length: 0\r\n"),
    TEXT("Transfer-Encoding: chunked\r\n"),
    TEXT("Transfer-Encoding: chunked, identity\r\n"),
    TEXT("Connection: close\r\n"),
    TEXT("Connection: upgrade\r\nUpgrade: websocket\r\n"),
    TEXT("Expect: 100-continue\r\n"),
    TEXT("Host: y\r\n"),
    TEXT("HTTP/1.0"),
    TEXT("GET / HTTP/1.1\r\n"),
    TEXT("0\r\n\r\n"),
    TEXT("ffffffff\r\n"),
};

enum { COUNT_GOOD = sizeof good / sizeof good[0], COUNT_WORDS = sizeof words / sizeof words[0] };

void mutator_init(struct mutator *mutator, uint64_t seed)
{
    mutator->state = seed * 0x9e3779b97f4a7c15U + 1;
}

unsigned mutator_below(struct mutator *mutator, unsigned limit)
{
    return (unsigned)((xorshift_next(&mutator->state) >> 32) * limit >> 32);
}

/* Puts TEXT into OUT at AT; nothing when there is no room. */
static size_t insert(char *out, size_t len, size_t at, struct text text)
{
    if (MUTATE_SIZE_MAX - len < text.len) {
        return len;
    }
    memmove(out + at + text.len, out + at, len - at);
    memcpy(out + at, text.ptr, text.len);
    return len + text.len;
}

/*
 * Another letter, digit or sign where there is a small letter or a digit, but for the version and the Host
 * behind it: the request stays a request.
 */
static void change_mildly(struct mutator *mutator, char *out, size_t len)
{
    static const char signs[] = "0123456789abcxyzABCXYZ-_.~!*,;=/%+\"";
    const char *line_end = memchr(out, '\n', len);
    size_t line = line_end == NULL ? len : (size_t)(line_end - out);

    for (unsigned tries = 0; tries < 8; tries++) {
        size_t at = mutator_below(mutator, (unsigned)len);
        bool is_plain = (out[at] >= '0' && out[at] <= '9') || (out[at] >= 'a' && out[at] <= 'z');

        if (is_plain && (at + sizeof " HTTP/1.1" < line || at > line + sizeof HOST)) {
            out[at] = signs[mutator_below(mutator, sizeof signs - 1)];
            return;
        }
    }
}

static size_t change_wildly(struct mutator *mutator, char *out, size_t len)
{
    size_t at = mutator_below(mutator, (unsigned)len);
    size_t count = 1 + mutator_below(mutator, 16);
    const struct text *other = &good[mutator_below(mutator, COUNT_GOOD)];

    if (count > len - at) {
        count = len - at;
    }
    switch (mutator_below(mutator, 6)) {
    case 0:
        out[at] = (char)mutator_below(mutator, 256);
        return len;
    case 1:
        out[at] = (char)(out[at] ^ 1 << mutator_below(mutator, 8));
        return len;
    case 2:
        memmove(out + at, out + at + count, len - at - count);
        return len - count;
    case 3: /* the end of another one */
        count = mutator_below(mutator, (unsigned)other->len);
        return insert(out, at, at, (struct text){other->ptr + count, other->len - count});
    case 4: { /* twice */
        char copy[16];

        memcpy(copy, out + at, count);
        return insert(out, len, at, (struct text){copy, count});
    }
    default:
        return insert(out, len, at, words[mutator_below(mutator, COUNT_WORDS)]);
    }
}

/* A header line more, in its place. */
static size_t add_line(struct mutator *mutator, char *out, size_t len)
{
    const char *end = memchr(out, '\n', len);
    size_t at = end == NULL ? len : (size_t)(end + 1 - out);

    return insert(out, len, at, words[mutator_below(mutator, COUNT_WORDS)]);
}

size_t mutator_next(struct mutator *mutator, char *out)
{
    const struct text *from = &good[mutator_below(mutator, COUNT_GOOD)];
    size_t len = from->len;
    unsigned kind = mutator_below(mutator, 32);

    memcpy(out, from->ptr, len);
    for (unsigned i = mutator_below(mutator, 2) + 1; i > 0; i--) {
        change_mildly(mutator, out, len);
    }
    if (kind == 0) {
        len = add_line(mutator, out, len);
    }
    for (unsigned i = kind < 3 ? mutator_below(mutator, 3) : 0; i > 0 && len > 0; i--) {
        len = change_wildly(mutator, out, len);
    }
    return len;
}
