/*
 * Private to this folder: an action while it is loaded.
 *
 *   load_action.c      the whole: status, text, answer, what is used
 *   load_takes.c       take:  the values of the request, and where they are
 *   load_rules.c       type, bounds, of, names, age, default
 *   load_statements.c  run:  each, returns, rows, missing
 *   load_bindings.c    sql:  names become parameters
 */
#ifndef VITRINE_DEFINITION_LOAD_ACTION_H
#define VITRINE_DEFINITION_LOAD_ACTION_H

#include "definition/load.h"

struct action_loading {
    struct loader *loader;
    const struct route *route;
    struct action *action; /* statement_count grows: those that are loaded */
    bool is_used[ACTION_TAKES_MAX];
};

/* The take or the returned column of this name; false when there is none. */
bool action_find_take(const struct action *action, struct slice name, unsigned *take);
bool action_find_returned(const struct action *action, struct slice name, unsigned *statement,
                          unsigned *column);

/* All names that a statement may use: "now", takes, columns; at most ACTION_NAMES_MAX. */
enum { ACTION_NAMES_MAX = 1 + ACTION_TAKES_MAX + ACTION_STATEMENTS_MAX * ACTION_RETURNS_MAX };
unsigned action_names(const struct action *action, struct slice *names);

/* A name that is free: neither :now nor $rows, no take, no returned column. */
MUST_CHECK enum err action_load_name(const struct action_loading *loading,
                                     const struct yaml_node *node, const char *what,
                                     struct slice *out);

/* ---- load_takes.c ---- */

/* `take:` of an action, NULL when absent. PATH is the node of the route's path. */
MUST_CHECK enum err load_takes(struct action_loading *loading, const struct yaml_node *node,
                               const struct yaml_node *path);

/* ---- load_rules.c ---- */

/* TAKE has its name and its place. */
MUST_CHECK enum err load_take_type(const struct loader *loader, const struct yaml_node *node,
                                   struct take *take);
/* NODE is the default; TAKE has its type. */
MUST_CHECK enum err load_take_default(const struct loader *loader, const struct yaml_node *node,
                                      struct take *take);

/* ---- load_statements.c ---- */
MUST_CHECK enum err load_statements(struct action_loading *loading, const struct yaml_node *node);

/* ---- load_bindings.c ---- */

/* `sql:` of STATEMENT: one text, or one a dialect. Whether it only reads is told in *READS. */
MUST_CHECK enum err load_bindings(struct action_loading *loading, const struct yaml_node *node,
                                  struct statement *statement, bool *reads);

#endif
