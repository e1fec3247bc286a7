/*
 * An answer template, flattened when the definition is loaded: literal runs of JSON with references
 * between them.
 *
 *   answer: {book: $key.text, page: $page.index, results: $rows}
 *
 * becomes  `{"book":` KEY_TEXT `,"page":` PAGE_INDEX `,"results":` ROWS `}`.
 *
 * In YAML: mappings are objects, sequences are arrays, plain scalars that look like JSON literals
 * (5, true, null) are those, other scalars are strings, `$name` is a reference, `$$` starts a string
 * with a dollar. In the answer of a route with parts, $NAME is $row or $rows of the part NAME,
 * $NAME.total its $total, $NAME.FIELD its $row.FIELD.
 */
#ifndef VITRINE_DEFINITION_TEMPLATE_H
#define VITRINE_DEFINITION_TEMPLATE_H

#include "base/slice.h"

enum template_kind {
    TEMPLATE_LITERAL,  /* `literal` as it stands */
    TEMPLATE_KEY,      /* $key: the key as a JSON value: a number, or a string with its quotes */
    TEMPLATE_KEY_TEXT, /* $key.text: the key as it was asked for, a JSON string with its quotes */
    TEMPLATE_PAGE_NUMBER, /* $page.number: the page, from 1 */
    TEMPLATE_PAGE_INDEX,  /* $page.index: the page, from 0 */
    TEMPLATE_COUNT,       /* $count: the count in force */
    TEMPLATE_TOTAL,       /* $total: rows of the key, or keys of the listing */
    TEMPLATE_ROWS,        /* $rows: array of the rows of this page, each by the row template;
                           of an action: of all rows that were returned, as objects */
    TEMPLATE_ROW,         /* $row: the row of a document, by the row template */
    TEMPLATE_FIELD,       /* $row.NAME: fields[field] of the collection, as a JSON value */
    TEMPLATE_TAKE,        /* actions: $NAME, a value of the request: takes[field] */
    TEMPLATE_RETURNED,    /* actions: $NAME, what a statement returned: statement, returns[field] */
};

struct template_part {
    enum template_kind kind;
    struct slice literal; /* TEMPLATE_LITERAL */
    unsigned field;       /* TEMPLATE_FIELD: of the collection's fields; TAKE; RETURNED: column */
    unsigned statement;   /* TEMPLATE_RETURNED */
    unsigned part;        /* of a route with parts: whose rows, total, field ... */
};

struct template
{
    struct template_part *parts;
    unsigned count;
};

#endif
