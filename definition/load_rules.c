/* take: what a value of a request must be, and what it is when it is not there. */
#include "definition/load_action.h"

#include <stdio.h>

#include "base/number.h"

enum {
    TEXT_MOST = 1000, /* characters, unless `longest` says otherwise */
    ITEMS_MOST = 100, /* of a list or map, unless `most` says otherwise */
    SESSION_DIGITS = 32,
    SESSION_AGE_S = 30 * 86400,
};

/* The first ones are types of a single value, in the order of `scalars`. */
enum take_type {
    TYPE_INTEGER,
    TYPE_NUMBER,
    TYPE_BOOLEAN,
    TYPE_TIMESTAMP,
    TYPE_TEXT,
    TYPE_LIST,
    TYPE_MAP,
    TYPE_SESSION,
};

static const char *const type_names[] = {"integer", "number", "boolean", "timestamp", "text",
                                         "list",    "map",    "session", NULL};
static const char *const item_type_names[] = {"integer",   "number", "boolean",
                                              "timestamp", "text",   NULL};
static const enum scalar_type scalars[] = {SCALAR_INTEGER, SCALAR_NUMBER, SCALAR_BOOLEAN,
                                           SCALAR_TIMESTAMP, SCALAR_TEXT};

/* The members that mean nothing to a value of a type. */
static const struct {
    const char *what;
    const char *misplaced[9];
} limits_of[] = {
    [TYPE_INTEGER] = {"this value is an integer", {"shortest", "longest", "of", "names", "age"}},
    [TYPE_NUMBER] = {"this value is a number", {"shortest", "longest", "of", "names", "age"}},
    [TYPE_BOOLEAN] = {"this value is a boolean",
                      {"least", "most", "shortest", "longest", "of", "names", "age"}},
    [TYPE_TIMESTAMP] = {"this value is a timestamp",
                        {"least", "most", "shortest", "longest", "of", "names", "age"}},
    [TYPE_TEXT] = {"this value is a text, with `shortest` and `longest`",
                   {"least", "most", "of", "names", "age"}},
    [TYPE_LIST] = {"this value is a list", {"least", "shortest", "longest", "names", "age"}},
    [TYPE_MAP] = {"this value is a map", {"least", "shortest", "longest", "age"}},
    [TYPE_SESSION] = {"this value is a session",
                      {"least", "most", "shortest", "longest", "of", "names", "default",
                       "invalid"}},
};

static enum err load_bound(const struct loader *loader, const struct yaml_node *node,
                           const char *name, int64_t least, int64_t most, bool *is_set,
                           int64_t *out)
{
    const struct yaml_node *bound = yaml_get(node, name);
    char what[16];

    if (bound == NULL) {
        return ERR_NONE;
    }
    *is_set = true;
    snprintf(what, sizeof what, "`%s`", name);
    return yaml_integer(&loader->yaml, bound, what, least, most, out);
}

/* NODE is a mapping, or NULL: no bounds. */
static enum err load_bounds(const struct loader *loader, const struct yaml_node *node,
                            struct take_rule *rule)
{
    bool is_text = rule->type == SCALAR_TEXT;
    const char *least = is_text ? "shortest" : "least";
    const char *most = is_text ? "longest" : "most";
    int64_t limit = is_text ? ACTION_TEXT_MAX : INT64_MAX;
    enum err rc;

    rule->least = is_text ? 0 : INT64_MIN;
    rule->most = is_text ? TEXT_MOST : INT64_MAX;
    rule->has_most = is_text;
    if (node == NULL || rule->type == SCALAR_BOOLEAN || rule->type == SCALAR_TIMESTAMP) {
        return ERR_NONE;
    }
    rc = load_bound(loader, node, least, rule->least, limit, &rule->has_least, &rule->least);
    if (rc == ERR_NONE) {
        rc = load_bound(loader, node, most, is_text ? 0 : INT64_MIN, limit, &rule->has_most,
                        &rule->most);
    }
    if (rc == ERR_NONE && rule->least > rule->most) {
        const struct yaml_node *at = yaml_get(node, most);

        return yaml_error(&loader->yaml, at == NULL ? node : at,
                          "`%s` %lld is less than `%s` %lld; write the larger one as `%s`", most,
                          (long long)rule->most, least, (long long)rule->least, most);
    }
    return rc;
}

/* of: and names:, a type alone or {type: TYPE, ...}; TYPES: the words that it may be. */
static enum err load_rule(const struct loader *loader, const struct yaml_node *node,
                          const char *what, struct take_rule *rule)
{
    static const char *const members[] = {"type", "least", "most", "shortest", "longest", NULL};
    const struct yaml_node *type = node;
    const struct yaml_node *bounds = node->kind == YAML_SCALAR ? NULL : node;
    unsigned word = 0;
    enum err rc = ERR_NONE;

    if (bounds != NULL) {
        rc = yaml_expect_members(&loader->yaml, node, what, members);
        if (rc == ERR_NONE) {
            rc = load_required(loader, node, what, "type", "{type: text}", &type);
        }
    }
    if (rc == ERR_NONE) {
        rc = load_word(loader, type, "the type of an item", item_type_names, &word);
    }
    if (rc == ERR_NONE && bounds != NULL) {
        rc = load_refuse_members(loader, node, limits_of[word].what, limits_of[word].misplaced);
    }
    if (rc == ERR_NONE) {
        rule->type = scalars[word];
        rc = load_bounds(loader, bounds, rule);
    }
    return rc;
}

static enum err load_names(const struct loader *loader, const struct yaml_node *node,
                           struct take_rule *rule)
{
    const struct yaml_node *names = yaml_get(node, "names");
    enum err rc;

    *rule = (struct take_rule){.type = SCALAR_TEXT, .has_most = true, .most = TEXT_MOST};
    if (names == NULL) {
        return ERR_NONE;
    }
    rc = load_rule(loader, names, "`names`", rule);
    if (rc == ERR_NONE && rule->type != SCALAR_TEXT && rule->type != SCALAR_INTEGER) {
        return yaml_error(&loader->yaml, names,
                          "the names of a map are texts; write {type: text} or {type: integer}");
    }
    return rc;
}

/* Lists and maps. */
static enum err load_items(const struct loader *loader, const struct yaml_node *node,
                           struct take *take)
{
    const struct yaml_node *of = NULL;
    const struct yaml_node *most = yaml_get(node, "most");
    int64_t items = ITEMS_MOST;
    enum err rc;

    if (take->place != TAKE_BODY) {
        return yaml_error(&loader->yaml, node,
                          "lists and maps are in bodies only; write body: %.*s",
                          SLICE_ARG(take->member));
    }
    rc = load_required(loader, node, take->shape == TAKE_LIST ? "a list" : "a map", "of",
                       "of: {type: text}", &of);
    if (rc == ERR_NONE) {
        rc = load_rule(loader, of, "`of`", &take->rule);
    }
    if (rc == ERR_NONE && take->shape == TAKE_MAP) {
        rc = load_names(loader, node, &take->names);
    }
    if (rc == ERR_NONE && most != NULL) {
        rc = yaml_integer(&loader->yaml, most, "`most`", 1, ACTION_ITEMS_MAX, &items);
    }
    take->most_items = (unsigned)items;
    return rc;
}

static enum err load_session(const struct loader *loader, const struct yaml_node *node,
                             struct take *take)
{
    const struct yaml_node *age = yaml_get(node, "age");

    if (take->place != TAKE_COOKIE) {
        return yaml_error(&loader->yaml, node, "a session is in a cookie; write cookie: %.*s",
                          SLICE_ARG(take->member));
    }
    take->is_session = true;
    take->session_age_s = SESSION_AGE_S;
    take->rule = (struct take_rule){.type = SCALAR_TEXT,
                                    .has_least = true,
                                    .has_most = true,
                                    .least = SESSION_DIGITS,
                                    .most = SESSION_DIGITS};
    return age == NULL ? ERR_NONE
                       : load_duration(loader, age, "`age`", "30d", &take->session_age_s);
}

enum err load_take_type(const struct loader *loader, const struct yaml_node *node,
                        struct take *take)
{
    const struct yaml_node *type = NULL;
    unsigned word = 0;
    enum err rc = load_required(loader, node, "a value", "type", "type: text", &type);

    if (rc == ERR_NONE) {
        rc = load_word(loader, type, "the type of a value", type_names, &word);
    }
    if (rc == ERR_NONE) {
        rc = load_refuse_members(loader, node, limits_of[word].what, limits_of[word].misplaced);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    if (word == TYPE_SESSION) {
        return load_session(loader, node, take);
    }
    if (word == TYPE_LIST || word == TYPE_MAP) {
        take->shape = word == TYPE_LIST ? TAKE_LIST : TAKE_MAP;
        return load_items(loader, node, take);
    }
    take->rule.type = scalars[word];
    return load_bounds(loader, node, &take->rule);
}

/* ---- default: ---- */

/* Code points of valid UTF-8. */
static int64_t count_characters(struct slice text)
{
    int64_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

static bool is_within(const struct take_rule *rule, const struct value *value)
{
    if (value->type == VALUE_NULL || rule->type == SCALAR_BOOLEAN ||
        rule->type == SCALAR_TIMESTAMP) {
        return true;
    }
    if (value->type == VALUE_REAL) {
        return (!rule->has_least || value->real >= (double)rule->least) &&
               (!rule->has_most || value->real <= (double)rule->most);
    }
    return rule->type == SCALAR_TEXT
               ? count_characters(value->text) >= rule->least &&
                     count_characters(value->text) <= rule->most
               : value->integer >= rule->least && value->integer <= rule->most;
}

enum err load_take_default(const struct loader *loader, const struct yaml_node *node,
                           struct take *take)
{
    const struct scalar scalar = {.type = take->rule.type};
    bool is_list = take->shape == TAKE_LIST;
    enum err rc;

    if (take->place == TAKE_PATH) {
        return yaml_error(&loader->yaml, node,
                          "a value of the path is always there; leave "
                          "`default` away");
    }
    if (take->shape != TAKE_ONE) {
        if (node->kind != (is_list ? YAML_SEQUENCE : YAML_MAPPING) || node->count > 0) {
            return yaml_error(&loader->yaml, node, "the default of a %s is an empty one; write %s",
                              is_list ? "list" : "map", is_list ? "[]" : "{}");
        }
        return ERR_NONE;
    }
    rc = load_constant(loader, node, "`default`", &scalar, &take->fallback);
    if (rc == ERR_NONE && !is_within(&take->rule, &take->fallback)) {
        return yaml_error(&loader->yaml, node,
                          "`default` is outside the bounds of %.*s; change it or them",
                          SLICE_ARG(take->name));
    }
    return rc;
}
