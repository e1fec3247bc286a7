/*
 * Requests to try first, made from the routes of a definition.
 */
#ifndef VITRINE_COMMANDS_EXAMPLES_H
#define VITRINE_COMMANDS_EXAMPLES_H

#include "base/buffer.h"
#include "definition/definition.h"

enum { EXAMPLES_MAX = 3 };

/*
 * The indexes of up to EXAMPLES_MAX routes: the first of each first path segment, then, when those
 * are too few, the others, in the order of the definition. Returns how many.
 */
unsigned examples_pick(const struct definition *definition, unsigned *routes);

/* Appends path and query of a request to ROUTE: key 1, or the pattern where the key is a text. */
void examples_write(const struct route *route, struct buffer *out);

/* Whether that is a pattern: only who knows a key can send the request. */
bool examples_is_pattern(const struct route *route);

#endif
