#include "base/suggest.h"

enum { SHORT_NAME = 5 }; /* of fewer letters: the first one says much */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment over three rows of the usual table. */
static unsigned edit_distance(struct slice a, struct slice b)
{
    unsigned rows[3][SUGGEST_NAME_MAX + 1];

    if (a.len > SUGGEST_NAME_MAX || b.len > SUGGEST_NAME_MAX) {
        return (unsigned)(a.len > b.len ? a.len : b.len);
    }
    for (unsigned j = 0; j <= b.len; j++) {
        rows[0][j] = j;
    }
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *before = rows[(i + 2) % 3];
        const unsigned *two_before = rows[(i + 1) % 3];

        now[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            bool same = a.ptr[i - 1] == b.ptr[j - 1];

            now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + !same);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1]) {
                now[j] = least(now[j], two_before[j - 2] + 1);
            }
        }
    }
    return rows[a.len % 3][b.len];
}

bool suggest_is_near(struct slice given, struct slice candidate, unsigned *distance)
{
    unsigned edits = edit_distance(given, candidate);
    size_t longer = given.len > candidate.len ? given.len : candidate.len;

    if (given.len >= 2 && given.len < candidate.len &&
        memcmp(given.ptr, candidate.ptr, given.len) == 0) {
        *distance = 1;
        return true;
    }
    if (edits > (longer + 2) / 3 || edits >= longer) {
        return false;
    }
    if (longer < SHORT_NAME && edits > 1 && given.ptr[0] != candidate.ptr[0]) {
        return false;
    }
    *distance = edits;
    return true;
}
