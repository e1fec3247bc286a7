#include "service/take_value.h"

#include "base/json.h"
#include "base/number.h"
#include "base/timestamp.h"

static bool within(const struct take_rule *rule, int64_t value)
{
    return (!rule->has_least || value >= rule->least) && (!rule->has_most || value <= rule->most);
}

static bool take_integer(const struct take_rule *rule, int64_t integer, struct value *out)
{
    *out = (struct value){.type = VALUE_INTEGER, .integer = integer};
    return within(rule, integer);
}

/* Bounds beyond 2^53 are rounded, as the number itself is. */
static bool take_real(const struct take_rule *rule, double real, struct value *out)
{
    *out = (struct value){.type = VALUE_REAL, .real = real};
    return (!rule->has_least || real >= (double)rule->least) &&
           (!rule->has_most || real <= (double)rule->most);
}

static bool take_boolean(bool is_true, struct value *out)
{
    *out = (struct value){.type = VALUE_INTEGER, .integer = is_true};
    return true;
}

static bool take_moment(const struct take_rule *rule, int64_t ms, struct value *out)
{
    return ms >= TIMESTAMP_MIN && ms <= TIMESTAMP_MAX && take_integer(rule, ms, out);
}

/* Every byte but the second and later ones of a sequence begins a character. */
static int64_t character_count(struct slice text)
{
    int64_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

/* No database keeps a NUL in a text. */
static bool take_text(const struct take_rule *rule, struct slice text, struct value *out)
{
    *out = (struct value){.type = VALUE_TEXT, .text = text};
    return (text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL) && utf8_is_valid(text) &&
           within(rule, character_count(text));
}

static bool boolean_from_text(struct slice text, struct value *out)
{
    bool is_true = slice_is(text, "true") || slice_is(text, "1");

    return (is_true || slice_is(text, "false") || slice_is(text, "0")) &&
           take_boolean(is_true, out);
}

bool value_from_text(const struct take_rule *rule, struct slice text, struct value *out)
{
    int64_t integer;
    double real;

    switch (rule->type) {
    case SCALAR_INTEGER:
        return parse_integer(text, &integer) && take_integer(rule, integer, out);
    case SCALAR_NUMBER:
        return parse_number(text, &real) && take_real(rule, real, out);
    case SCALAR_BOOLEAN:
        return boolean_from_text(text, out);
    case SCALAR_TIMESTAMP:
        return (timestamp_parse(text, &integer) || parse_integer(text, &integer)) &&
               take_moment(rule, integer, out);
    default:
        return take_text(rule, text, out);
    }
}

static struct slice json_text(const json_t *json)
{
    return slice_of(json_string_value(json), json_string_length(json));
}

static bool moment_from_json(const struct take_rule *rule, const json_t *json, struct value *out)
{
    int64_t ms;

    if (json_is_integer(json)) {
        return take_moment(rule, json_integer_value(json), out);
    }
    return json_is_string(json) && timestamp_parse(json_text(json), &ms) &&
           take_moment(rule, ms, out);
}

bool value_from_json(const struct take_rule *rule, const json_t *json, struct arena *arena,
                     struct value *out)
{
    switch (rule->type) {
    case SCALAR_INTEGER:
        return json_is_integer(json) && take_integer(rule, json_integer_value(json), out);
    case SCALAR_NUMBER:
        return json_is_number(json) && take_real(rule, json_number_value(json), out);
    case SCALAR_BOOLEAN:
        return json_is_boolean(json) && take_boolean(json_is_true(json), out);
    case SCALAR_TIMESTAMP:
        return moment_from_json(rule, json, out);
    default:
        if (!json_is_string(json) || !take_text(rule, json_text(json), out)) {
            return false;
        }
        out->text = arena_copy(arena, out->text);
        return true;
    }
}

bool value_from_name(const struct take_rule *rule, struct slice name, struct arena *arena,
                     struct value *out)
{
    char text[INTEGER_TEXT_MAX];

    if (!value_from_text(rule, name, out)) {
        return false;
    }
    if (rule->type == SCALAR_INTEGER) {
        return slice_equal(slice_of(text, write_integer(text, out->integer)), name);
    }
    if (out->type == VALUE_TEXT) {
        out->text = arena_copy(arena, name);
    }
    return true;
}
