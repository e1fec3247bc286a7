/*
 * The words of messages: values as they were written, and what the writer may have meant.
 *
 *   err_set(msg, ERR_INPUT, "%s is not an integer", wording_quote(text).text);
 */
#ifndef VITRINE_DEFINITION_WORDING_H
#define VITRINE_DEFINITION_WORDING_H

#include "base/buffer.h"
#include "base/slice.h"

enum { WORDING_QUOTE_MAX = 40 }; /* bytes of a value that a message shows */

/* Room for quotes, escapes, "..." and a NUL. */
struct wording {
    char text[WORDING_QUOTE_MAX * 6 + 8];
};

/* TEXT between double quotes, escaped as in JSON; longer ones are cut and end in "...". */
struct wording wording_quote(struct slice text);

/* Appends `did you mean "NAME"?` when one is near, otherwise "write one of A, B, C". */
void wording_advice(struct buffer *out, struct slice wrong, const struct slice *names,
                    unsigned count);

#endif
