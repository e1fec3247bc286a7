/*
 * Names and texts as both databases write them in SQL.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SOURCE_SQL_TEXT_H
#define VITRINE_SOURCE_SQL_TEXT_H

#include "base/buffer.h"

/* A quoted identifier: "loans". */
static inline void sql_append_name(struct buffer *sql, struct slice name)
{
    buffer_append_quoted(sql, name, '"');
}

/* A string constant: 'it''s'. */
static inline void sql_append_text(struct buffer *sql, struct slice text)
{
    buffer_append_quoted(sql, text, '\'');
}

#endif
