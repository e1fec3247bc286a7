#include "replica/encoding.h"

#include <xxhash.h>

/* Indexed by enum encoding_id. */
static const struct encoding *const encodings[ENCODING_COUNT] = {
    [ENCODING_NULL] = &encoding_null,       [ENCODING_CONSTANT] = &encoding_constant,
    [ENCODING_BITS] = &encoding_bits,       [ENCODING_FRAME_1] = &encoding_frame_1,
    [ENCODING_FRAME_2] = &encoding_frame_2, [ENCODING_FRAME_4] = &encoding_frame_4,
    [ENCODING_FRAME_8] = &encoding_frame_8, [ENCODING_TEXT_CONSTANT] = &encoding_text_constant,
    [ENCODING_PLAIN_1] = &encoding_plain_1, [ENCODING_PLAIN_2] = &encoding_plain_2,
    [ENCODING_PLAIN_4] = &encoding_plain_4, [ENCODING_DICTIONARY] = &encoding_dictionary,
};

const char *encoding_name(enum encoding_id id)
{
    return encodings[id]->name;
}

/* The encodings of integers and of text; null serves both. */
static bool serves(enum encoding_id id, bool is_text)
{
    return id == ENCODING_NULL || encodings[id]->is_text == is_text;
}

static void gather_integers(const struct column *column, struct column_facts *facts)
{
    bool is_first = true;

    for (uint32_t row = 0; row < column->row_count; row++) {
        int64_t value = column->integers[row];

        if (column->is_null[row]) {
            continue;
        }
        if (is_first || value < facts->least) {
            facts->least = value;
        }
        if (is_first || value > facts->most) {
            facts->most = value;
        }
        is_first = false;
    }
    facts->is_constant = facts->least == facts->most;
}

enum { SLOTS = 2 * DICTIONARY_MAX };

/* The dictionary entry that equals TEXT, a new one, or -1 when the dictionary would grow too large. */
static int dictionary_enter(const struct column *column, struct column_facts *facts,
                            uint16_t slots[SLOTS], uint32_t row)
{
    struct slice text = column->texts[row];
    uint32_t slot = (uint32_t)XXH3_64bits(text.ptr, text.len) % SLOTS;

    while (slots[slot] != 0) {
        uint32_t entry = slots[slot] - 1U;

        if (slice_equal(column->texts[facts->entry_rows[entry]], text)) {
            return (int)entry;
        }
        slot = (slot + 1) % SLOTS;
    }
    if (facts->entry_count == DICTIONARY_MAX ||
        DICTIONARY_BYTES_MAX - facts->entry_bytes < text.len) {
        return -1;
    }
    facts->entry_rows[facts->entry_count] = row;
    facts->entry_bytes += (uint32_t)text.len;
    slots[slot] = (uint16_t)++facts->entry_count;
    return (int)facts->entry_count - 1;
}

static void gather_texts(const struct column *column, struct column_facts *facts)
{
    uint16_t slots[SLOTS] = {0}; /* entry + 1, or 0 */
    bool is_first = true;

    facts->has_dictionary = column->null_count < column->row_count;
    for (uint32_t row = 0; row < column->row_count; row++) {
        int entry;

        facts->text_bytes += column->texts[row].len;
        facts->row_entries[row] = 0;
        if (column->is_null[row]) {
            continue;
        }
        if (is_first) {
            facts->first_value_row = row;
            facts->is_constant = true;
            is_first = false;
        }
        facts->is_constant = facts->is_constant &&
                             slice_equal(column->texts[row], column->texts[facts->first_value_row]);
        if (facts->has_dictionary) {
            entry = dictionary_enter(column, facts, slots, row);
            facts->has_dictionary = entry >= 0;
            facts->row_entries[row] = (uint8_t)(entry < 0 ? 0 : entry);
        }
    }
}

static void append_nulls(const struct column *column, struct buffer *narrow)
{
    for (uint32_t first = 0; first < column->row_count; first += 8) {
        uint8_t byte = 0;

        for (uint32_t bit = 0; bit < 8 && first + bit < column->row_count; bit++) {
            byte |= (uint8_t)(column->is_null[first + bit] << bit);
        }
        buffer_append(narrow, &byte, 1);
    }
}

void column_encode(const struct column *column, struct buffer *narrow, struct buffer *wide)
{
    struct column_facts facts;
    enum encoding_id best = ENCODING_NULL;
    size_t best_size = ENCODING_IMPOSSIBLE;
    bool has_nulls = column->null_count > 0 && column->null_count < column->row_count;

    memset(&facts, 0, offsetof(struct column_facts, entry_rows));
    if (column->is_text) {
        gather_texts(column, &facts);
    } else {
        gather_integers(column, &facts);
    }
    for (unsigned id = 0; id < ENCODING_COUNT; id++) {
        size_t size;

        if (!serves(id, column->is_text)) {
            continue;
        }
        size = encodings[id]->measure(encodings[id], column, &facts);
        if (size < best_size) {
            best = id;
            best_size = size;
        }
    }
    buffer_append_byte(narrow, (char)(best | (has_nulls ? VECTOR_HAS_NULLS : 0)));
    if (has_nulls) {
        append_nulls(column, narrow);
    }
    encodings[best]->encode(encodings[best], column, &facts, narrow, wide);
}

bool vector_open(struct slice narrow, size_t *at, uint32_t row_count, bool is_text,
                 struct vector *vector)
{
    const uint8_t *head = take_bytes(narrow, at, 1);
    unsigned id;

    if (head == NULL) {
        return false;
    }
    id = *head & ~(unsigned)VECTOR_HAS_NULLS;
    if (id >= ENCODING_COUNT || !serves(id, is_text)) {
        return false;
    }
    *vector = (struct vector){.encoding = id, .row_count = row_count};
    if (*head & VECTOR_HAS_NULLS) {
        vector->nulls = take_bytes(narrow, at, (row_count + 7) / 8);
        if (vector->nulls == NULL) {
            return false;
        }
    }
    return encodings[id]->open(encodings[id], narrow, at, vector);
}
