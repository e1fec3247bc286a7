/* Routes that run statements on the source. */
#include "definition/load_action.h"

#include "definition/wording.h"

bool action_find_take(const struct action *action, struct slice name, unsigned *take)
{
    for (unsigned i = 0; i < action->take_count; i++) {
        if (slice_equal(action->takes[i].name, name)) {
            *take = i;
            return true;
        }
    }
    return false;
}

bool action_find_returned(const struct action *action, struct slice name, unsigned *statement,
                          unsigned *column)
{
    for (unsigned i = 0; i < action->statement_count; i++) {
        const struct statement *from = &action->statements[i];

        for (unsigned j = 0; !from->is_rows && j < from->return_count; j++) {
            if (slice_equal(from->returns[j].name, name)) {
                *statement = i;
                *column = j;
                return true;
            }
        }
    }
    return false;
}

unsigned action_names(const struct action *action, struct slice *names)
{
    unsigned count = 0;

    for (unsigned i = 0; i < action->take_count; i++) {
        names[count++] = action->takes[i].name;
    }
    for (unsigned i = 0; i < action->statement_count; i++) {
        const struct statement *from = &action->statements[i];

        for (unsigned j = 0; !from->is_rows && j < from->return_count; j++) {
            names[count++] = from->returns[j].name;
        }
    }
    names[count++] = slice_str("now");
    return count;
}

enum err action_load_name(const struct action_loading *loading, const struct yaml_node *node,
                          const char *what, struct slice *out)
{
    const struct action *action = loading->action;
    unsigned i;
    unsigned j;
    enum err rc = load_name(loading->loader, node, what, out);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (slice_is(*out, "now") || slice_is(*out, "rows")) {
        return yaml_error(&loading->loader->yaml, node,
                          "%s cannot be %.*s, which has a meaning already (:now, $rows); write "
                          "another name",
                          what, SLICE_ARG(*out));
    }
    if (action_find_take(action, *out, &i) || action_find_returned(action, *out, &i, &j)) {
        return yaml_error(&loading->loader->yaml, node,
                          "%.*s is the name of another value of this route; write another name",
                          SLICE_ARG(*out));
    }
    return ERR_NONE;
}

/* status: 201 */
static enum err load_status(const struct loader *loader, const struct yaml_node *node,
                            struct action *action)
{
    static const unsigned statuses[] = {200, 201, 202, 204};
    int64_t status = 200;
    enum err rc = ERR_NONE;

    if (node != NULL) {
        rc = yaml_integer(&loader->yaml, node, "`status`", 200, 204, &status);
    }
    for (unsigned i = 0; rc == ERR_NONE && i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i] == (unsigned)status) {
            action->status = statuses[i];
            return ERR_NONE;
        }
    }
    return rc != ERR_NONE ? rc
                          : yaml_error(&loader->yaml, node,
                                       "`status` cannot be %lld; write 200, 201, 202 or 204",
                                       (long long)status);
}

/* text: or answer:, one of them; with status 204 none. */
static enum err load_body(struct action_loading *loading, const struct yaml_node *node)
{
    static const char *const bodies[] = {"text", "answer", NULL};
    const struct loader *loader = loading->loader;
    const struct yaml_node *text = yaml_get(node, "text");
    const struct yaml_node *answer = yaml_get(node, "answer");
    struct action *action = loading->action;

    action->text = slice_of("", 0);
    if (action->status == 204) {
        return load_refuse_members(loader, node, "status 204 is an answer without a body", bodies);
    }
    if ((text == NULL) == (answer == NULL)) {
        return yaml_error(&loader->yaml, node,
                          "an action answers one thing; write text: ..., answer: ..., or status: "
                          "204 for nothing");
    }
    action->is_json = answer != NULL;
    return answer != NULL ? load_action_answer(loading, answer)
                          : load_short_text(loader, text, "`text`", &action->text);
}

static enum err load_invalid(const struct loader *loader, const struct yaml_node *node,
                             struct action *action)
{
    action->invalid.status = 400;
    action->invalid.text = slice_str("Error: invalid request");
    return node == NULL ? ERR_NONE : load_failure(loader, node, "`invalid`", &action->invalid);
}

/* What is taken or read is used for something. */
static enum err check_used(const struct action_loading *loading, const struct yaml_node *node)
{
    const struct action *action = loading->action;
    bool has_rows = false;

    for (unsigned i = 0; i < action->take_count; i++) {
        if (!loading->is_used[i]) {
            struct slice name = action->takes[i].name;

            return yaml_error(&loading->loader->yaml, yaml_get(node, "take")->names[i],
                              "%.*s is not used; write :%.*s in a statement, or leave it away",
                              SLICE_ARG(name), SLICE_ARG(name));
        }
    }
    for (unsigned i = 0; i < action->answer.count; i++) {
        has_rows = has_rows || action->answer.parts[i].kind == TEMPLATE_ROWS;
    }
    if (action->rows >= 0 && !has_rows) {
        return yaml_error(&loading->loader->yaml,
                          yaml_get(yaml_get(node, "run")->items[action->rows], "rows"),
                          "these rows are not used; write $rows in `answer`, or `returns` in place "
                          "of `rows`");
    }
    return ERR_NONE;
}

/* The path is the member that names the method. */
static const struct yaml_node *path_of(const struct yaml_node *node, const struct route *route)
{
    return yaml_get(node, route_method_name(route->method));
}

enum err load_action(struct loader *loader, const struct yaml_node *node, struct route *route)
{
    static const char *const members[] = {"get", "post",   "put",  "patch",  "delete",  "take",
                                          "run", "status", "text", "answer", "invalid", NULL};
    struct action *action = arena_calloc(loader->yaml.arena, 1, sizeof *action);
    struct action_loading loading = {.loader = loader, .route = route, .action = action};
    enum err rc = yaml_expect_members(&loader->yaml, node, "a route with `run`", members);

    if (rc == ERR_NONE) {
        rc = load_takes(&loading, yaml_get(node, "take"), path_of(node, route));
    }
    if (rc == ERR_NONE) {
        rc = load_statements(&loading, yaml_get(node, "run"));
    }
    if (rc == ERR_NONE) {
        rc = load_status(loader, yaml_get(node, "status"), action);
    }
    if (rc == ERR_NONE) {
        rc = load_invalid(loader, yaml_get(node, "invalid"), action);
    }
    if (rc == ERR_NONE) {
        rc = load_body(&loading, node);
    }
    if (rc == ERR_NONE) {
        rc = check_used(&loading, node);
    }
    route->action = action;
    return rc;
}
