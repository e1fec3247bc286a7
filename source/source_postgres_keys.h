/*
 * The primary keys that a load has seen, so that a second record with a key is refused before COPY,
 * which would refuse the whole table.
 *
 * Under the hood: one hash table of 16-byte slots. An integer key is one bit of a slot that stands
 * for 64 neighbours, so dense keys take 2 to 4 bits each and scattered ones some 21 to 43 bytes; any
 * other key is the 127 bits of its hash. At most `slots_max` slots are made (256 MiB): room for
 * 800 million dense keys or 12 million others. Beyond that keys are no longer remembered, and the
 * primary key itself, made after the load, finds what is there twice.
 *
 * Thread-safety: none; one owner.
 */
#ifndef VITRINE_SOURCE_SOURCE_POSTGRES_KEYS_H
#define VITRINE_SOURCE_SOURCE_POSTGRES_KEYS_H

#include "definition/scalar.h"

enum { KEY_SLOTS_MAX = 1 << 24 };

struct key_set {
    struct key_slot {
        uint64_t tag;
        uint64_t bits; /* 0: the slot is free */
    } * slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t used;
    size_t slots_max;
    bool is_full; /* a key was not remembered */
};

void key_set_init(struct key_set *set, size_t slots_max);
void key_set_free(struct key_set *set);

/* Remembers KEY, which is not null. False when it was there. */
bool key_set_add(struct key_set *set, const struct value *key);

#endif
