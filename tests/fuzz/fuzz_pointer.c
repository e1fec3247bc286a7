/*
 * What a bucket says is its newest release: whatever the bytes are, they are refused, or they are read and
 * written again as they were. The same bytes as s3://... are a place whose path stays in its bucket.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "replica/pointer.h"
#include "replica/s3_place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(fact)                                                                                \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void try_pointer(struct slice text)
{
    struct pointer pointer;
    char again[POINTER_TEXT_MAX];

    if (pointer_parse(text, &pointer)) {
        CHECK(slice_is(text, pointer_write(&pointer, again)));
    }
}

static void try_place(const char *text)
{
    struct s3_place place;
    struct errmsg msg = {""};

    if (s3_place_parse(text, &place, &msg) != ERR_NONE) {
        CHECK(strstr(msg.text, "a bucket is written as ") != NULL);
        return;
    }
    CHECK(place.path[strlen(place.path) - 1] == '/' && place.path[0] != '/');
    CHECK(strstr(place.path, "//") == NULL && strstr(place.path, "/../") == NULL);
    CHECK(strpbrk(place.path, " :\n\\") == NULL);
    s3_place_free(&place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = memory_alloc(size + 1);

    memcpy(text, data, size);
    text[size] = '\0';
    try_pointer(slice_of(text, size));
    try_place(text);
    free(text);
    return 0;
}
