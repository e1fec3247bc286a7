#include "source/source_postgres_keys.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/arena.h"

enum { FIRST_SLOTS = 1024 };

void key_set_init(struct key_set *set, size_t slots_max)
{
    *set = (struct key_set){.slots_max = slots_max};
}

void key_set_free(struct key_set *set)
{
    free(set->slots);
}

/* A slot's tag, and the bits that are the key's own in it. */
static struct key_slot slot_of(const struct value *key)
{
    uint64_t integer = (uint64_t)key->integer;
    double real = key->real == 0 ? 0 : key->real; /* -0 is 0 */
    XXH128_hash_t hash;

    if (key->type == VALUE_INTEGER) {
        return (struct key_slot){.tag = integer >> 6, .bits = 1ULL << (integer & 63)};
    }
    hash = key->type == VALUE_REAL ? XXH3_128bits(&real, sizeof real)
                                   : XXH3_128bits(key->text.ptr, key->text.len);
    return (struct key_slot){.tag = hash.low64, .bits = hash.high64 | 1};
}

/* Where TAG is, or the free slot where it belongs. Keys of a set are all integers or none is. */
static struct key_slot *find(const struct key_set *set, const struct key_slot *wanted, bool is_bit)
{
    size_t mask = set->slot_count - 1;
    size_t at = (size_t)((wanted->tag * 0x9e3779b97f4a7c15ULL) >> 20) & mask;

    while (set->slots[at].bits != 0 && (set->slots[at].tag != wanted->tag ||
                                        (!is_bit && set->slots[at].bits != wanted->bits))) {
        at = (at + 1) & mask;
    }
    return &set->slots[at];
}

static void grow(struct key_set *set, bool is_bit)
{
    struct key_set larger = *set;

    larger.slot_count = set->slot_count == 0 ? FIRST_SLOTS : set->slot_count * 2;
    larger.slots = memory_calloc(larger.slot_count, sizeof *larger.slots);
    for (size_t i = 0; i < set->slot_count; i++) {
        if (set->slots[i].bits != 0) {
            *find(&larger, &set->slots[i], is_bit) = set->slots[i];
        }
    }
    free(set->slots);
    *set = larger;
}

/* Three quarters of the slots may be used. */
static bool make_room(struct key_set *set, bool is_bit)
{
    if (set->used < set->slot_count / 4 * 3) {
        return true;
    }
    if (set->slot_count >= set->slots_max) {
        return false;
    }
    grow(set, is_bit);
    return true;
}

bool key_set_add(struct key_set *set, const struct value *key)
{
    struct key_slot wanted = slot_of(key);
    bool is_bit = key->type == VALUE_INTEGER;
    struct key_slot *slot;

    if (set->slot_count == 0) {
        grow(set, is_bit);
    }
    slot = find(set, &wanted, is_bit);
    if ((slot->bits & wanted.bits) == wanted.bits) {
        return false;
    }
    if (slot->bits == 0) {
        if (!make_room(set, is_bit)) {
            set->is_full = true;
            return true;
        }
        slot = find(set, &wanted, is_bit);
        set->used++;
    }
    slot->tag = wanted.tag;
    slot->bits |= wanted.bits;
    return true;
}
