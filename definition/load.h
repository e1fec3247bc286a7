/*
 * Private to this folder: the loader of a definition, split by what it reads.
 *
 *   definition.c        top level: name, tables, collections, routes
 *   load.c              what all of them read: names, SQL texts, types, lists
 *   load_tables.c       tables:       columns, indexes
 *   load_collections.c  collections:  key, rows, fields, orders, listings
 *   load_fields.c       fields:       scalar fields
 *   load_nested.c       fields:       nested rows
 *   load_orders.c       orders, listings and `order:` of nested rows
 *   load_rows.c         rows:         what a table without `file` begins with
 *   load_routes.c       routes:       method, from, listing, failures
 *   load_path.c         get:          the path of a route
 *   load_request.c      key, order, page, count of a route
 *   load_keys.c         keys:         many keys in one request
 *   load_parts.c        parts:        several collections for one key
 *   load_cache.c        cache:        how long others may keep an answer
 *   load_action.c       routes that run statements; load_action.h has its files
 *   load_constants.c       values that are written in a definition
 *   load_template.c     row, answer:  templates, flattened; compose.c writes them
 *   load_checks.c       checks:       limits of counts, golden requests
 *   load_expect.c       expect:       what the answer to a golden request must be
 *
 * Every function returns ERR_DEFINITION with its place, or ERR_NONE. What they build lives in the
 * definition's arena, so nothing is to be freed after an error.
 */
#ifndef VITRINE_DEFINITION_LOAD_H
#define VITRINE_DEFINITION_LOAD_H

#include "definition/definition.h"
#include "definition/yaml.h"

struct loader {
    struct yaml yaml;
    struct definition *definition;
};

/* The fields of a collection or of nested rows. */
struct field_list {
    struct field *fields;
    unsigned count;
    unsigned visible; /* those that are not hidden */
};

/* ---- load.c ---- */

/* [A-Za-z_][A-Za-z0-9_]*, at most DEFINITION_NAME_MAX bytes. WHAT: "the name of a table". */
MUST_CHECK enum err load_name(const struct loader *loader, const struct yaml_node *node,
                              const char *what, struct slice *out);
bool name_is_valid(struct slice name);

/* A SELECT without its semicolon, blanks at both ends left away. */
MUST_CHECK enum err load_sql(const struct loader *loader, const struct yaml_node *node,
                             const char *what, struct slice *out);

/* Refuses a node that is not a mapping, or has no members, or more than MOST. WHAT: "tables". */
MUST_CHECK enum err load_mapping(const struct loader *loader, const struct yaml_node *node,
                                 const char *what, unsigned most);
/* The same for a list. */
MUST_CHECK enum err load_list(const struct loader *loader, const struct yaml_node *node,
                              const char *what, unsigned most);

/* The member NAME of MAPPING, refused when it is missing; ADVICE says what to write. */
MUST_CHECK enum err load_required(const struct loader *loader, const struct yaml_node *mapping,
                                  const char *what, const char *name, const char *advice,
                                  const struct yaml_node **out);

/* `PREFIX; ` and what of NAMES may have been meant. */
enum err load_unknown(const struct loader *loader, const struct yaml_node *at, struct slice wrong,
                      const struct slice *names, unsigned count, const char *fmt, ...)
    PRINTF_LIKE(6, 7);

/* One of the words of a NULL-terminated table, as its index. */
MUST_CHECK enum err load_word(const struct loader *loader, const struct yaml_node *node,
                              const char *what, const char *const *words, unsigned *out);

/* Refuses members of MAPPING that mean nothing there: `WHAT, so it has no `member`; leave it away`. */
MUST_CHECK enum err load_refuse_members(const struct loader *loader,
                                        const struct yaml_node *mapping, const char *what,
                                        const char *const *misplaced);

/* `scale:` of MAPPING, 0 to 18: required for a decimal or a ratio, refused for other types. */
MUST_CHECK enum err load_scale(const struct loader *loader, const struct yaml_node *mapping,
                               const struct yaml_node *type, bool is_scaled, uint8_t *out);

/* ---- load_constants.c---- */

/* {status: 404, text: "..."} */
MUST_CHECK enum err load_failure(const struct loader *loader, const struct yaml_node *node,
                                 const char *what, struct failure *out);
/* A text of at most DEFINITION_FAILURE_MAX bytes. */
MUST_CHECK enum err load_short_text(const struct loader *loader, const struct yaml_node *node,
                                    const char *what, struct slice *out);
/* 30d, 12h, 90m or 600s, in seconds; at least 1. EXAMPLE is for the message. */
MUST_CHECK enum err load_duration(const struct loader *loader, const struct yaml_node *node,
                                  const char *what, const char *example, int64_t *out);
/*
 * A value that is written out: an unquoted null, or one of SCALAR (no ratio). Integers, booleans (0, 1)
 * and timestamps (ms) are VALUE_INTEGER, numbers VALUE_REAL, decimals VALUE_TEXT with their scale.
 */
MUST_CHECK enum err load_constant(const struct loader *loader, const struct yaml_node *node,
                                  const char *what, const struct scalar *scalar, struct value *out);

/* ---- load_tables.c ---- */
MUST_CHECK enum err load_tables(struct loader *loader, const struct yaml_node *node);

/* ---- load_rows.c ---- */
MUST_CHECK enum err load_rows(const struct loader *loader, const struct yaml_node *node,
                              struct table *table);

/* ---- load_collections.c ---- */
MUST_CHECK enum err load_collections(struct loader *loader, const struct yaml_node *node);

/* ---- load_fields.c ---- */

/* DEPTH: 0 for a collection, 1 for rows nested in it ... */
MUST_CHECK enum err load_fields(struct loader *loader, const struct yaml_node *node, unsigned depth,
                                struct field_list *out);

/* The index of the field of this name, or -1. */
int field_find(const struct field_list *list, struct slice name);

/* A name that is none of the fields': says so, and which there are. */
enum err load_unknown_field(const struct loader *loader, const struct yaml_node *at,
                            struct slice name, const struct field_list *list);

/* Refuses a scalar type that is not one of the COUNT types in ALLOWED. */
MUST_CHECK enum err load_scalar_type(const struct loader *loader, const struct yaml_node *node,
                                     const enum scalar_type *allowed, unsigned count,
                                     enum scalar_type *out);

/* `text: true` of MAPPING puts values of a scalar between quotes; refused where they are already. */
MUST_CHECK enum err load_quoted(const struct loader *loader, const struct yaml_node *mapping,
                                struct scalar *scalar);

/* ---- load_nested.c ---- */
MUST_CHECK enum err load_nested(struct loader *loader, const struct yaml_node *node, unsigned depth,
                                struct nested **out);

/* ---- load_orders.c ---- */

/* A list of terms, `name` or `-name`, over the fields of one level. */
MUST_CHECK enum err load_terms(const struct loader *loader, const struct yaml_node *node,
                               const struct field_list *list, struct order *out);
/* NAME: [terms], ... WHAT: "orders" or "listings". */
MUST_CHECK enum err load_orders(const struct loader *loader, const struct yaml_node *node,
                                const char *what, unsigned most, const struct field_list *list,
                                struct order **out, unsigned *count);

/* ---- load_path.c ---- */
MUST_CHECK enum err load_path(struct loader *loader, const struct yaml_node *node,
                              struct route *route);
bool path_is_same_shape(const struct route *a, const struct route *b);
/* Letters, digits and _ . ~ -, at most DEFINITION_NAME_MAX bytes. */
bool path_text_is_valid(struct slice text);

/* ---- load_request.c ---- */
MUST_CHECK enum err load_request(struct loader *loader, const struct yaml_node *node,
                                 struct route *route);

/* `key:` of a route; its path holds no other parameter. */
MUST_CHECK enum err load_request_key(const struct loader *loader, const struct yaml_node *node,
                                     struct route *route);
/* `order:`, `page:` and `count:` of a route or a part. */
MUST_CHECK enum err load_request_rows(const struct loader *loader, const struct yaml_node *node,
                                      struct route *route);
/* {query: NAME}: NAME of a query parameter. */
MUST_CHECK enum err load_query(const struct loader *loader, const struct yaml_node *node,
                               struct parameter *out);
/* Refuses two of ALL that are one query parameter. */
MUST_CHECK enum err load_check_names(const struct loader *loader, const struct yaml_node *at,
                                     const struct parameter *const *all, unsigned count);

/* ---- load_keys.c ---- */

/* `keys:` of a route by many keys, after its count, and what it answers to too many. */
MUST_CHECK enum err load_keys(const struct loader *loader, const struct yaml_node *node,
                              struct route *route);
MUST_CHECK enum err load_too_many(const struct loader *loader, const struct yaml_node *route_node,
                                  struct route *route);

/* ---- load_parts.c ---- */
MUST_CHECK enum err load_route_parts(struct loader *loader, const struct yaml_node *node,
                                     struct route *route);

/* ---- load_cache.c ---- */

/* `cache:` of a route. */
MUST_CHECK enum err load_cache(const struct loader *loader, const struct yaml_node *node,
                               struct cache_rule *out);

/* ---- load_action.c ---- */
MUST_CHECK enum err load_action(struct loader *loader, const struct yaml_node *node,
                                struct route *route);

/* ---- load_routes.c ---- */

/* `from:` of a route, and `listing:`; or `from:` of a part. */
MUST_CHECK enum err load_source(const struct loader *loader, const struct yaml_node *node,
                                bool is_part, struct route *route);
/* `invalid_key:` and `missing:` of a route. */
MUST_CHECK enum err load_failures(const struct loader *loader, const struct yaml_node *node,
                                  struct route *route);
MUST_CHECK enum err load_routes(struct loader *loader, const struct yaml_node *node);

/* ---- load_template.c ---- */

/* `row:` and `answer:` of a route, either NULL when absent. */
MUST_CHECK enum err load_templates(struct loader *loader, struct route *route,
                                   const struct yaml_node *row, const struct yaml_node *answer);

/* `row:` alone, of a part. */
MUST_CHECK enum err load_row(const struct loader *loader, struct route *route,
                             const struct yaml_node *node);
/* `answer:` of a route with parts, NULL when absent; *USED has bit i for part i. */
MUST_CHECK enum err load_parts_answer(const struct loader *loader, struct route *route,
                                      const struct yaml_node *node, uint32_t *used);

struct action_loading;

/* `answer:` of an action. */
MUST_CHECK enum err load_action_answer(struct action_loading *loading,
                                       const struct yaml_node *node);

/* Whether a scalar is written as one of JSON that is no string: an unquoted 5, 1.50, true, null. */
bool is_json_literal(const struct yaml_node *node);

/* ---- load_checks.c ---- */

/* `checks:` of the definition, NULL when absent; before the collections, which begin with it. */
MUST_CHECK enum err load_checks(struct loader *loader, const struct yaml_node *node);
/* `checks:` of a collection, NULL when absent. */
MUST_CHECK enum err load_collection_checks(const struct loader *loader,
                                           const struct yaml_node *node,
                                           struct collection *collection);

/* ---- load_expect.c ---- */
MUST_CHECK enum err load_expectation(const struct loader *loader, const struct yaml_node *node,
                                     struct expectation *out);

#endif
