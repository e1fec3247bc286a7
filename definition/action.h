/*
 * An action: the statements that a route runs on the source, in one transaction, with values out of the
 * request. Write routes are actions, and so are reads of what is not in files (a session's cart).
 *
 *   - put: /books/:isbn/praise
 *     take:
 *       isbn: {path: isbn, type: text, longest: 20}
 *     run:
 *       - sql: UPDATE books SET praise = praise + 1 WHERE isbn = :isbn RETURNING praise
 *         returns: {praise: integer}
 *         missing: {status: 404, text: "no such book"}
 *     answer: {isbn: $isbn, praise: $praise}
 *
 * Values are always bound, never pasted into SQL. docs/definition.md is the language.
 *
 * Lifetime: part of its definition. Thread-safety: read-only after loading.
 */
#ifndef VITRINE_DEFINITION_ACTION_H
#define VITRINE_DEFINITION_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "definition/failure.h"
#include "definition/scalar.h"
#include "definition/template.h"

enum {
    ACTION_TAKES_MAX = 32,      /* of a route */
    ACTION_STATEMENTS_MAX = 16, /* of a route */
    ACTION_BINDINGS_MAX = 64,   /* of a statement */
    ACTION_RETURNS_MAX = 32,    /* columns of a statement */
    ACTION_ITEMS_MAX = 1000,    /* of a list or map */
    ACTION_TEXT_MAX = 100000,   /* `longest` */
    ACTION_ROWS_MAX = 10000,    /* that a statement may return */
};

enum take_place { TAKE_PATH, TAKE_QUERY, TAKE_BODY, TAKE_COOKIE };
enum take_shape { TAKE_ONE, TAKE_LIST, TAKE_MAP };

/* What a value must be. */
struct take_rule {
    enum scalar_type type; /* integer, number, boolean, timestamp or text */
    bool has_least;
    bool has_most;
    int64_t least; /* integers and numbers; texts: characters (code points), `shortest` */
    int64_t most;  /* integers and numbers; texts: `longest`, always set */
};

/* One value of the request. */
struct take {
    struct slice name; /* :NAME in SQL, $NAME in the answer */
    enum take_place place;
    unsigned segment;    /* TAKE_PATH: of the route's path */
    struct slice member; /* of the query, of the JSON object in the body, or the cookie */
    enum take_shape shape;
    struct take_rule rule;  /* of the value, or of each item */
    struct take_rule names; /* TAKE_MAP: of the names of its members */
    unsigned most_items;    /* lists and maps */
    bool is_required;       /* without `default` */
    /*
     * Otherwise: VALUE_NULL, or a value by the rule (VALUE_INTEGER for integers, booleans 0 and 1, and
     * timestamps in ms; VALUE_REAL for numbers); lists and maps: none.
     */
    struct value fallback;
    bool is_session;        /* TAKE_COOKIE: a random token, made when it is absent or not one */
    int64_t session_age_s;  /* how long clients keep it */
    struct failure invalid; /* status 0: that of the route */
};

/* What a parameter of a statement is bound to. */
enum binding_kind {
    BINDING_TAKE,      /* :NAME */
    BINDING_ITEM,      /* :NAME.value of the list or map in `each` */
    BINDING_ITEM_NAME, /* :NAME.name of the map in `each` */
    BINDING_RETURNED,  /* :NAME that an earlier statement returned in its first row */
    BINDING_NOW,       /* :now, the time of the request */
};

struct binding {
    enum binding_kind kind;
    unsigned take;        /* BINDING_TAKE, ITEM, ITEM_NAME */
    unsigned statement;   /* BINDING_RETURNED */
    unsigned column;      /* BINDING_RETURNED */
    struct scalar scalar; /* its type; BINDING_NOW: a timestamp */
};

/* Databases for which the text of a statement may differ. */
enum sql_dialect { SQL_SQLITE, SQL_POSTGRES, SQL_DIALECTS };

/* One column that comes back. */
struct returned {
    struct slice name;
    struct scalar scalar;
};

struct statement {
    /*
     * With ?1, ?2 ... for SQLite and $1, $2 ... for PostgreSQL in place of the names: parameter i + 1 is
     * bindings[i]; a name that occurs twice is one parameter. Ends with a NUL that len does not count.
     */
    struct slice sql[SQL_DIALECTS];
    struct binding *bindings[SQL_DIALECTS];
    unsigned binding_count[SQL_DIALECTS];
    int each; /* the take (list or map) for each item of which it is run, or -1: once */
    struct returned *returns; /* never with `each` */
    unsigned return_count;
    bool is_rows; /* `rows:` instead of `returns:`: all rows, for $rows */
    /*
     * When no row was changed and none returned; status 0: that is fine. With `each`, one item for which
     * this holds is enough; without any item there is nothing to miss.
     */
    struct failure missing;
};

struct action {
    struct take *takes;
    unsigned take_count;
    struct statement *statements;
    unsigned statement_count;
    int rows; /* the statement whose rows $rows is, or -1 */
    bool reads_body;
    bool only_reads; /* every statement is a query that is known to change nothing */
    unsigned status; /* 200, 201, 204 ... */
    bool is_json;    /* `answer:`; otherwise `text` */
    struct template answer;
    struct slice text;
    struct failure invalid; /* always set: 400 by default; also when the database refuses a value */
};

#endif
