#include "service/gzip.h"

#include <libdeflate.h>
#include <strings.h>

enum {
    LEVEL = 1,
    SAVED_PART = 8, /* of a body, at least, is saved: one of so many parts */
};

void gzip_init(struct gzip *gzip)
{
    *gzip = (struct gzip){.compressor = NULL};
    buffer_init(&gzip->packed, GZIP_SIZE_MAX);
}

void gzip_free(struct gzip *gzip)
{
    libdeflate_free_compressor(gzip->compressor);
    buffer_free(&gzip->packed);
}

static struct slice next_part(struct slice *list, char mark)
{
    const char *at = list->len == 0 ? NULL : memchr(list->ptr, mark, list->len);
    size_t len = at == NULL ? list->len : (size_t)(at - list->ptr);
    struct slice part = slice_of(list->ptr, len);
    size_t taken = at == NULL ? len : len + 1;

    *list = slice_of(list->ptr + taken, list->len - taken);
    return slice_trim(part);
}

static bool is_name(struct slice text, const char *name)
{
    return text.len == strlen(name) && strncasecmp(text.ptr, name, text.len) == 0;
}

/* "q=0", "q=0." or "q=0.000" among PARAMETERS: not at all. */
static bool is_refused(struct slice parameters)
{
    while (parameters.len > 0) {
        struct slice part = next_part(&parameters, ';');
        struct slice name = next_part(&part, '=');

        if (!is_name(name, "q")) {
            continue;
        }
        part = slice_trim(part);
        for (size_t i = 0; i < part.len; i++) {
            if (part.ptr[i] != '0' && part.ptr[i] != '.') {
                return false;
            }
        }
        return part.len > 0;
    }
    return false;
}

/* What is said of gzip itself counts more than what is said of "*". */
bool gzip_is_accepted(struct slice list)
{
    bool by_star = false;

    while (list.len > 0) {
        struct slice parameters = next_part(&list, ',');
        struct slice name = next_part(&parameters, ';');

        if (is_name(name, "gzip") || is_name(name, "x-gzip")) {
            return !is_refused(parameters);
        }
        if (slice_is(name, "*")) {
            by_star = !is_refused(parameters);
        }
    }
    return by_star;
}

bool gzip_pack(struct gzip *gzip, struct slice body, struct slice *out)
{
    size_t most = body.len - body.len / SAVED_PART;
    size_t size;
    char *room;

    if (gzip->is_off || body.len < GZIP_SIZE_MIN || body.len > GZIP_SIZE_MAX) {
        return false;
    }
    if (gzip->compressor == NULL) {
        gzip->compressor = libdeflate_alloc_compressor(LEVEL);
    }
    buffer_clear(&gzip->packed);
    room = buffer_reserve(&gzip->packed, most);
    if (gzip->compressor == NULL || room == NULL) {
        return false;
    }
    size = libdeflate_gzip_compress(gzip->compressor, body.ptr, body.len, room, most);
    *out = slice_of(room, size);
    return size > 0;
}
