#include "mutate.h"

#include <stdbool.h>
#include <string.h>

#include "../xorshift.h"
#include "replica/format.h"

static uint64_t random_state;

void random_seed(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15 | 1;
}

size_t random_below(size_t limit)
{
    return (size_t)(xorshift_next(&random_state) >> 11) % limit;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

typedef size_t (*change)(struct draft *draft); /* where it began */

static size_t flip_bits(struct draft *draft)
{
    size_t at = random_below(draft->size);

    for (size_t left = 1 + random_below(8); left > 0; left--) {
        draft->bytes[at] = (char)(draft->bytes[at] ^ (1 << random_below(8)));
        at = random_below(draft->size);
    }
    return at;
}

static size_t overwrite_run(struct draft *draft)
{
    size_t at = random_below(draft->size);
    size_t len = least(1 + random_below(64), draft->size - at);
    bool is_one_byte = random_below(2) == 0;
    char byte = (char)random_below(256);

    for (size_t i = 0; i < len; i++) {
        draft->bytes[at + i] = is_one_byte ? byte : (char)random_below(256);
    }
    return at;
}

static size_t swap_pages(struct draft *draft)
{
    size_t pages = draft->size / FORMAT_PAGE_SIZE;
    char kept[FORMAT_PAGE_SIZE];
    char *a;
    char *b;

    if (pages < 2) {
        return flip_bits(draft);
    }
    a = draft->bytes + random_below(pages) * FORMAT_PAGE_SIZE;
    b = draft->bytes + random_below(pages) * FORMAT_PAGE_SIZE;
    memcpy(kept, a, sizeof kept);
    memmove(a, b, sizeof kept);
    memcpy(b, kept, sizeof kept);
    return (size_t)(a - draft->bytes);
}

static size_t cut(struct draft *draft)
{
    draft->size = random_below(2) == 0
                      ? random_below(draft->size)
                      : random_below(draft->size / FORMAT_PAGE_SIZE + 1) * FORMAT_PAGE_SIZE;
    return draft->size;
}

static size_t zero_tail(struct draft *draft)
{
    size_t at = random_below(draft->size);

    memset(draft->bytes + at, 0, draft->size - at);
    return at;
}

static size_t overwrite_integer(struct draft *draft)
{
    static const uint64_t interesting[] = {
        0,          1,          0x7f,       0x80,       0xff,       0x100,      0x7fff,
        0x8000,     0xffff,     0x10000,    0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX,
        INT64_MAX,  1ULL << 63, 4095,       4096,       256,        1024,       BLOB_SIZE_MAX,
        0x00ffffff, 0x01000000, 0xfffffffe, 65535,
    };
    uint64_t value = interesting[random_below(sizeof interesting / sizeof interesting[0])];
    size_t at = random_below(draft->size);
    size_t len = least((size_t)1 << random_below(4), draft->size - at);
    bool is_big_endian = random_below(2) == 0; /* SQLite's own integers are */

    for (size_t i = 0; i < len; i++) {
        draft->bytes[at + i] = (char)(value >> 8 * (is_big_endian ? len - 1 - i : i));
    }
    return at;
}

static size_t insert_bytes(struct draft *draft)
{
    size_t at = random_below(draft->size + 1);
    size_t len = random_below(4) == 0 ? FORMAT_PAGE_SIZE : 1 + random_below(16);

    len = least(len, draft->room - draft->size);
    memmove(draft->bytes + at + len, draft->bytes + at, draft->size - at);
    for (size_t i = 0; i < len; i++) {
        draft->bytes[at + i] = (char)random_below(256);
    }
    draft->size += len;
    return at;
}

static const struct {
    const char *name;
    change make;
} changes[] = {
    {"flipped bits", flip_bits},    {"a run of bytes", overwrite_run},
    {"swapped pages", swap_pages},  {"a truncation", cut},
    {"a zeroed tail", zero_tail},   {"an interesting integer", overwrite_integer},
    {"an insertion", insert_bytes},
};

enum { CHANGE_COUNT = sizeof changes / sizeof changes[0] };

const char *mutate(struct draft *draft, size_t *at)
{
    size_t kind = random_below(CHANGE_COUNT);

    *at = changes[kind].make(draft);
    for (size_t more = random_below(8); more > 5 && draft->size > 0; more--) {
        changes[random_below(CHANGE_COUNT)].make(draft);
    }
    return changes[kind].name;
}
