/* sql: of a statement: names become parameters, for each dialect. */
#include "definition/load_action.h"

#include <strings.h>

#include "definition/sql_scan.h"
#include "definition/wording.h"

/* SQL as it is rewritten for one dialect. */
struct binder {
    const struct action_loading *loading;
    const struct yaml_node *at;
    const struct statement *statement;
    enum sql_dialect dialect;
    struct slice sql;
    struct buffer out;
    struct binding bindings[ACTION_BINDINGS_MAX];
    unsigned count;
};

/* ---- names ---- */

/* A parameter that binds the same is the same one. */
static bool is_same(const struct binding *a, const struct binding *b)
{
    return a->kind == b->kind && a->take == b->take && a->statement == b->statement &&
           a->column == b->column;
}

static enum err add_binding(struct binder *binder, struct binding binding)
{
    unsigned at = 0;

    while (at < binder->count && !is_same(&binder->bindings[at], &binding)) {
        at++;
    }
    if (at == ACTION_BINDINGS_MAX) {
        return yaml_error(&binder->loading->loader->yaml, binder->at,
                          "a statement has more than %d parameters; write a smaller one",
                          ACTION_BINDINGS_MAX);
    }
    if (at == binder->count) {
        binder->bindings[binder->count++] = binding;
    }
    buffer_printf(&binder->out, "%c%u", binder->dialect == SQL_SQLITE ? '?' : '$', at + 1);
    return ERR_NONE;
}

/* :NAME.value and :NAME.name of the list or map in `each`. */
static enum err bind_item(struct binder *binder, const struct sql_token *token, unsigned index)
{
    const struct take *take = &binder->loading->action->takes[index];
    const struct yaml *yaml = &binder->loading->loader->yaml;
    bool is_name = slice_is(token->member, "name");
    struct binding binding = {.kind = is_name ? BINDING_ITEM_NAME : BINDING_ITEM, .take = index};

    if (binder->statement->each != (int)index) {
        return yaml_error(
            yaml, binder->at,
            "%.*s is a %s; write each: %.*s beside `sql`, and :%.*s.value for an item",
            SLICE_ARG(take->name), take->shape == TAKE_LIST ? "list" : "map", SLICE_ARG(take->name),
            SLICE_ARG(take->name));
    }
    if (is_name && take->shape == TAKE_LIST) {
        return yaml_error(yaml, binder->at, "the items of a list have no names; write :%.*s.value",
                          SLICE_ARG(take->name));
    }
    if (!is_name && !slice_is(token->member, "value")) {
        return yaml_error(yaml, binder->at, "an item is not %s; write :%.*s.value%s",
                          wording_quote(token->text).text, SLICE_ARG(take->name),
                          take->shape == TAKE_MAP ? " or .name" : "");
    }
    binding.scalar.type = is_name ? take->names.type : take->rule.type;
    return add_binding(binder, binding);
}

static enum err bind_take(struct binder *binder, const struct sql_token *token, unsigned index)
{
    const struct take *take = &binder->loading->action->takes[index];

    if (take->shape != TAKE_ONE) {
        return bind_item(binder, token, index);
    }
    if (token->member.len > 0) {
        return yaml_error(&binder->loading->loader->yaml, binder->at,
                          "%.*s is a single value; write :%.*s", SLICE_ARG(take->name),
                          SLICE_ARG(take->name));
    }
    return add_binding(
        binder,
        (struct binding){.kind = BINDING_TAKE, .take = index, .scalar.type = take->rule.type});
}

static enum err refuse_name(const struct binder *binder, const struct sql_token *token)
{
    const struct action *action = binder->loading->action;
    struct slice names[ACTION_NAMES_MAX];

    for (unsigned i = 0; i < binder->statement->return_count; i++) {
        if (slice_equal(binder->statement->returns[i].name, token->name)) {
            return yaml_error(&binder->loading->loader->yaml, binder->at,
                              ":%.*s comes back from this statement; only later ones can use it",
                              SLICE_ARG(token->name));
        }
    }
    return load_unknown(binder->loading->loader, binder->at, token->name, names,
                        action_names(action, names), "no value is called %s",
                        wording_quote(token->text).text);
}

static enum err bind_name(struct binder *binder, const struct sql_token *token)
{
    const struct action *action = binder->loading->action;
    struct binding binding = {.kind = BINDING_RETURNED};
    unsigned take;

    if (action_find_take(action, token->name, &take)) {
        return bind_take(binder, token, take);
    }
    if (token->member.len > 0) {
        return refuse_name(binder, token);
    }
    if (slice_is(token->name, "now")) {
        return add_binding(binder,
                           (struct binding){.kind = BINDING_NOW, .scalar.type = SCALAR_TIMESTAMP});
    }
    if (!action_find_returned(action, token->name, &binding.statement, &binding.column)) {
        return refuse_name(binder, token);
    }
    binding.scalar = action->statements[binding.statement].returns[binding.column].scalar;
    return add_binding(binder, binding);
}

/* ---- what else there is ---- */

static bool is_word(const struct sql_token *token, const char *word)
{
    return token->kind == SQL_WORD && token->text.len == strlen(word) &&
           strncasecmp(token->text.ptr, word, token->text.len) == 0;
}

static bool is_one_of(const struct sql_token *token, const char *const *words)
{
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (is_word(token, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_mark(const struct sql_token *token, const char *mark)
{
    return token->kind == SQL_MARK && slice_is(token->text, mark);
}

/*
 * Whether a query can still be one that only reads: it has no word that changes or locks anything, and
 * calls nothing but functions that are known to be harmless. A query that is not seen through here is
 * run as a write, which is slower and right.
 */
static bool keeps_reading(const struct sql_token *token, const struct sql_token *before)
{
    static const char *const changing[] = {"insert",  "update", "delete", "merge",
                                           "replace", "into",   "share",  NULL};
    static const char *const harmless[] = {
        "as",     "in",           "exists",   "and",    "or",       "not",    "where",
        "from",   "join",         "on",       "select", "values",   "by",     "over",
        "union",  "all",          "when",     "then",   "else",     "using",  "like",
        "filter", "having",       "distinct", "limit",  "cast",     "count",  "sum",
        "min",    "max",          "avg",      "total",  "coalesce", "nullif", "lower",
        "upper",  "length",       "abs",      "round",  "substr",   "trim",   "row_number",
        "rank",   "materialized", "any",      NULL};

    if (is_mark(token, "(") &&
        (before->kind == SQL_WORD || before->kind == SQL_QUOTED || before->kind == SQL_NAME)) {
        return is_one_of(before, harmless);
    }
    return !is_one_of(token, changing);
}

static enum err check_first(const struct binder *binder, const struct sql_token *token, bool *reads)
{
    static const char *const queries[] = {"select", "with", NULL};
    static const char *const changes[] = {"insert", "update", "delete", "replace", "merge", NULL};

    *reads = is_one_of(token, queries);
    if (*reads || is_one_of(token, changes)) {
        return ERR_NONE;
    }
    return yaml_error(&binder->loading->loader->yaml, binder->at,
                      "a statement cannot begin with %s; begin with SELECT, INSERT, UPDATE, DELETE "
                      "or WITH",
                      wording_quote(token->text).text);
}

/* Marks that would be parameters beside ours, or end the statement. */
static enum err check_mark(const struct binder *binder, const struct sql_token *token, char next)
{
    const struct yaml *yaml = &binder->loading->loader->yaml;
    bool is_sqlite = binder->dialect == SQL_SQLITE;
    char mark = token->text.ptr[0];

    if (mark == ';') {
        return yaml_error(yaml, binder->at,
                          "a statement has a semicolon; leave it away, and write a statement more "
                          "for what follows");
    }
    if ((is_sqlite && (mark == '?' || mark == '@' || mark == '$')) ||
        (is_sqlite && slice_is(token->text, ":")) ||
        (!is_sqlite && mark == '$' && next >= '0' && next <= '9')) {
        return yaml_error(yaml, binder->at,
                          "\"%c\" begins a parameter%s; write :NAME of a value, or a text each: "
                          "{sqlite: ..., postgres: ...}",
                          mark, is_sqlite ? " in SQLite" : "");
    }
    return ERR_NONE;
}

static enum err check_token(const struct binder *binder, const struct sql_scan *scan,
                            const struct sql_token *token)
{
    if (token->kind == SQL_OPEN) {
        return yaml_error(&binder->loading->loader->yaml, binder->at,
                          "%s has no end; close the quote or comment",
                          wording_quote(token->text).text);
    }
    if (token->kind == SQL_MARK) {
        return check_mark(binder, token, scan->at < scan->sql.len ? scan->sql.ptr[scan->at] : '\0');
    }
    return ERR_NONE;
}

/* ---- one text ---- */

static enum err rewrite(struct binder *binder, bool *reads)
{
    struct sql_scan scan = {.sql = binder->sql, .dialect = binder->dialect};
    struct sql_token before = {.kind = SQL_END};
    struct sql_token token = sql_next(&scan);
    size_t copied = 0;
    enum err rc = ERR_NONE;

    if (token.kind != SQL_OPEN) {
        rc = check_first(binder, &token, reads);
    }
    for (; rc == ERR_NONE && token.kind != SQL_END; token = sql_next(&scan)) {
        rc = check_token(binder, &scan, &token);
        *reads = *reads && keeps_reading(&token, &before);
        if (rc == ERR_NONE && token.kind == SQL_NAME) {
            buffer_append(&binder->out, binder->sql.ptr + copied,
                          (size_t)(token.text.ptr - binder->sql.ptr) - copied);
            copied = scan.at;
            if ((before.kind == SQL_WORD || before.kind == SQL_QUOTED) &&
                before.text.ptr + before.text.len == token.text.ptr) {
                buffer_append_str(&binder->out, " "); /* PostgreSQL takes "LIMIT$1" for a name */
            }
            rc = bind_name(binder, &token);
        }
        before = token;
    }
    buffer_append(&binder->out, binder->sql.ptr + copied, binder->sql.len - copied);
    return rc;
}

static enum err bind_text(struct action_loading *loading, const struct yaml_node *node,
                          struct statement *statement, enum sql_dialect dialect, bool *reads)
{
    struct binder binder = {
        .loading = loading, .at = node, .statement = statement, .dialect = dialect};
    struct arena *arena = loading->loader->yaml.arena;
    enum err rc = yaml_text(&loading->loader->yaml, node, "`sql`", &binder.sql);

    *reads = false;
    if (rc != ERR_NONE) {
        return rc;
    }
    buffer_init(&binder.out, (size_t)DEFINITION_SIZE_MAX * 2); /* ":a" becomes " $64" at most */
    rc = rewrite(&binder, reads);
    if (rc == ERR_NONE) {
        statement->sql[dialect] = arena_copy(arena, buffer_slice(&binder.out));
        statement->binding_count[dialect] = binder.count;
        statement->bindings[dialect] =
            arena_calloc(arena, binder.count, sizeof *statement->bindings[dialect]);
        memcpy(statement->bindings[dialect], binder.bindings,
               binder.count * sizeof binder.bindings[0]);
    }
    buffer_free(&binder.out);
    return rc;
}

/* ---- all texts ---- */

/* A list or map is of use by its items. */
static enum err check_items(const struct action_loading *loading, const struct yaml_node *at,
                            const struct statement *statement)
{
    for (unsigned dialect = 0; statement->each >= 0 && dialect < SQL_DIALECTS; dialect++) {
        struct slice name = loading->action->takes[statement->each].name;
        bool has_item = false;

        for (unsigned i = 0; i < statement->binding_count[dialect]; i++) {
            enum binding_kind kind = statement->bindings[dialect][i].kind;

            has_item = has_item || kind == BINDING_ITEM || kind == BINDING_ITEM_NAME;
        }
        if (!has_item) {
            return yaml_error(&loading->loader->yaml, at,
                              "this is run for each item of %.*s and uses none; write :%.*s.value, "
                              "or leave `each` away",
                              SLICE_ARG(name), SLICE_ARG(name));
        }
    }
    return ERR_NONE;
}

static void mark_used(struct action_loading *loading, const struct statement *statement)
{
    for (unsigned dialect = 0; dialect < SQL_DIALECTS; dialect++) {
        for (unsigned i = 0; i < statement->binding_count[dialect]; i++) {
            const struct binding *binding = &statement->bindings[dialect][i];

            if (binding->kind != BINDING_RETURNED && binding->kind != BINDING_NOW) {
                loading->is_used[binding->take] = true;
            }
        }
    }
}

enum err load_bindings(struct action_loading *loading, const struct yaml_node *node,
                       struct statement *statement, bool *reads)
{
    static const char *const dialects[] = {
        [SQL_SQLITE] = "sqlite", [SQL_POSTGRES] = "postgres", NULL};
    const struct loader *loader = loading->loader;
    bool is_query[SQL_DIALECTS] = {false};
    enum err rc = ERR_NONE;

    if (node->kind != YAML_SCALAR) {
        rc = yaml_expect_members(&loader->yaml, node, "`sql`", dialects);
    }
    for (unsigned i = 0; rc == ERR_NONE && i < SQL_DIALECTS; i++) {
        const struct yaml_node *text = node;

        if (node->kind != YAML_SCALAR) {
            rc = load_required(loader, node, "`sql`", dialects[i],
                               "{sqlite: ..., postgres: ...}, or one text for both", &text);
        }
        if (rc == ERR_NONE) {
            rc = bind_text(loading, text, statement, (enum sql_dialect)i, &is_query[i]);
        }
    }
    if (rc == ERR_NONE) {
        rc = check_items(loading, node, statement);
    }
    mark_used(loading, statement);
    *reads = is_query[SQL_SQLITE] && is_query[SQL_POSTGRES];
    return rc;
}
