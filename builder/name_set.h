/*
 * The names that a map has so far, by their hashes.
 *
 * Good for: maps of any size in one pass. Two names with one 64-bit hash count as one, which a map of
 * a million names meets once in 10^7 maps.
 * Lifetime: memory of the arena that is given; begin with all zeros.
 */
#ifndef VITRINE_BUILDER_NAME_SET_H
#define VITRINE_BUILDER_NAME_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

struct name_set {
    uint64_t *hashes; /* 0: a free slot */
    unsigned count;
    unsigned room; /* a power of two, at least twice the count */
};

/* Adds a name; false when it was there. */
bool name_set_add(struct name_set *set, struct arena *arena, struct slice name);

#endif
