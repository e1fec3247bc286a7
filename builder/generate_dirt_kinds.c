#include "builder/generate_dirt_kinds.h"

#include "base/number.h"
#include "base/timestamp.h"

#define BIT(type) (1u << (type))
#define ANY_TYPE 0xffu

enum { OVERLONG = 1500, NAME_MOST = 1000 };

/* The text within the quotes; something when the field is null. */
static struct slice content(const struct dirt_spot *spot)
{
    if (spot->field.len >= 2 && spot->field.ptr[0] == '"') {
        return slice_of(spot->field.ptr + 1, spot->field.len - 2);
    }
    return slice_str("nothing to add");
}

static void add_quoted(struct buffer *out, const char *before, struct slice text,
                       const char *behind)
{
    buffer_append_byte(out, '"');
    buffer_append_str(out, before);
    buffer_append_slice(out, text);
    buffer_append_str(out, behind);
    buffer_append_byte(out, '"');
}

static void quoted_null(struct buffer *out, const struct dirt_spot *spot)
{
    buffer_append_str(out, spot->chance % 3 == 0 ? "\"NULL\"" : "\"null\"");
}

static void iso_date(struct buffer *out, const struct dirt_spot *spot)
{
    char text[TIMESTAMP_TEXT_LEN];
    int64_t ms;

    if (!parse_integer(spot->field, &ms)) {
        ms = 0;
    }
    timestamp_write(text, ms);
    add_quoted(out, "", slice_of(text, spot->chance % 4 == 0 ? TIMESTAMP_TEXT_LEN : 10), "");
}

static void other_boolean(struct buffer *out, const struct dirt_spot *spot)
{
    static const char *const yes[] = {"1", "1", "\"1\"", "TRUE", "t"};
    static const char *const no[] = {"0", "0", "\"0\"", "False", "f"};

    buffer_append_str(out, (slice_is(spot->field, "true") ? yes : no)[spot->chance % 5]);
}

static void no_closing_quote(struct buffer *out, const struct dirt_spot *spot)
{
    buffer_append_byte(out, '"');
    buffer_append_slice(out, content(spot));
}

static void stray_backslash(struct buffer *out, const struct dirt_spot *spot)
{
    static const char *const behind[] = {"\\", " it\\'s", " \\n \\x", "\\\\"};

    add_quoted(out, "", content(spot), behind[spot->chance % 4]);
}

static void mistyped_scheme(struct buffer *out, const struct dirt_spot *spot)
{
    static const char *const before[] = {"u", "u", "h", "xhttp"};

    if (spot->field.ptr[0] == '"') {
        add_quoted(out, before[spot->chance % 4], content(spot), "");
    } else {
        buffer_append_str(out, "\"uhttps://images.example.com/\"");
    }
}

/* default_price: 140 */
static void named_number(struct buffer *out, const struct dirt_spot *spot)
{
    struct slice header = spot->column->column->header;

    buffer_append(out, header.ptr, header.len < NAME_MOST ? header.len : NAME_MOST);
    buffer_append_str(out, ": ");
    buffer_append_slice(out, spot->field);
}

static void padded_number(struct buffer *out, const struct dirt_spot *spot)
{
    if (spot->chance % 2 == 0) {
        add_quoted(out, " ", spot->field, "  ");
        return;
    }
    buffer_append_str(out, "   ");
    buffer_append_slice(out, spot->field);
    buffer_append_str(out, "\t ");
}

static void same_again(struct buffer *out, const struct dirt_spot *spot)
{
    add_quoted(out, "", spot->column->choices[0], "");
}

static void overlong_text(struct buffer *out, const struct dirt_spot *spot)
{
    struct slice text = content(spot);
    size_t start = out->len;

    buffer_append_byte(out, '"');
    while (out->len - start < OVERLONG) {
        buffer_append_slice(out, text);
        buffer_append_str(out, " (again) ");
    }
    buffer_append_byte(out, '"');
}

static void marks_in_text(struct buffer *out, const struct dirt_spot *spot)
{
    add_quoted(out, "\"\"Well\"\", ", content(spot), ",\n1,2,\"\"3\"\"\r\n\"\"");
}

static void broken_utf8(struct buffer *out, const struct dirt_spot *spot)
{
    static const char *const behind[] = {" caf\xe9", "\xc3\x28", "\xf0\x9f\x98", "\xed\xa0\x80"};

    add_quoted(out, "", content(spot), behind[spot->chance % 4]);
}

static void out_of_bounds(struct buffer *out, const struct dirt_spot *spot)
{
    char text[INTEGER_TEXT_MAX];
    int64_t most = spot->column->column->most;

    buffer_append(out, text, write_integer(text, most > INT64_MAX - 4 ? 0 : most + 4));
}

static void wrong_type(struct buffer *out, const struct dirt_spot *spot)
{
    static const char *const texts[] = {"yesterday", "\"maybe\"", "?", "12-34"};

    buffer_append_str(out, texts[spot->chance % 4]);
}

static void key_with_letter(struct buffer *out, const struct dirt_spot *spot)
{
    buffer_append_byte(out, 'x');
    buffer_append_slice(out, spot->field);
}

static void empty_value(struct buffer *out, const struct dirt_spot *spot)
{
    if (spot->chance % 2 == 0) {
        buffer_append_str(out, "\"\"");
    }
}

static void key_again(struct buffer *out, const struct dirt_spot *spot)
{
    char text[INTEGER_TEXT_MAX];
    int64_t key;

    if (!parse_integer(spot->field, &key) || key <= 1) {
        key = 2;
    }
    buffer_append(out, text, write_integer(text, key - 1));
}

#define TEXTS BIT(COLUMN_TEXT)
#define NUMBERS (BIT(COLUMN_INTEGER) | BIT(COLUMN_DECIMAL) | BIT(COLUMN_NUMBER))

const struct dirt_kind dirt_kinds[] = {
    [KIND_SWAPPED] = {0, NEEDS_NOTHING, NULL},
    [KIND_FIELD_MORE] = {0, NEEDS_NOTHING, NULL},
    [KIND_FIELD_LESS] = {0, NEEDS_NOTHING, NULL},
    {ANY_TYPE, NEEDS_OPTIONAL, quoted_null},
    {BIT(COLUMN_TIMESTAMP), NEEDS_NOTHING, iso_date},
    {BIT(COLUMN_BOOLEAN), NEEDS_NOTHING, other_boolean},
    {TEXTS, NEEDS_NOTHING, no_closing_quote},
    {TEXTS, NEEDS_NOTHING, stray_backslash},
    {BIT(COLUMN_URL), NEEDS_NOTHING, mistyped_scheme},
    {BIT(COLUMN_DECIMAL), NEEDS_NOTHING, named_number},
    {NUMBERS, NEEDS_PLAIN, padded_number},
    {TEXTS, NEEDS_DISTINCT, same_again},
    {TEXTS, NEEDS_NOTHING, overlong_text},
    {TEXTS, NEEDS_NOTHING, marks_in_text},
    {TEXTS, NEEDS_NOTHING, broken_utf8},
    {BIT(COLUMN_INTEGER), NEEDS_BOUNDS, out_of_bounds},
    {BIT(COLUMN_TIMESTAMP) | BIT(COLUMN_BOOLEAN) | BIT(COLUMN_DECIMAL), NEEDS_NOTHING, wrong_type},
    {BIT(COLUMN_INTEGER), NEEDS_REQUIRED, key_with_letter},
    {ANY_TYPE & ~TEXTS, NEEDS_REQUIRED, empty_value},
    {BIT(COLUMN_INTEGER), NEEDS_KEY, key_again},
};

const unsigned dirt_kind_count = sizeof dirt_kinds / sizeof dirt_kinds[0];
