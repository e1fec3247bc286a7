#include "service/rate.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/arena.h"

enum { WAYS = 8, SETS = RATE_ADDRESSES / WAYS };

#define NS_A_MS INT64_C(1000000)
#define NS_A_SECOND INT64_C(1000000000)

struct bucket {
    uint64_t key;
    int64_t full_ns; /* when it is full again; 0 in a place that was never used */
};

struct rate_table {
    pthread_mutex_t mutex; /* over `sets` */
    int64_t token_ns;      /* a token comes */
    int64_t burst_ns;      /* an empty bucket is full */
    uint64_t seed;         /* which addresses share a set is nobody's to know */
    struct bucket sets[SETS][WAYS];
};

struct rate_table *rate_table_make(unsigned per_second, unsigned burst)
{
    struct rate_table *table = memory_calloc(1, sizeof *table);

    pthread_mutex_init(&table->mutex, NULL);
    table->token_ns = NS_A_SECOND / per_second;
    table->burst_ns = table->token_ns * burst;
    if (getrandom(&table->seed, sizeof table->seed, 0) != sizeof table->seed) {
        table->seed = (uint64_t)(uintptr_t)table; /* addresses are random, too */
    }
    return table;
}

void rate_table_free(struct rate_table *table)
{
    if (table != NULL) {
        pthread_mutex_destroy(&table->mutex);
        free(table);
    }
}

/* The bucket of KEY, or the one in its set that is full first, which is KEY's from now on. */
static struct bucket *bucket_of(struct rate_table *table, uint64_t key)
{
    struct bucket *set = table->sets[address_key_mix(key, table->seed) % SETS];
    struct bucket *first = set;

    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        if (set[i].full_ns < first->full_ns) {
            first = &set[i];
        }
    }
    *first = (struct bucket){.key = key};
    return first;
}

bool rate_take(struct rate_table *table, const struct address *address, int64_t now_ms,
               unsigned *retry_after_s)
{
    int64_t now_ns = now_ms * NS_A_MS;
    struct bucket *bucket;
    int64_t full_ns;
    bool is_taken;

    pthread_mutex_lock(&table->mutex);
    bucket = bucket_of(table, address_key(address));
    full_ns = (bucket->full_ns > now_ns ? bucket->full_ns : now_ns) + table->token_ns;
    is_taken = full_ns - now_ns <= table->burst_ns;
    if (is_taken) {
        bucket->full_ns = full_ns;
    }
    pthread_mutex_unlock(&table->mutex);
    if (!is_taken) {
        int64_t wait_ns = full_ns - now_ns - table->burst_ns;

        *retry_after_s = (unsigned)((wait_ns + NS_A_SECOND - 1) / NS_A_SECOND);
    }
    return is_taken;
}
