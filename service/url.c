#include "service/url.h"

#include <stdint.h>

static struct slice cut_before(struct slice text, char mark, struct slice *rest)
{
    const char *at = text.len == 0 ? NULL : memchr(text.ptr, mark, text.len);

    if (at == NULL) {
        *rest = slice_of(text.ptr + text.len, 0);
        return text;
    }
    *rest = slice_of(at + 1, text.len - (size_t)(at - text.ptr) - 1);
    return slice_of(text.ptr, (size_t)(at - text.ptr));
}

/* What follows "scheme://authority", which proxies may send in front of the path. */
static struct slice without_authority(struct slice target)
{
    const char *end = target.ptr + target.len;
    const char *mark = memmem(target.ptr, target.len, "://", 3);
    const char *slash;

    if (mark == NULL) {
        return target;
    }
    mark += 3;
    slash = memchr(mark, '/', (size_t)(end - mark));
    if (slash == NULL) {
        return slice_str("/");
    }
    return slice_of(slash, (size_t)(end - slash));
}

struct url url_split(struct slice target)
{
    struct url url;
    struct slice fragment;

    if (target.len > 0 && target.ptr[0] != '/') {
        target = without_authority(target);
    }
    target = cut_before(target, '#', &fragment);
    url.path = cut_before(target, '?', &url.query);
    return url;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

static bool needs_decoding(struct slice text, enum url_kind kind)
{
    return text.len > 0 && (memchr(text.ptr, '%', text.len) != NULL ||
                            (kind == URL_QUERY && memchr(text.ptr, '+', text.len) != NULL));
}

struct slice url_decode(struct slice text, enum url_kind kind, struct arena *arena)
{
    char *copy;
    size_t len = 0;

    if (!needs_decoding(text, kind)) {
        return text;
    }
    copy = arena_alloc(arena, text.len);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '+' && kind == URL_QUERY) {
            c = ' ';
        } else if (c == '%' && text.len - i > 2) {
            int high = hex_value(text.ptr[i + 1]);
            int low = hex_value(text.ptr[i + 2]);

            if (high >= 0 && low >= 0) {
                c = (char)(uint8_t)(high << 4 | low);
                i += 2;
            }
        }
        copy[len++] = c;
    }
    return slice_of(copy, len);
}

bool url_parameter_raw(struct slice query, struct slice name, struct arena *arena,
                       struct slice *out)
{
    while (query.len > 0) {
        struct slice rest;
        struct slice value;
        struct slice pair = cut_before(query, '&', &rest);
        struct slice pair_name = cut_before(pair, '=', &value);

        if (slice_equal(url_decode(pair_name, URL_QUERY, arena), name)) {
            *out = value;
            return true;
        }
        query = rest;
    }
    return false;
}

bool url_parameter(struct slice query, struct slice name, struct arena *arena, struct slice *out)
{
    bool found = url_parameter_raw(query, name, arena, out);

    if (found) {
        *out = url_decode(*out, URL_QUERY, arena);
    }
    return found;
}

bool url_next_segment(struct slice *path, struct slice *segment)
{
    struct slice rest;

    if (path->len == 0 || path->ptr[0] != '/') {
        return false;
    }
    *segment = cut_before(slice_of(path->ptr + 1, path->len - 1), '/', &rest);
    *path = slice_of(segment->ptr + segment->len, path->len - 1 - segment->len);
    return true;
}
