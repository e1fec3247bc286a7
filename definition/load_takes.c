/* take: the values that an action takes out of a request. */
#include "definition/load_action.h"

#include "base/json.h"
#include "definition/wording.h"

/* ---- where it is ---- */

static enum err load_segment(const struct loader *loader, const struct yaml_node *node,
                             const struct route *route, struct take *take)
{
    struct slice names[DEFINITION_SEGMENTS_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < route->segment_count; i++) {
        if (!route->segments[i].is_parameter) {
            continue;
        }
        if (slice_equal(route->segments[i].text, take->member)) {
            take->segment = i;
            return ERR_NONE;
        }
        names[count++] = route->segments[i].text;
    }
    if (count == 0) {
        return yaml_error(&loader->yaml, node, "the path has no parameter; write :%.*s in it",
                          SLICE_ARG(take->member));
    }
    return load_unknown(loader, node, take->member, names, count, "the path has no parameter %s",
                        wording_quote(take->member).text);
}

/* Names of members are any text that a person can read; queries and cookies know fewer bytes. */
static enum err check_member(const struct loader *loader, const struct yaml_node *node,
                             const struct take *take)
{
    struct slice name = take->member;
    bool is_fit = path_text_is_valid(name);

    if (take->place == TAKE_BODY) {
        is_fit = name.len > 0 && name.len <= DEFINITION_FIELD_NAME_MAX && utf8_is_valid(name);
        for (size_t i = 0; is_fit && i < name.len; i++) {
            is_fit = (unsigned char)name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f;
        }
    }
    if (is_fit) {
        return ERR_NONE;
    }
    return yaml_error(&loader->yaml, node, "%s cannot be %s; write 1 to %d %s",
                      take->place == TAKE_BODY ? "a member of a body" : "a query or cookie",
                      wording_quote(name).text,
                      take->place == TAKE_BODY ? DEFINITION_FIELD_NAME_MAX : DEFINITION_NAME_MAX,
                      take->place == TAKE_BODY ? "bytes without control characters"
                                               : "letters, digits and _ . ~ -");
}

static enum err load_place(const struct action_loading *loading, const struct yaml_node *node,
                           struct take *take)
{
    static const char *const places[] = {[TAKE_PATH] = "path",
                                         [TAKE_QUERY] = "query",
                                         [TAKE_BODY] = "body",
                                         [TAKE_COOKIE] = "cookie"};
    const struct loader *loader = loading->loader;
    const struct yaml_node *from = NULL;
    unsigned count = 0;
    enum err rc;

    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (yaml_get(node, places[i]) != NULL) {
            from = yaml_get(node, places[i]);
            take->place = (enum take_place)i;
            count++;
        }
    }
    if (count != 1) {
        return yaml_error(&loader->yaml, node,
                          "a value needs one place; write {body: NAME, type: ...}, or path, query "
                          "or cookie in place of body");
    }
    rc = yaml_text(&loader->yaml, from, places[take->place], &take->member);
    if (rc == ERR_NONE && take->place == TAKE_PATH) {
        return load_segment(loader, from, loading->route, take);
    }
    if (rc == ERR_NONE && take->place == TAKE_BODY && loading->route->method == ROUTE_GET) {
        return yaml_error(&loader->yaml, from,
                          "a GET has no body; write {query: ...}, or `post` in place of `get`");
    }
    return rc == ERR_NONE ? check_member(loader, from, take) : rc;
}

/* A value of the request means one thing. */
static enum err check_place(const struct action_loading *loading, const struct yaml_node *at,
                            unsigned index)
{
    const struct take *takes = loading->action->takes;

    for (unsigned i = 0; i < index; i++) {
        if (takes[i].place == takes[index].place &&
            slice_equal(takes[i].member, takes[index].member)) {
            return yaml_error(&loading->loader->yaml, at,
                              "%.*s is the same value as %.*s; keep one of them",
                              SLICE_ARG(takes[index].name), SLICE_ARG(takes[i].name));
        }
        if (takes[i].is_session && takes[index].is_session) {
            return yaml_error(&loading->loader->yaml, at,
                              "%.*s is a session, and so is %.*s; keep one of them",
                              SLICE_ARG(takes[index].name), SLICE_ARG(takes[i].name));
        }
    }
    return ERR_NONE;
}

/* ---- all of it ---- */

static enum err load_take(struct action_loading *loading, const struct yaml_node *node,
                          struct take *take)
{
    static const char *const members[] = {"path",    "query",   "body", "cookie",  "type",
                                          "least",   "most",    "of",   "names",   "shortest",
                                          "longest", "default", "age",  "invalid", NULL};
    const struct loader *loader = loading->loader;
    const struct yaml_node *fallback = yaml_get(node, "default");
    const struct yaml_node *invalid = yaml_get(node, "invalid");
    enum err rc = yaml_expect_members(&loader->yaml, node, "a value", members);

    take->is_required = fallback == NULL;
    take->fallback.type = VALUE_NULL;
    take->invalid.text = slice_of("", 0);
    if (rc == ERR_NONE) {
        rc = load_place(loading, node, take);
    }
    if (rc == ERR_NONE) {
        rc = load_take_type(loader, node, take);
    }
    take->is_required = take->is_required && !take->is_session;
    if (rc == ERR_NONE && fallback != NULL) {
        rc = load_take_default(loader, fallback, take);
    }
    if (rc == ERR_NONE && invalid != NULL) {
        rc = load_failure(loader, invalid, "`invalid`", &take->invalid);
    }
    return rc;
}

/* Every parameter of the path is taken. */
static enum err check_path(const struct action_loading *loading, const struct yaml_node *at)
{
    const struct route *route = loading->route;
    const struct action *action = loading->action;

    for (unsigned i = 0; i < route->segment_count; i++) {
        bool is_taken = !route->segments[i].is_parameter;

        for (unsigned j = 0; j < action->take_count; j++) {
            is_taken =
                is_taken || (action->takes[j].place == TAKE_PATH && action->takes[j].segment == i);
        }
        if (!is_taken) {
            struct slice name = route->segments[i].text;

            return yaml_error(&loading->loader->yaml, at,
                              ":%.*s in the path is not taken; write take: {%.*s: {path: %.*s, "
                              "type: integer}}, or leave it away",
                              SLICE_ARG(name), SLICE_ARG(name), SLICE_ARG(name));
        }
    }
    return ERR_NONE;
}

enum err load_takes(struct action_loading *loading, const struct yaml_node *node,
                    const struct yaml_node *path)
{
    struct action *action = loading->action;
    struct loader *loader = loading->loader;
    enum err rc = ERR_NONE;

    if (node != NULL) {
        rc = load_mapping(loader, node, "`take`", ACTION_TAKES_MAX);
    }
    if (node == NULL || rc != ERR_NONE) {
        return rc == ERR_NONE ? check_path(loading, path) : rc;
    }
    action->takes = arena_calloc(loader->yaml.arena, node->count, sizeof *action->takes);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        struct take *take = &action->takes[i];

        rc = action_load_name(loading, node->names[i], "the name of a value", &take->name);
        if (rc == ERR_NONE) {
            rc = load_take(loading, node->items[i], take);
        }
        if (rc == ERR_NONE) {
            rc = check_place(loading, node->names[i], i);
        }
        if (rc == ERR_NONE) {
            action->take_count++;
            action->reads_body = action->reads_body || take->place == TAKE_BODY;
        }
    }
    return rc == ERR_NONE ? check_path(loading, path) : rc;
}
