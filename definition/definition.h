/*
 * A definition: what is read from the source, how it is keyed, ordered and shaped, and which routes
 * answer with it. Loaded from YAML, checked completely, then never changed; docs/definition.md is
 * the language.
 *
 * Lifetime: one arena; definition_free ends it all. Slices point into that arena.
 * Thread-safety: read-only after loading, so any number of threads may share one.
 */
#ifndef VITRINE_DEFINITION_DEFINITION_H
#define VITRINE_DEFINITION_DEFINITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "definition/action.h"
#include "definition/checks.h"
#include "definition/failure.h"
#include "definition/scalar.h"
#include "definition/template.h"

/* Limits of a definition; a larger one is refused with its place. */
enum {
    DEFINITION_SIZE_MAX = 1 << 20,   /* bytes of the file */
    DEFINITION_NAME_MAX = 63,        /* bytes of a table, column, collection, order ... */
    DEFINITION_FIELD_NAME_MAX = 128, /* bytes of a field's name in answers */
    DEFINITION_FILE_NAME_MAX = 200,  /* bytes of the name of an export */
    DEFINITION_TABLES_MAX = 256,
    DEFINITION_COLUMNS_MAX = 256, /* a table */
    DEFINITION_ROWS_MAX = 256,    /* that a table without a file begins with */
    DEFINITION_INDEXES_MAX = 16,  /* a table */
    DEFINITION_COLLECTIONS_MAX = 64,
    DEFINITION_FIELDS_MAX = 64,  /* a collection or a nested object */
    DEFINITION_ORDERS_MAX = 8,   /* a collection */
    DEFINITION_TERMS_MAX = 8,    /* an order */
    DEFINITION_LISTINGS_MAX = 8, /* a collection */
    DEFINITION_ROUTES_MAX = 256,
    DEFINITION_ROUTE_PARTS_MAX = 16,
    DEFINITION_KEYS_MAX = 1000,              /* that one request may ask for */
    DEFINITION_SEGMENTS_MAX = 16,            /* a path */
    DEFINITION_NESTING_MAX = 2,              /* nested rows within nested rows */
    DEFINITION_JOINS_MAX = 4,                /* column pairs of `on` */
    DEFINITION_COUNT_MAX = 10000,            /* rows an answer may hold */
    DEFINITION_PAGE_MAX = 1000000,           /* the page that a route may begin with */
    DEFINITION_FAILURE_MAX = 1024,           /* bytes of the text of a failure */
    DEFINITION_PARTS_MAX = 1024,             /* literals and references of a template */
    DEFINITION_REQUESTS_MAX = 256,           /* golden requests */
    DEFINITION_TARGET_MAX = 1024,            /* bytes of the address of one */
    DEFINITION_DURATION_MAX_S = 400 * 86400, /* browsers keep no cookie longer */
};

/* One term of an order: a field, up or down. Nulls come first ascending and last descending. */
struct sort_term {
    unsigned field; /* index in the fields of the collection or of the nested rows */
    bool descending;
};

/* A named total order over the rows of a key (collection), or over all keys (listing). */
struct order {
    struct slice name;
    struct sort_term terms[DEFINITION_TERMS_MAX];
    unsigned term_count;
};

struct nested;

/* One member of an answer object. */
struct field {
    struct slice name;    /* in answers */
    struct slice column;  /* the column of the rows that it comes from; empty for nested rows */
    struct slice divisor; /* SCALAR_RATIO: `column` / `divisor` */
    struct scalar scalar; /* nested rows: SCALAR_TEXT that holds finished JSON */
    struct nested *nested;
    bool is_hidden; /* orders rows, but is neither stored nor answered */
    int vector;     /* its place among the stored vectors, or -1 when hidden */
};

enum nested_shape {
    NESTED_LIST, /* [{..}, {..}], or [v, v] when is_value */
    NESTED_MAP,  /* {"name": {..}}, or {"name": v} when is_value */
};

/* One pair of `on`: rows of the nested SQL belong to the parent row where these are equal. */
struct join {
    struct slice child_column;
    struct slice parent_column;
};

/* Rows within a row: built once into JSON, stored as one text vector. */
struct nested {
    struct slice rows; /* SQL */
    struct join on[DEFINITION_JOINS_MAX];
    unsigned on_count;
    enum nested_shape shape;
    bool is_value; /* `value: NAME`: fields[value_field] stands alone, without its object */
    unsigned value_field;
    struct field *fields;
    unsigned field_count;
    struct field
        name; /* NESTED_MAP: what names the members; of two with one name the first stays */
    struct order order; /* total within a parent row; never empty */
};

struct listing {
    struct order order;
};

/* Rows grouped by a key. */
struct collection {
    struct slice name;
    struct slice key_column;
    bool key_is_text;
    struct slice rows; /* SQL */
    struct slice keys; /* SQL that yields every key, also those without rows; empty when absent */
    struct field *fields;
    unsigned field_count;
    unsigned vector_count; /* stored fields: those that are not hidden */
    struct order *orders;  /* the first is the stored order */
    unsigned order_count;  /* 0: a document collection, exactly one row a key */
    struct listing *listings;
    unsigned listing_count;
    struct count_limits limits;
};

static inline bool collection_is_document(const struct collection *collection)
{
    return collection->order_count == 0;
}

/* Where a route finds a value of the request. */
struct parameter {
    bool is_present;
    bool in_path;      /* otherwise in the query */
    unsigned segment;  /* in_path: index of the path segment */
    struct slice name; /* of the query parameter */
};

struct segment {
    bool is_parameter;
    struct slice text; /* the literal, or the parameter's name */
};

/* How long others may keep an answer, in seconds. */
struct cache_rule {
    int64_t age_s;   /* 0: they ask each time whether it has changed */
    int64_t stale_s; /* and after that while they ask for another, or cannot have one */
};

enum route_method { ROUTE_GET, ROUTE_POST, ROUTE_PUT, ROUTE_PATCH, ROUTE_DELETE, ROUTE_METHODS };

/* As the definition writes it: "get". */
const char *route_method_name(enum route_method method);

struct route_part;

/*
 * A route from files answers one key of a collection, many keys of it (most_keys), a listing of it, or
 * parts: several collections for one key.
 */
struct route {
    enum route_method method;
    struct slice path; /* as written: "/books/:isbn/loans" */
    struct segment segments[DEFINITION_SEGMENTS_MAX];
    unsigned segment_count;
    struct action *action; /* runs on the source; the members below are of routes from files then */
    const struct collection *collection; /* with parts: of the first; all have its type of key */
    unsigned collection_index;
    struct route_part *parts;
    unsigned part_count;
    int listing;            /* index in the collection's listings, or -1: by key */
    struct parameter key;   /* absent for a listing */
    struct parameter order; /* absent: always default_order */
    unsigned default_order; /* index in the collection's orders */
    struct parameter page;  /* absent: page 1 */
    uint32_t default_page;
    struct parameter count; /* absent: default_count */
    uint32_t default_count;
    uint32_t most_count; /* clamp, at most DEFINITION_COUNT_MAX */
    struct template row; /* one row: literals and fields only */
    struct template answer;
    uint32_t most_keys;         /* in `key`, with commas between them; 0: it is one key */
    bool is_map;                /* most_keys > 0: an object by key, otherwise a list as asked */
    struct failure too_many;    /* most_keys > 0: always set, 400 by default */
    struct failure invalid_key; /* always set: 400 by default */
    struct cache_rule cache;
    struct failure missing; /* the key is not in the collection; status 0: answer with no rows */
};

/* What a route with parts reads of one collection, as a route of its own: rows, order, page, missing. */
struct route_part {
    struct slice name;
    struct route route;
};

/* How `vitrine import` reads a column of a CSV export, and what it becomes in the source. */
enum column_type {
    COLUMN_INTEGER,
    COLUMN_TEXT,
    COLUMN_BOOLEAN,
    COLUMN_TIMESTAMP,
    COLUMN_DECIMAL,
    COLUMN_NUMBER,
    COLUMN_URL, /* text, with a mistyped scheme mended: uhttps:// */
};

struct sample;

struct table_column {
    struct slice name;   /* in the source */
    struct slice header; /* in the CSV header line */
    enum column_type type;
    uint8_t scale;    /* COLUMN_DECIMAL */
    bool is_required; /* a record without it is rejected */
    bool has_bounds;  /* COLUMN_INTEGER: values outside least..most are rejected */
    int64_t least;
    int64_t most;
    struct sample *sample; /* how `vitrine generate` makes values, or NULL */
};

struct table_index {
    unsigned columns[4];
    unsigned column_count;
};

struct table_sample;

/*
 * A table of the source, and the CSV export that it is loaded from; or one that actions fill, which
 * no import touches.
 */
struct table {
    struct slice name;
    struct slice file; /* "books.csv"; empty: the table is made where it is missing */
    struct table_column *columns;
    unsigned column_count;
    int primary_key; /* index in columns, or -1 */
    struct table_index *indexes;
    unsigned index_count;
    struct value *rows; /* without a file: what it begins with, row after row, as source_load_row */
    unsigned row_count;
    struct table_sample *sample; /* how many rows `vitrine generate` makes, or NULL */
};

static inline bool table_has_file(const struct table *table)
{
    return table->file.len > 0;
}

struct definition {
    struct arena arena;
    struct slice text; /* the file as loaded; it travels inside every release */
    struct slice name;
    struct table *tables;
    unsigned table_count;
    struct collection *collections;
    unsigned collection_count;
    struct route *routes;
    unsigned route_count;
    struct checks checks;
};

/*
 * Loads and checks a definition. ERR_DEFINITION messages are "PATH:LINE:COLUMN: what is wrong; what
 * to write instead"; ERR_SYSTEM when the file cannot be read. The caller frees *OUT.
 */
MUST_CHECK enum err definition_load(const char *path, struct definition **out, struct errmsg *msg);

/* The same from memory; PATH is what messages call it. TEXT is copied. */
MUST_CHECK enum err definition_parse(const char *path, struct slice text, struct definition **out,
                                     struct errmsg *msg);

void definition_free(struct definition *definition);

/* NULL when there is none of that name. */
const struct collection *definition_collection(const struct definition *definition,
                                               struct slice name);

bool definition_has_action(const struct definition *definition);

#endif
