#include "service/crowd.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/arena.h"

/* A place in the table; those with the same hash stand one after another, without gaps. */
struct member {
    uint64_t key;   /* address_key */
    uint64_t count; /* 0: the place is free */
};

struct crowd {
    pthread_mutex_t mutex; /* over `members` */
    const struct proxies *proxies;
    unsigned most;
    uint64_t mask; /* places - 1 */
    uint64_t seed; /* which addresses stand together is nobody's to know */
    struct member members[];
};

struct crowd *crowd_make(unsigned most, unsigned total, const struct proxies *proxies)
{
    uint64_t places = 16;
    struct crowd *crowd;

    while (places < 2 * (uint64_t)total) {
        places *= 2;
    }
    crowd = memory_calloc(1, sizeof *crowd + places * sizeof crowd->members[0]);
    pthread_mutex_init(&crowd->mutex, NULL);
    crowd->proxies = proxies;
    crowd->most = most;
    crowd->mask = places - 1;
    if (getrandom(&crowd->seed, sizeof crowd->seed, 0) != sizeof crowd->seed) {
        crowd->seed = (uint64_t)(uintptr_t)crowd; /* addresses are random, too */
    }
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    if (crowd != NULL) {
        pthread_mutex_destroy(&crowd->mutex);
        free(crowd);
    }
}

static uint64_t home(const struct crowd *crowd, uint64_t key)
{
    return address_key_mix(key, crowd->seed) & crowd->mask;
}

/* The place of KEY, or the free one where it would be. */
static struct member *find(struct crowd *crowd, uint64_t key)
{
    uint64_t at = home(crowd, key);

    while (crowd->members[at].count > 0 && crowd->members[at].key != key) {
        at = (at + 1) & crowd->mask;
    }
    return &crowd->members[at];
}

/* Closes the gap at HOLE: whoever stands behind it because of it moves up. */
static void close_gap(struct crowd *crowd, uint64_t hole)
{
    for (uint64_t at = (hole + 1) & crowd->mask; crowd->members[at].count > 0;
         at = (at + 1) & crowd->mask) {
        uint64_t from_home = (at - home(crowd, crowd->members[at].key)) & crowd->mask;

        if (from_home >= ((at - hole) & crowd->mask)) {
            crowd->members[hole] = crowd->members[at];
            crowd->members[at].count = 0;
            hole = at;
        }
    }
}

static bool is_many(const struct crowd *crowd, const struct address *address)
{
    return address_is_local(address) || proxies_hold(crowd->proxies, address);
}

bool crowd_enter(struct crowd *crowd, const struct address *address, uint64_t *member)
{
    uint64_t key = address_key(address);
    struct member *found;
    bool may_enter;

    *member = 0;
    if (key == 0 || is_many(crowd, address)) {
        return true;
    }
    pthread_mutex_lock(&crowd->mutex);
    found = find(crowd, key);
    may_enter = found->count < crowd->most;
    if (may_enter) {
        found->key = key;
        found->count++;
        *member = key;
    }
    pthread_mutex_unlock(&crowd->mutex);
    return may_enter;
}

void crowd_leave(struct crowd *crowd, uint64_t member)
{
    struct member *found;

    if (member == 0) {
        return;
    }
    pthread_mutex_lock(&crowd->mutex);
    found = find(crowd, member);
    assert(found->count > 0);
    if (--found->count == 0) {
        close_gap(crowd, (uint64_t)(found - crowd->members));
    }
    pthread_mutex_unlock(&crowd->mutex);
}
