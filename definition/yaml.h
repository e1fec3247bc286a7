/*
 * A YAML file as a tree of nodes that know their line and column.
 *
 * Good for: configuration read once, where every complaint must point at its place.
 * Under the hood: libyaml's event parser; nodes live in the caller's arena. Anchors, aliases and tags
 * are refused (a file reads the same from top to bottom), and so are a second document, a mapping
 * name that occurs twice, nesting deeper than 32 and files larger than DEFINITION_SIZE_MAX.
 * Thread-safety: none needed; a tree is read-only once parsed.
 */
#ifndef VITRINE_DEFINITION_YAML_H
#define VITRINE_DEFINITION_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_kind kind;
    unsigned line;            /* from 1 */
    unsigned column;          /* from 1 */
    struct slice text;        /* YAML_SCALAR */
    bool is_plain;            /* YAML_SCALAR without quotes and not a block */
    unsigned count;           /* items of a sequence, members of a mapping */
    struct yaml_node **names; /* YAML_MAPPING: scalars */
    struct yaml_node **items; /* items, or the values of the members */
};

/* A file being loaded: where nodes live and where complaints go. */
struct yaml {
    const char *path;
    struct arena *arena;
    struct errmsg *msg;
    struct yaml_node *root;
};

/* Parses TEXT into yaml->root; path, arena and msg are set by the caller. ERR_DEFINITION. */
MUST_CHECK enum err yaml_parse(struct yaml *yaml, struct slice text);

/* Writes "PATH:LINE:COLUMN: ..." and returns ERR_DEFINITION. */
enum err yaml_error(const struct yaml *yaml, const struct yaml_node *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* The value of a member of a mapping, or NULL; also NULL when MAPPING is none. */
const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *name);

/*
 * Refuses a node that is not a mapping, and members whose names are not in ALLOWED (NULL-terminated);
 * a name that is nearly an allowed one is answered with "did you mean", others with the list.
 * WHAT names the thing in messages: "a route".
 */
MUST_CHECK enum err yaml_expect_members(const struct yaml *yaml, const struct yaml_node *node,
                                        const char *what, const char *const *allowed);

/* Each refuses a node of another kind, naming WHAT was expected ("count" ...), with an example. */
MUST_CHECK enum err yaml_text(const struct yaml *yaml, const struct yaml_node *node,
                              const char *what, struct slice *out);
MUST_CHECK enum err yaml_integer(const struct yaml *yaml, const struct yaml_node *node,
                                 const char *what, int64_t least, int64_t most, int64_t *out);
MUST_CHECK enum err yaml_number(const struct yaml *yaml, const struct yaml_node *node,
                                const char *what, double least, double most, double *out);
MUST_CHECK enum err yaml_boolean(const struct yaml *yaml, const struct yaml_node *node,
                                 const char *what, bool *out);

#endif
