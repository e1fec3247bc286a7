/*
 * Random damage to the bytes of a file: bits, runs, pages, truncations, zeroed tails, integers that
 * programs stumble over, insertions. The same seed gives the same damage.
 */
#ifndef VITRINE_TESTS_FAULT_MUTATE_H
#define VITRINE_TESTS_FAULT_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* A copy of a file on its way to be changed; it is not empty. */
struct draft {
    char *bytes;
    size_t size;
    size_t room; /* bytes it may grow to */
};

void random_seed(uint64_t seed);

/* From 0 to LIMIT - 1; LIMIT is not 0. */
size_t random_below(size_t limit);

/* Changes DRAFT in one to three ways; what the first was, and *AT where. It may come out the same. */
const char *mutate(struct draft *draft, size_t *at);

#endif
