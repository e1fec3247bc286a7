/*
 * What a source needs before actions can run on it: the tables without a `file` with the rows that
 * they begin with, the writer's own tables, and keys that the database gives by itself.
 *
 * A plan is a list of steps, to be run in order in one transaction. A step first asks whether there is
 * anything to do, so that a role that may create nothing can run a plan whose work is done.
 *
 *   WRITER_ANSWERS_TABLE  key text, the primary key; fingerprint, 64 bits as a signed integer; status
 *                         integer; body text; expires_ms 64 bits, indexed
 *   WRITER_COUNT_TABLE    SQLite only: id 1, count: the transactions that were committed
 *
 * Lifetime: a plan is one arena and needs the definition no longer.
 * Thread-safety: none; a plan has one owner.
 */
#ifndef VITRINE_SOURCE_PREPARE_SQL_H
#define VITRINE_SOURCE_PREPARE_SQL_H

#include "base/arena.h"
#include "definition/definition.h"

struct prepare_step {
    const char *what; /* for messages: "table cart_items" */
    const char
        *check;      /* a SELECT of one row and one column: 1 or 't' when there is nothing to do */
    const char *sql; /* otherwise these statements, separated by semicolons; "" for none */
};

struct prepare_plan {
    struct arena arena;
    struct prepare_step *steps;
    unsigned step_count;
};

/* Never NULL; the caller frees it. */
struct prepare_plan *prepare_plan_make(const struct definition *definition,
                                       enum sql_dialect dialect);
void prepare_plan_free(struct prepare_plan *plan); /* accepts NULL */

#endif
