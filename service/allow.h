/*
 * The methods that a path has, as header lines.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_ALLOW_H
#define VITRINE_SERVICE_ALLOW_H

#include "definition/definition.h"

enum { ALLOW_LINES_MAX = 320 }; /* bytes with the NUL */

/* "Allow: GET, HEAD, OPTIONS". METHODS: 1 << ROUTE_GET and so on. */
void allow_line(unsigned methods, char out[ALLOW_LINES_MAX]);

/* The same, and what browsers ask before they send a request to another origin. */
void allow_preflight(unsigned methods, char out[ALLOW_LINES_MAX]);

/* All methods that DEFINITION has, on whatever path. */
unsigned allow_all(const struct definition *definition);

#endif
