/*
 * mutate: requests that are nearly right, from a seed.
 *
 * Good for: reaching what lies behind the parser as well as the parser. Each is one of a few good requests
 * with a change or more: mostly of bytes within a target, a value or a body, so that the request is still
 * one; now and then anywhere, or with a word that parsers disagree about.
 * The same seed makes the same requests. Thread-safety: none; one owner.
 */
#ifndef VITRINE_BENCH_ABUSE_MUTATE_H
#define VITRINE_BENCH_ABUSE_MUTATE_H

#include <stddef.h>
#include <stdint.h>

enum { MUTATE_SIZE_MAX = 4096 };

struct mutator {
    uint64_t state; /* never 0 */
};

void mutator_init(struct mutator *mutator, uint64_t seed);

/* A number below LIMIT, which is not 0. */
unsigned mutator_below(struct mutator *mutator, unsigned limit);

/* Writes the next request to OUT, of MUTATE_SIZE_MAX bytes: its size. */
size_t mutator_next(struct mutator *mutator, char *out);

#endif
