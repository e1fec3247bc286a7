/*
 * Private to this folder: SQL as a row of tokens, as far as it takes to find names of parameters and
 * to tell what a statement does. Comments and blanks are left out; strings, quoted identifiers and
 * PostgreSQL's dollar quotes are one token each, so that nothing in them is taken for anything else.
 *
 *   SELECT ':a', b::text FROM t WHERE c = :photos.value -- :d
 *
 * has one parameter. Thread-safety: none; a scan is plain memory over the caller's SQL.
 */
#ifndef VITRINE_DEFINITION_SQL_SCAN_H
#define VITRINE_DEFINITION_SQL_SCAN_H

#include "definition/action.h"

enum sql_token_kind {
    SQL_END,
    SQL_WORD,   /* a keyword or identifier without quotes */
    SQL_QUOTED, /* a string, a quoted identifier or a number */
    SQL_NAME,   /* :name, or :name.member */
    SQL_MARK,   /* anything else: one byte, or `::` and `:=` */
    SQL_OPEN,   /* a quote or comment without its end */
};

struct sql_token {
    enum sql_token_kind kind;
    struct slice text;   /* in the SQL */
    struct slice name;   /* SQL_NAME: without the colon */
    struct slice member; /* SQL_NAME: behind the point; empty: none */
};

struct sql_scan {
    struct slice sql;
    size_t at;
    enum sql_dialect dialect;
};

/* The next token; SQL_END for ever at the end, and after SQL_OPEN. */
struct sql_token sql_next(struct sql_scan *scan);

#endif
