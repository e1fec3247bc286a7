/*
 * Whether the body of an answer is what a definition expects (definition/checks.h).
 *
 * Good for: golden requests, before a release is published; not for the path of a request.
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_EXPECT_H
#define VITRINE_SERVICE_EXPECT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "definition/checks.h"

/*
 * Reads BODY as JSON and compares it. When it is not as expected, appends the first difference to
 * COMPLAINT, with its place: `results[0].days is null, but a number is expected`.
 */
bool expect_holds(const struct expectation *expectation, struct slice body,
                  struct buffer *complaint);

#endif
