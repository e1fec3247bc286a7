#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"

int64_t power_of_ten(unsigned exponent)
{
    int64_t power = 1;

    while (exponent-- > 0) {
        power *= 10;
    }
    return power;
}

bool parse_integer(struct slice text, int64_t *out)
{
    return text.len > 0 && memchr(text.ptr, '.', text.len) == NULL && parse_decimal(text, 0, out);
}

/* Reads the digits at *AT into VALUE while they last; false when it no longer fits. */
static bool take_digits(struct slice text, size_t *at, __int128 *value, unsigned most)
{
    for (unsigned taken = 0; *at < text.len && taken < most; taken++, (*at)++) {
        char c = text.ptr[*at];

        if (c < '0' || c > '9') {
            return true;
        }
        *value = *value * 10 + (c - '0');
        if (*value > (__int128)INT64_MAX + 1) {
            return false;
        }
    }
    return true;
}

bool parse_decimal(struct slice text, unsigned scale, int64_t *out)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t at = negative ? 1 : 0;
    size_t first = at;
    size_t point;
    __int128 value = 0;

    if (!take_digits(text, &at, &value, (unsigned)text.len) || at == first) {
        return false;
    }
    point = at;
    if (at < text.len) {
        if (text.ptr[at++] != '.') {
            return false;
        }
        if (!take_digits(text, &at, &value, scale)) {
            return false;
        }
    }
    for (size_t given = at > point ? at - point - (point < text.len) : 0; given < scale; given++) {
        value *= 10;
        if (value > (__int128)INT64_MAX + 1) {
            return false;
        }
    }
    if (at < text.len && text.ptr[at] >= '5' && text.ptr[at] <= '9') {
        value++;
    }
    while (at < text.len) {
        char c = text.ptr[at++];

        if (c < '0' || c > '9') {
            return false;
        }
    }
    if (negative) {
        value = -value;
    }
    if (value > INT64_MAX || value < INT64_MIN) {
        return false;
    }
    *out = (int64_t)value;
    return true;
}

bool parse_number(struct slice text, double *out)
{
    char copy[64];
    char *end;
    double value;

    if (text.len == 0 || text.len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (strspn(copy, "+-.0123456789eE") < text.len) {
        return false; /* strtod would also take blanks, hexadecimals, "inf" and "nan" */
    }
    value = strtod(copy, &end);
    if (*end != '\0' || !isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

bool parse_hex(struct slice text, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;

    if (text.len != HEX_TEXT_LEN) {
        return false;
    }
    for (size_t i = 0; i < HEX_TEXT_LEN; i++) {
        const char *digit = memchr(digits, text.ptr[i], sizeof digits - 1);

        if (digit == NULL) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *out = value;
    return true;
}

const char number_digit_pairs[201] = "00010203040506070809101112131415161718192021222324"
                                     "25262728293031323334353637383940414243444546474849"
                                     "50515253545556575859606162636465666768697071727374"
                                     "75767778798081828384858687888990919293949596979899";

static unsigned write_unsigned(char *p, uint64_t value)
{
    char digits[INTEGER_TEXT_MAX];
    unsigned at = sizeof digits;

    if (value < 10) {
        *p = (char)('0' + value);
        return 1;
    }
    while (value >= 100) {
        at -= 2;
        memcpy(digits + at, number_digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(digits + at, number_digit_pairs + 2 * value, 2);
    } else {
        digits[--at] = (char)('0' + value);
    }
    memcpy(p, digits + at, sizeof digits - at);
    return (unsigned)sizeof digits - at;
}

unsigned write_integer(char *p, int64_t value)
{
    if (value < 0) {
        *p = '-';
        return 1 + write_unsigned(p + 1, 0 - (uint64_t)value);
    }
    return write_unsigned(p, (uint64_t)value);
}

/* Each half byte becomes a byte, the highest first in memory, and then its digit. */
static uint64_t hex_digits(uint32_t value)
{
    uint64_t x = __builtin_bswap32(value);
    uint64_t above_9;

    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x >> 4 | x << 8) & 0x0f0f0f0f0f0f0f0f;
    above_9 = (x + 0x0606060606060606) >> 4 & 0x0101010101010101;
    return x + 0x3030303030303030 + above_9 * ('a' - '0' - 10);
}

void write_hex(char *p, uint64_t value)
{
    store_u64le(p, hex_digits((uint32_t)(value >> 32)));
    store_u64le(p + 8, hex_digits((uint32_t)value));
}

unsigned write_decimal(char *p, int64_t value, unsigned scale)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t unit = (uint64_t)power_of_ten(scale);
    uint64_t fraction = magnitude % unit;
    unsigned len = 0;

    if (value < 0) {
        p[len++] = '-';
    }
    len += write_unsigned(p + len, magnitude / unit);
    if (scale == 0) {
        return len;
    }
    p[len] = '.';
    for (unsigned i = scale; i > 0; i--) {
        p[len + i] = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    return len + 1 + scale;
}

unsigned write_number(char *p, double value)
{
    char text[NUMBER_TEXT_MAX];
    int len = 0;

    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    memcpy(p, text, (size_t)len);
    return (unsigned)len;
}

bool ratio_scaled(int64_t total, int64_t count, unsigned scale, int64_t *out)
{
    __int128 scaled;
    __int128 half =
        count / 2; /* of an odd count too: it can leave no remainder of exactly one half */

    if (count <= 0) {
        return false;
    }
    scaled = (__int128)total * power_of_ten(scale);
    scaled = (scaled < 0 ? scaled - half : scaled + half) / count;
    if (scaled > INT64_MAX || scaled < INT64_MIN) {
        return false;
    }
    *out = (int64_t)scaled;
    return true;
}
