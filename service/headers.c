#include "service/headers.h"

#include <strings.h>

static const struct {
    struct slice name;
    const char *join;
} headers[] = {
#define ROW(constant, name, join) [constant] = {{name, sizeof name - 1}, join},
    REQUEST_HEADER_TABLE(ROW)
#undef ROW
};

/* Lengths and first letters that the names have, as bits. */
enum {
#define LENGTH(constant, name, join) | 1u << (sizeof name - 1)
    LENGTHS = 0 REQUEST_HEADER_TABLE(LENGTH),
#undef LENGTH
    LENGTH_MAX = 31,
};

static unsigned letter_bit(char c)
{
    return 1u << ((unsigned char)c & 31); /* "a" and "A" have one bit */
}

static unsigned letters(void)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < REQUEST_HEADERS; i++) {
        bits |= letter_bit(headers[i].name.ptr[0]);
    }
    return bits;
}

int header_find(struct slice name)
{
    if (name.len > LENGTH_MAX || (LENGTHS >> name.len & 1) == 0 ||
        (letters() & letter_bit(name.ptr[0])) == 0) {
        return -1;
    }
    for (unsigned i = 0; i < REQUEST_HEADERS; i++) {
        if (headers[i].name.len == name.len &&
            strncasecmp(headers[i].name.ptr, name.ptr, name.len) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *header_join(enum request_header header)
{
    return headers[header].join;
}
