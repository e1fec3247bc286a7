#include "service/unread.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void unread_keep(struct unread *unread, struct slice bytes)
{
    if (bytes.len == 0) {
        return;
    }
    if (unread->ptr == NULL) {
        unread->ptr = memory_alloc(bytes.len);
        unread->size = bytes.len;
        memcpy(unread->ptr, bytes.ptr, bytes.len);
    }
    unread->begin = unread->size - bytes.len;
    assert(bytes.len <= unread->size);
}

struct slice unread_begin(struct unread *unread)
{
    struct slice bytes = slice_of(NULL, 0);

    if (unread->ptr != NULL) {
        bytes = slice_of(unread->ptr + unread->begin, unread->size - unread->begin);
        unread->begin = unread->size;
    }
    return bytes;
}

void unread_end(struct unread *unread)
{
    if (unread->begin == unread->size) {
        unread_free(unread);
    }
}

void unread_free(struct unread *unread)
{
    free(unread->ptr);
    *unread = (struct unread){.ptr = NULL};
}
