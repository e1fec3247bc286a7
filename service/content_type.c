#include "service/content_type.h"

#include <strings.h>

static bool ends_in(struct slice text, struct slice end)
{
    return text.len >= end.len && strncasecmp(text.ptr + text.len - end.len, end.ptr, end.len) == 0;
}

bool content_type_takes_json(struct slice value)
{
    const struct slice json = slice_str("application/json");
    const char *semicolon = value.len == 0 ? NULL : memchr(value.ptr, ';', value.len);
    struct slice type = value;

    if (value.len == 0) {
        return true;
    }
    if (semicolon != NULL) {
        type.len = (size_t)(semicolon - value.ptr);
    }
    type = slice_trim(type);
    return (type.len == json.len && ends_in(type, json)) || ends_in(type, slice_str("+json"));
}
