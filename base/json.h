/*
 * Writing JSON (RFC 8259) and checking UTF-8.
 */
#ifndef VITRINE_BASE_JSON_H
#define VITRINE_BASE_JSON_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

/*
 * Appends TEXT (valid UTF-8) as it stands between the quotes of a JSON string: `"`, `\` and control
 * characters are escaped, \b \f \n \r \t by their letters, the others as \u00xx in lower case;
 * everything else is copied.
 */
void json_escape(struct buffer *out, struct slice text);

/* The same with its quotes. */
void json_write_string(struct buffer *out, struct slice text);

/* Whether TEXT is valid UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). */
bool utf8_is_valid(struct slice text);

#endif
