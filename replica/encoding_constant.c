/* One value for all rows that are not null: 8 bytes for integers; for text its length and, in the
 * wide part, its bytes. */
#include "replica/encoding.h"

static size_t measure_integer(const struct encoding *self, const struct column *column,
                              const struct column_facts *facts)
{
    (void)self;
    (void)column;
    return facts->is_constant ? 8 : ENCODING_IMPOSSIBLE;
}

static void encode_integer(const struct encoding *self, const struct column *column,
                           const struct column_facts *facts, struct buffer *narrow,
                           struct buffer *wide)
{
    uint8_t bytes[8];

    (void)self;
    (void)column;
    (void)wide;
    store_u64le(bytes, (uint64_t)facts->least);
    buffer_append(narrow, bytes, sizeof bytes);
}

static bool open_integer(const struct encoding *self, struct slice narrow, size_t *at,
                         struct vector *vector)
{
    const uint8_t *bytes = take_bytes(narrow, at, 8);

    (void)self;
    if (bytes == NULL) {
        return false;
    }
    vector->base = (int64_t)load_u64le(bytes);
    return true;
}

static size_t measure_text(const struct encoding *self, const struct column *column,
                           const struct column_facts *facts)
{
    (void)self;
    return facts->is_constant ? 4 + column->texts[facts->first_value_row].len : ENCODING_IMPOSSIBLE;
}

static void encode_text(const struct encoding *self, const struct column *column,
                        const struct column_facts *facts, struct buffer *narrow,
                        struct buffer *wide)
{
    struct slice text = column->texts[facts->first_value_row];
    uint8_t bytes[4];

    (void)self;
    store_u32le(bytes, (uint32_t)text.len);
    buffer_append(narrow, bytes, sizeof bytes);
    buffer_append_slice(wide, text);
}

static bool open_text(const struct encoding *self, struct slice narrow, size_t *at,
                      struct vector *vector)
{
    const uint8_t *bytes = take_bytes(narrow, at, 4);

    (void)self;
    if (bytes == NULL) {
        return false;
    }
    vector->text_size = load_u32le(bytes);
    return true;
}

const struct encoding encoding_constant = {
    .name = "constant", .measure = measure_integer, .encode = encode_integer, .open = open_integer};

const struct encoding encoding_text_constant = {.name = "text constant",
                                                .is_text = true,
                                                .measure = measure_text,
                                                .encode = encode_text,
                                                .open = open_text};
