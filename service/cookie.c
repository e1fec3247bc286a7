#include "service/cookie.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

bool cookie_find(struct slice header, struct slice name, struct slice *out)
{
    while (header.len > 0) {
        const char *end = memchr(header.ptr, ';', header.len);
        size_t len = end == NULL ? header.len : (size_t)(end - header.ptr);
        size_t taken = end == NULL ? len : len + 1;
        const char *equals = memchr(header.ptr, '=', len);

        if (equals != NULL) {
            size_t name_len = (size_t)(equals - header.ptr);

            if (slice_equal(slice_trim(slice_of(header.ptr, name_len)), name)) {
                *out = slice_trim(slice_of(equals + 1, len - name_len - 1));
                return true;
            }
        }
        header = slice_of(header.ptr + taken, header.len - taken);
    }
    return false;
}

bool session_token_is(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return text.len == SESSION_TOKEN_LEN;
}

void session_token_make(char *p)
{
    uint8_t bits[SESSION_TOKEN_LEN / 2];

    /* Up to 256 bytes come whole, without a signal in between, once the system has started. */
    if (getrandom(bits, sizeof bits, 0) != sizeof bits) {
        abort();
    }
    for (unsigned i = 0; i < sizeof bits; i++) {
        p[2 * i] = "0123456789abcdef"[bits[i] >> 4];
        p[2 * i + 1] = "0123456789abcdef"[bits[i] & 15];
    }
}

void cookie_append_session(struct buffer *out, struct slice name, struct slice token, int64_t age_s)
{
    buffer_printf(out,
                  "Set-Cookie: %.*s=%.*s; Max-Age=%" PRId64 "; Path=/; HttpOnly; SameSite=Lax\r\n",
                  SLICE_ARG(name), SLICE_ARG(token), age_s);
}
