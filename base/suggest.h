/*
 * "Did you mean": the known name that is nearest to what somebody typed.
 *
 * Good for: options, commands and members of a definition.
 * Under the hood: edit distance, where two letters that changed places count once.
 * Thread-safety: no state.
 */
#ifndef VITRINE_BASE_SUGGEST_H
#define VITRINE_BASE_SUGGEST_H

#include "base/slice.h"

enum { SUGGEST_NAME_MAX = 63 }; /* bytes; longer names are never near */

/*
 * Whether CANDIDATE is near enough to GIVEN to be offered: a prefix of at least two letters, or a
 * third of the letters wrong at most; of up to four letters one only, unless the first is right.
 * The smaller *DISTANCE is the better offer; written when true.
 */
bool suggest_is_near(struct slice given, struct slice candidate, unsigned *distance);

#endif
