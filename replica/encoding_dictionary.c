/* Dictionary: the distinct texts once, in order of occurrence, and a byte a row that names one. */
#include "replica/encoding.h"

static size_t measure(const struct encoding *self, const struct column *column,
                      const struct column_facts *facts)
{
    (void)self;
    if (!facts->has_dictionary) {
        return ENCODING_IMPOSSIBLE;
    }
    return 1 + 2 * (size_t)facts->entry_count + column->row_count + facts->entry_bytes;
}

static void encode(const struct encoding *self, const struct column *column,
                   const struct column_facts *facts, struct buffer *narrow, struct buffer *wide)
{
    uint32_t end = 0;

    (void)self;
    buffer_append_byte(narrow, (char)(facts->entry_count - 1));
    for (uint32_t entry = 0; entry < facts->entry_count; entry++) {
        struct slice text = column->texts[facts->entry_rows[entry]];
        uint8_t bytes[2];

        end += (uint32_t)text.len;
        store_u16le(bytes, (uint16_t)end);
        buffer_append(narrow, bytes, sizeof bytes);
        buffer_append_slice(wide, text);
    }
    buffer_append(narrow, facts->row_entries, column->row_count);
}

static bool open_dictionary(const struct encoding *self, struct slice narrow, size_t *at,
                            struct vector *vector)
{
    const uint8_t *count = take_bytes(narrow, at, 1);

    (void)self;
    if (count == NULL) {
        return false;
    }
    vector->entry_count = (uint32_t)*count + 1;
    vector->entries = take_bytes(narrow, at, 2 * (size_t)vector->entry_count);
    vector->width = 1;
    vector->data = take_bytes(narrow, at, vector->row_count);
    if (vector->entries == NULL || vector->data == NULL) {
        return false;
    }
    vector->text_size = load_u16le(vector->entries + 2 * (size_t)(vector->entry_count - 1));
    return true;
}

const struct encoding encoding_dictionary = {.name = "dictionary",
                                             .is_text = true,
                                             .width = 1,
                                             .measure = measure,
                                             .encode = encode,
                                             .open = open_dictionary};
