#include "builder/name_set.h"

#include <xxhash.h>

static void place_hash(struct name_set *set, uint64_t hash)
{
    unsigned slot = (unsigned)hash & (set->room - 1);

    while (set->hashes[slot] != 0) {
        slot = (slot + 1) & (set->room - 1);
    }
    set->hashes[slot] = hash;
    set->count++;
}

bool name_set_add(struct name_set *set, struct arena *arena, struct slice name)
{
    uint64_t hash = XXH3_64bits(name.ptr, name.len) | 1; /* 0 marks a free slot */

    if (set->count * 2 >= set->room) {
        struct name_set larger = {.room = set->room == 0 ? 16 : set->room * 4};

        larger.hashes = arena_calloc(arena, larger.room, sizeof *larger.hashes);
        for (unsigned i = 0; i < set->room; i++) {
            if (set->hashes[i] != 0) {
                place_hash(&larger, set->hashes[i]);
            }
        }
        *set = larger;
    }
    for (unsigned slot = (unsigned)hash & (set->room - 1); set->hashes[slot] != 0;
         slot = (slot + 1) & (set->room - 1)) {
        if (set->hashes[slot] == hash) {
            return false;
        }
    }
    place_hash(set, hash);
    return true;
}
