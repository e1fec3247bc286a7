#include "definition/wording.h"

#include <limits.h>
#include <stdio.h>

#include "base/json.h"
#include "base/suggest.h"

enum { ADVICE_NAMES_MAX = 24 }; /* names listed before "..." */

/* The longest prefix of at most MAX bytes that cuts no UTF-8 sequence. */
static size_t cut_len(struct slice text, size_t max)
{
    size_t len = text.len < max ? text.len : max;

    while (len > 0 && len < text.len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return len;
}

struct wording wording_quote(struct slice text)
{
    struct wording out;
    struct buffer buffer;
    size_t len = cut_len(text, WORDING_QUOTE_MAX);

    buffer_init(&buffer, sizeof out.text);
    if (len > 0) {
        json_escape(&buffer, slice_of(text.ptr, len));
    }
    snprintf(out.text, sizeof out.text, "\"%s%s\"", buffer_str(&buffer),
             len < text.len ? "..." : "");
    buffer_free(&buffer);
    return out;
}

/* The name most like WRONG, or an empty slice when none is near. */
static struct slice nearest(struct slice wrong, const struct slice *names, unsigned count)
{
    struct slice best = slice_of("", 0);
    unsigned best_distance = UINT_MAX;

    for (unsigned i = 0; i < count; i++) {
        unsigned distance;

        if (suggest_is_near(wrong, names[i], &distance) && distance < best_distance) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

void wording_advice(struct buffer *out, struct slice wrong, const struct slice *names,
                    unsigned count)
{
    struct slice near = nearest(wrong, names, count);

    if (near.len > 0) {
        buffer_printf(out, "did you mean %s?", wording_quote(near).text);
        return;
    }
    buffer_append_str(out, count == 1 ? "write " : "write one of ");
    for (unsigned i = 0; i < count; i++) {
        if (i == ADVICE_NAMES_MAX) {
            buffer_append_str(out, ", ...");
            return;
        }
        buffer_append_str(out, i == 0 ? "" : ", ");
        buffer_append_slice(out, names[i]);
    }
}
