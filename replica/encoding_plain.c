/* Plain text: where each row's text ends, in 1, 2 or 4 bytes; the texts joined in the wide part. A
 * null ends where it begins. */
#include "replica/encoding.h"

static size_t measure(const struct encoding *self, const struct column *column,
                      const struct column_facts *facts)
{
    if (facts->text_bytes >> (8 * self->width) != 0) {
        return ENCODING_IMPOSSIBLE;
    }
    return (size_t)column->row_count * self->width + facts->text_bytes;
}

static void encode(const struct encoding *self, const struct column *column,
                   const struct column_facts *facts, struct buffer *narrow, struct buffer *wide)
{
    uint32_t end = 0;

    (void)facts;
    for (uint32_t row = 0; row < column->row_count; row++) {
        uint8_t bytes[4];

        end += (uint32_t)column->texts[row].len;
        store_u32le(bytes, end);
        buffer_append(narrow, bytes, self->width);
        buffer_append_slice(wide, column->texts[row]);
    }
}

static bool open_plain(const struct encoding *self, struct slice narrow, size_t *at,
                       struct vector *vector)
{
    vector->width = self->width;
    vector->data = take_bytes(narrow, at, (size_t)vector->row_count * self->width);
    if (vector->data == NULL) {
        return false;
    }
    if (vector->row_count > 0) {
        vector->text_size = (uint32_t)load_width(
            vector->data + (size_t)(vector->row_count - 1) * self->width, self->width);
    }
    return true;
}

#define PLAIN(bytes)                                                                               \
    {                                                                                              \
        .name = "plain " #bytes, .is_text = true, .width = bytes, .measure = measure,              \
        .encode = encode, .open = open_plain                                                       \
    }

const struct encoding encoding_plain_1 = PLAIN(1);
const struct encoding encoding_plain_2 = PLAIN(2);
const struct encoding encoding_plain_4 = PLAIN(4);
