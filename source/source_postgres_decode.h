/*
 * Values of PostgreSQL's binary format as values of a source, by the type of their column:
 *
 *   smallint integer bigint            integer
 *   boolean                            integer 0 or 1
 *   real, double precision             real
 *   numeric                            text, every digit kept
 *   text varchar char(n) name uuid     text
 *   timestamptz timestamp date         integer, ms since 1970, rounded down; without a zone: UTC
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SOURCE_SOURCE_POSTGRES_DECODE_H
#define VITRINE_SOURCE_SOURCE_POSTGRES_DECODE_H

#include <stdint.h>

#include "base/arena.h"
#include "definition/scalar.h"

struct postgres_type {
    uint32_t oid; /* as pg_type has it: the same in every database */
    /*
     * Writes *OUT, which may point into BYTES or ARENA. NULL, or what is wrong with the bytes:
     * "is infinite, which is no point in time".
     */
    const char *(*decode)(struct slice bytes, struct arena *arena, struct value *out);
};

/* NULL for a type that is none of the above. */
const struct postgres_type *postgres_type_find(uint32_t oid);

#endif
