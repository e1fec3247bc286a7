#include "service/headers.h"

#include "base/bytes.h"

#define HEADER_TABLE(X) REQUEST_HEADER_TABLE(X) X(HEADER_HOST, "host", NULL)

static const struct {
    struct slice name;
    const char *join;
} headers[] = {
#define ROW(constant, name, join) [constant] = {{name, sizeof name - 1}, join},
    HEADER_TABLE(ROW)
#undef ROW
};

/* Lengths that the names have, as bits. */
enum {
#define LENGTH(constant, name, join) | 1u << (sizeof name - 1)
    LENGTHS = 0 HEADER_TABLE(LENGTH),
#undef LENGTH
    LENGTH_MIN = 4,
    LENGTH_MAX = 31,
};

_Static_assert((LENGTHS & ((1u << LENGTH_MIN) - 1)) == 0, "is_name reads four bytes at a time");

/* Letters without their case. The other bytes that this makes equal stand in no name. */
static uint32_t folded(const char *at)
{
    return load_u32le(at) | 0x20202020;
}

/* LOWER and NAME have LEN bytes, LENGTH_MIN at least. */
static bool is_name(const char *lower, const char *name, size_t len)
{
    size_t last = len - LENGTH_MIN;

    for (size_t at = 0; at < last; at += LENGTH_MIN) {
        if (load_u32le(lower + at) != folded(name + at)) {
            return false;
        }
    }
    return load_u32le(lower + last) == folded(name + last);
}

int header_find(struct slice name)
{
    char first;

    if (name.len > LENGTH_MAX || (LENGTHS >> name.len & 1) == 0) {
        return -1;
    }
    first = (char)(name.ptr[0] | 0x20);
    for (unsigned i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        if (headers[i].name.len == name.len && headers[i].name.ptr[0] == first &&
            is_name(headers[i].name.ptr, name.ptr, name.len)) {
            return (int)i;
        }
    }
    return -1;
}

const char *header_join(enum request_header header)
{
    return headers[header].join;
}
