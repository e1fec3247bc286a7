/*
 * A scalar is one typed value: how it is read from the source, held in a column vector, and written
 * in an answer.
 *
 *   type        from the source                   held as                  in an answer
 *   integer     integer, text of one              int64                    5
 *   boolean     boolean, 0/1, "t"/"f" ...         int64 0 or 1             true
 *   timestamp   integer ms, ISO 8601 text         int64 ms since 1970      "2020-07-30T03:41:21.467Z"
 *   decimal     integer, text, real               int64 * 10^scale         "140.00"
 *   number      integer, real, text               int64 bits of the double 0.25
 *   ratio       two integers: total and count     int64 * 10^scale         "3.1818181818181818"
 *   text        text                              bytes, JSON-escaped      "text"
 *
 * `text: true` puts integers, booleans and numbers between quotes in answers.
 */
#ifndef VITRINE_DEFINITION_SCALAR_H
#define VITRINE_DEFINITION_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"

enum scalar_type {
    SCALAR_INTEGER,
    SCALAR_BOOLEAN,
    SCALAR_TIMESTAMP,
    SCALAR_DECIMAL,
    SCALAR_NUMBER,
    SCALAR_RATIO,
    SCALAR_TEXT,
};

struct scalar {
    enum scalar_type type;
    uint8_t scale;  /* decimal and ratio: digits after the point, at most DECIMAL_SCALE_MAX */
    bool is_quoted; /* `text: true` */
};

/* What a source hands over for one column of one row. */
enum value_type { VALUE_NULL, VALUE_INTEGER, VALUE_REAL, VALUE_TEXT };

struct value {
    enum value_type type;
    int64_t integer;
    double real;
    struct slice text; /* owned by whoever produced the row */
};

/* The name of a type as the definition writes it. */
const char *scalar_type_name(enum scalar_type type);

/* Whether values of this type are held as bytes; otherwise as int64. */
static inline bool scalar_is_text(const struct scalar *scalar)
{
    return scalar->type == SCALAR_TEXT;
}

/*
 * VALUE (not null, not for text or ratio) as the int64 that is held. ERR_INPUT says what it is and
 * what it should be: `"abc" is not an integer`.
 */
MUST_CHECK enum err scalar_from_value(const struct scalar *scalar, const struct value *value,
                                      int64_t *out, struct errmsg *msg);

enum { SCALAR_JSON_MAX = 40 }; /* bytes that scalar_write needs at most */

/* Writes a held int64 as JSON at P; returns the bytes written. Not for text. */
unsigned scalar_write(char *p, const struct scalar *scalar, int64_t held);

/* Appends a held int64 as JSON. Not for text. */
void scalar_append(struct buffer *out, const struct scalar *scalar, int64_t held);

#endif
