#include "service/take.h"

#include "service/cookie.h"
#include "service/take_value.h"
#include "service/url.h"

/* A request while its values are taken. */
struct taker {
    const struct route *route;
    const struct request *request;
    const struct route_match *match;
    struct slice query;
    struct arena *arena;
    struct taken *out;
    json_t *body; /* an object, or NULL: an empty body has no members */
};

/* ---- the body ---- */

/*
 * Whether TEXT, if it is JSON, stays within TAKE_VALUES_MAX and TAKE_DEPTH_MAX: each value but the
 * first follows a comma or begins its list or object.
 */
static bool is_small(struct slice text)
{
    unsigned values = 1;
    unsigned depth = 0;
    bool in_text = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (in_text) {
            i += c == '\\';
            in_text = c != '"';
            continue;
        }
        in_text = c == '"';
        values += c == ',' || c == '[' || c == '{';
        if (c == '[' || c == '{') {
            depth++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
        if (values > TAKE_VALUES_MAX || depth > TAKE_DEPTH_MAX) {
            return false;
        }
    }
    return true;
}

/* Texts with \u0000, invalid UTF-8 and numbers beyond 64 bits are refused by the parser. */
static bool parse_body(struct taker *taker)
{
    struct slice body = taker->request->body;

    if (!taker->route->action->reads_body || body.len == 0) {
        return true;
    }
    if (!is_small(body)) {
        return false;
    }
    taker->body = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(taker->body);
}

/* ---- lists and maps ---- */

static bool take_list(struct taker *taker, const struct take *take, const json_t *list,
                      struct write_items *items)
{
    size_t count = json_array_size(list);

    if (!json_is_array(list) || count > take->most_items) {
        return false;
    }
    items->values = arena_calloc(taker->arena, count, sizeof *items->values);
    for (size_t i = 0; i < count; i++) {
        if (!value_from_json(&take->rule, json_array_get(list, i), taker->arena,
                             &items->values[i])) {
            return false;
        }
    }
    items->count = (unsigned)count;
    return true;
}

/* In the order of the body. */
static bool take_map(struct taker *taker, const struct take *take, json_t *map,
                     struct write_items *items)
{
    size_t count = json_object_size(map);
    unsigned i = 0;

    if (!json_is_object(map) || count > take->most_items) {
        return false;
    }
    items->values = arena_calloc(taker->arena, count, sizeof *items->values);
    items->names = arena_calloc(taker->arena, count, sizeof *items->names);
    for (void *at = json_object_iter(map); at != NULL; at = json_object_iter_next(map, at), i++) {
        struct slice name = slice_of(json_object_iter_key(at), json_object_iter_key_len(at));

        if (!value_from_name(&take->names, name, taker->arena, &items->names[i]) ||
            !value_from_json(&take->rule, json_object_iter_value(at), taker->arena,
                             &items->values[i])) {
            return false;
        }
    }
    items->count = i;
    return true;
}

/* ---- one value ---- */

static bool take_absent(const struct take *take, struct value *out)
{
    *out = take->fallback;
    return !take->is_required;
}

static bool take_member(struct taker *taker, const struct take *take, unsigned index)
{
    json_t *json = json_object_getn(taker->body, take->member.ptr, take->member.len);

    if (json == NULL || json_is_null(json)) {
        return take_absent(take, &taker->out->values[index]);
    }
    switch (take->shape) {
    case TAKE_LIST:
        return take_list(taker, take, json, &taker->out->items[index]);
    case TAKE_MAP:
        return take_map(taker, take, json, &taker->out->items[index]);
    default:
        return value_from_json(&take->rule, json, taker->arena, &taker->out->values[index]);
    }
}

static void take_session(struct taker *taker, const struct take *take, unsigned index)
{
    struct taken *out = taker->out;
    struct slice token;

    if (cookie_find(taker->request->headers[HEADER_COOKIE], take->member, &token) &&
        session_token_is(token)) {
        token = arena_copy(taker->arena, token);
        out->session = token;
    } else {
        char *made = arena_alloc(taker->arena, SESSION_TOKEN_LEN);
        struct buffer line;

        session_token_make(made);
        token = slice_of(made, SESSION_TOKEN_LEN);
        buffer_init(&line, HTTP_HEAD_MAX);
        buffer_append_slice(&line, out->set_cookie); /* of another session */
        cookie_append_session(&line, take->member, token, take->session_age_s);
        out->set_cookie = arena_copy(taker->arena, buffer_slice(&line));
        buffer_free(&line);
    }
    out->values[index] = (struct value){.type = VALUE_TEXT, .text = token};
}

static bool find_text(const struct taker *taker, const struct take *take, struct slice *out)
{
    switch (take->place) {
    case TAKE_PATH:
        *out = taker->match->segments[take->segment];
        return true;
    case TAKE_QUERY:
        return url_parameter(taker->query, take->member, taker->arena, out);
    default:
        return cookie_find(taker->request->headers[HEADER_COOKIE], take->member, out);
    }
}

static bool take_one(struct taker *taker, const struct take *take, unsigned index)
{
    struct value *value = &taker->out->values[index];
    struct slice text;

    if (take->place == TAKE_BODY) {
        return take_member(taker, take, index);
    }
    if (take->is_session) {
        take_session(taker, take, index);
        return true;
    }
    if (!find_text(taker, take, &text)) {
        return take_absent(take, value);
    }
    if (!value_from_text(&take->rule, text, value)) {
        return false;
    }
    if (value->type == VALUE_TEXT) {
        value->text = arena_copy(taker->arena, value->text);
    }
    return true;
}

static bool take_all(struct taker *taker)
{
    const struct action *action = taker->route->action;

    for (unsigned i = 0; i < action->take_count; i++) {
        const struct take *take = &action->takes[i];

        if (!take_one(taker, take, i)) {
            taker->out->failure = take->invalid.status != 0 ? &take->invalid : &action->invalid;
            return false;
        }
    }
    return true;
}

bool take_read(const struct route *route, const struct request *request,
               const struct route_match *match, struct slice query, struct arena *arena,
               struct taken *out)
{
    const struct action *action = route->action;
    struct taker taker = {
        .route = route,
        .request = request,
        .match = match,
        .query = query,
        .arena = arena,
        .out = out,
    };
    bool is_taken = parse_body(&taker);

    *out = (struct taken){
        .values = arena_calloc(arena, action->take_count, sizeof *out->values),
        .items = arena_calloc(arena, action->take_count, sizeof *out->items),
        .failure = &action->invalid,
    };
    is_taken = is_taken && take_all(&taker);
    json_decref(taker.body);
    return is_taken;
}
