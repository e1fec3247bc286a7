#include "base/json.h"

#include <stdint.h>

#include "base/bytes.h"

/* 0: copy; 'u': \u00xx; otherwise the letter after the backslash. */
static const char escapes[256] = {
    [0] = 'u',    [1] = 'u',    [2] = 'u',    [3] = 'u',     [4] = 'u',    [5] = 'u',
    [6] = 'u',    [7] = 'u',    ['\b'] = 'b', ['\t'] = 't',  ['\n'] = 'n', [0x0b] = 'u',
    ['\f'] = 'f', ['\r'] = 'r', [0x0e] = 'u', [0x0f] = 'u',  [0x10] = 'u', [0x11] = 'u',
    [0x12] = 'u', [0x13] = 'u', [0x14] = 'u', [0x15] = 'u',  [0x16] = 'u', [0x17] = 'u',
    [0x18] = 'u', [0x19] = 'u', [0x1a] = 'u', [0x1b] = 'u',  [0x1c] = 'u', [0x1d] = 'u',
    [0x1e] = 'u', [0x1f] = 'u', ['"'] = '"',  ['\\'] = '\\',
};

void json_escape(struct buffer *out, struct slice text)
{
    size_t copied = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        char escape = escapes[c];

        if (escape == 0) {
            continue;
        }
        buffer_append(out, text.ptr + copied, i - copied);
        copied = i + 1;
        if (escape == 'u') {
            buffer_append(out, "\\u00", 4);
            buffer_append_byte(out, "0123456789abcdef"[c >> 4]);
            buffer_append_byte(out, "0123456789abcdef"[c & 15]);
        } else {
            buffer_append_byte(out, '\\');
            buffer_append_byte(out, escape);
        }
    }
    buffer_append(out, text.ptr + copied, text.len - copied);
}

void json_write_string(struct buffer *out, struct slice text)
{
    buffer_append_byte(out, '"');
    json_escape(out, text);
    buffer_append_byte(out, '"');
}

/* The bytes that may follow a lead byte: RFC 3629, section 4. */
static unsigned sequence_len(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
        return 2;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        *low = lead == 0xe0 ? 0xa0 : 0x80;
        *high = lead == 0xed ? 0x9f : 0xbf;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *low = lead == 0xf0 ? 0x90 : 0x80;
        *high = lead == 0xf4 ? 0x8f : 0xbf;
        return 4;
    }
    return 0;
}

bool utf8_is_valid(struct slice text)
{
    const uint8_t *p = (const uint8_t *)text.ptr;
    size_t i = 0;

    while (i < text.len) {
        uint8_t low;
        uint8_t high;
        unsigned len;

        if (text.len - i >= 8 && (load_u64le(p + i) & 0x8080808080808080ULL) == 0) {
            i += 8;
            continue;
        }
        if (p[i] < 0x80) {
            i++;
            continue;
        }
        len = sequence_len(p[i], &low, &high);
        if (len == 0 || text.len - i < len || p[i + 1] < low || p[i + 1] > high) {
            return false;
        }
        for (unsigned k = 2; k < len; k++) {
            if ((p[i + k] & 0xc0) != 0x80) {
                return false;
            }
        }
        i += len;
    }
    return true;
}
