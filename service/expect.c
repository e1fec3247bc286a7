#include "service/expect.h"

#include <inttypes.h>
#include <jansson.h>

#include "definition/wording.h"

enum { PATH_MAX_BYTES = 4096 }; /* of the place of a difference; a longer one is cut */

struct match {
    struct buffer path;       /* "results[0].days"; empty for the whole body */
    struct buffer *complaint; /* what was said since the last success is taken back by $some */
};

static bool holds(struct match *match, const struct expectation *expectation, const json_t *value);

/* What stands at the place, in words: `7`, `"north"`, `a list of 3`. */
static void describe(const json_t *value, struct buffer *out)
{
    char *text;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        buffer_append_str(out, "an object");
        return;
    case JSON_ARRAY:
        buffer_printf(out, "a list of %zu", json_array_size(value));
        return;
    case JSON_STRING:
        buffer_append_str(
            out, wording_quote(slice_of(json_string_value(value), json_string_length(value))).text);
        return;
    default:
        text = json_dumps(value, JSON_ENCODE_ANY);
        buffer_append_str(out, text);
        free(text);
    }
}

static void say_place(struct match *match)
{
    if (match->path.len == 0) {
        buffer_append_str(match->complaint, "the answer");
    } else {
        buffer_append_slice(match->complaint, buffer_slice(&match->path));
    }
}

/* Says what is there and what was EXPECTED; false, for the caller to return. */
static bool differs(struct match *match, const json_t *value, const char *expected)
{
    say_place(match);
    buffer_append_str(match->complaint, " is ");
    describe(value, match->complaint);
    buffer_printf(match->complaint, ", but %s is expected", expected);
    return false;
}

/* ---- values ---- */

static bool is_of_type(enum expectation_kind kind, const json_t *value, const char **name)
{
    switch (kind) {
    case EXPECT_NUMBER:
        *name = "a number";
        return json_is_number(value);
    case EXPECT_TEXT:
        *name = "a text";
        return json_is_string(value);
    case EXPECT_BOOLEAN:
        *name = "true or false";
        return json_is_boolean(value);
    case EXPECT_LIST:
        *name = "a list";
        return json_is_array(value);
    case EXPECT_OBJECT:
        *name = "an object";
        return json_is_object(value);
    default:
        *name = "any value";
        return true;
    }
}

static bool type_holds(struct match *match, enum expectation_kind kind, const json_t *value)
{
    const char *name;

    return is_of_type(kind, value, &name) || differs(match, value, name);
}

/* Numbers are equal when their values are: 1.50 is 1.5. */
static bool is_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && !(json_is_integer(a) && json_is_integer(b))) {
        return json_number_value(a) == json_number_value(b);
    }
    return json_equal(a, b);
}

static bool value_holds(struct match *match, struct slice json, const json_t *value)
{
    json_t *expected = json_loadb(json.ptr, json.len, JSON_DECODE_ANY, NULL);
    struct buffer words;
    bool same = expected != NULL && is_equal(expected, value);

    if (!same) {
        buffer_init(&words, PATH_MAX_BYTES);
        if (expected != NULL) {
            describe(expected, &words);
        } else {
            buffer_append_slice(&words, json); /* a number that is too large for us */
        }
        differs(match, value, buffer_str(&words));
        buffer_free(&words);
    }
    json_decref(expected);
    return same;
}

/* ---- objects and lists ---- */

static bool item_holds(struct match *match, const struct expectation *expectation,
                       const json_t *list, size_t index)
{
    size_t len = match->path.len;
    bool same;

    buffer_printf(&match->path, "[%zu]", index);
    same = holds(match, expectation, json_array_get(list, index));
    match->path.len = len;
    return same;
}

static bool member_holds(struct match *match, const struct expectation *expectation,
                         const json_t *object, struct slice name)
{
    const json_t *value = json_object_getn(object, name.ptr, name.len);
    size_t len = match->path.len;
    bool same = false;

    buffer_append_str(&match->path, len == 0 ? "" : ".");
    buffer_append_slice(&match->path, name);
    if (value == NULL) {
        say_place(match);
        buffer_append_str(match->complaint, " is missing");
    } else {
        same = holds(match, expectation, value);
    }
    match->path.len = len;
    return same;
}

static bool members_hold(struct match *match, const struct expectation *expectation,
                         const json_t *value)
{
    if (!json_is_object(value)) {
        return differs(match, value, "an object");
    }
    for (unsigned i = 0; i < expectation->count; i++) {
        if (!member_holds(match, &expectation->items[i], value, expectation->names[i])) {
            return false;
        }
    }
    return true;
}

static bool items_hold(struct match *match, const struct expectation *expectation,
                       const json_t *value)
{
    char expected[32];

    if (!json_is_array(value) || json_array_size(value) != expectation->count) {
        snprintf(expected, sizeof expected, "a list of %u", expectation->count);
        return differs(match, value, expected);
    }
    for (unsigned i = 0; i < expectation->count; i++) {
        if (!item_holds(match, &expectation->items[i], value, i)) {
            return false;
        }
    }
    return true;
}

/* ---- conditions ---- */

static bool bounds_hold(struct match *match, const struct expectation *expectation,
                        const json_t *value)
{
    bool is_list = json_is_array(value);
    double number = is_list ? (double)json_array_size(value) : json_number_value(value);
    char expected[64];

    if (!is_list && !json_is_number(value)) {
        return differs(match, value, "a number or a list");
    }
    if (number < (double)expectation->least) {
        snprintf(expected, sizeof expected, "at least %" PRId64, expectation->least);
        return differs(match, value, expected);
    }
    if (number > (double)expectation->most) {
        snprintf(expected, sizeof expected, "at most %" PRId64, expectation->most);
        return differs(match, value, expected);
    }
    return true;
}

static bool each_holds(struct match *match, const struct expectation *each, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!item_holds(match, each, list, i)) {
            return false;
        }
    }
    return true;
}

static bool some_holds(struct match *match, const struct expectation *some, const json_t *list)
{
    size_t len = match->complaint->len;

    for (size_t i = 0; i < json_array_size(list); i++) {
        if (item_holds(match, some, list, i)) {
            match->complaint->len = len;
            return true;
        }
    }
    match->complaint->len = len;
    say_place(match);
    buffer_printf(match->complaint, ", a list of %zu, has no item that is as $some expects",
                  json_array_size(list));
    return false;
}

static bool conditions_hold(struct match *match, const struct expectation *expectation,
                            const json_t *value)
{
    bool wants_list = expectation->each != NULL || expectation->some != NULL;

    if (wants_list && !type_holds(match, EXPECT_LIST, value)) {
        return false;
    }
    return bounds_hold(match, expectation, value) &&
           (expectation->each == NULL || each_holds(match, expectation->each, value)) &&
           (expectation->some == NULL || some_holds(match, expectation->some, value));
}

static bool holds(struct match *match, const struct expectation *expectation, const json_t *value)
{
    switch (expectation->kind) {
    case EXPECT_VALUE:
        return value_holds(match, expectation->json, value);
    case EXPECT_MEMBERS:
        return members_hold(match, expectation, value);
    case EXPECT_ITEMS:
        return items_hold(match, expectation, value);
    case EXPECT_CONDITIONS:
        return conditions_hold(match, expectation, value);
    default:
        return type_holds(match, expectation->kind, value);
    }
}

bool expect_holds(const struct expectation *expectation, struct slice body,
                  struct buffer *complaint)
{
    struct match match = {.complaint = complaint};
    json_error_t error;
    json_t *value = json_loadb(body.ptr, body.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool same;

    if (value == NULL) {
        buffer_printf(complaint, "the answer is not JSON: %s", wording_quote(body).text);
        return false;
    }
    buffer_init(&match.path, PATH_MAX_BYTES);
    same = holds(&match, expectation, value);
    buffer_free(&match.path);
    json_decref(value);
    return same;
}
