/*
 * Synthetic text from the vocabulary: sentences, titles, nicknames, e-mail addresses.
 *
 * Each writer puts its bytes at P and returns the place behind them. The text stands as it is
 * within a quoted CSV field. P has room for the most bytes of the text plus GENERATE_TEXT_SLACK,
 * because words are copied in whole registers and a sentence may be written before it is found too
 * long.
 *
 * Lifetime: memory of the arena given. Thread-safety: read-only once made.
 */
#ifndef VITRINE_BUILDER_GENERATE_TEXT_H
#define VITRINE_BUILDER_GENERATE_TEXT_H

#include <stdint.h>

#include "base/arena.h"
#include "builder/generate_random.h"

enum { GENERATE_TEXT_SLACK = 2048, GENERATE_WORD_MAX = 32, GENERATE_NAME_MAX = 64 };

struct vocabulary;

struct vocabulary *vocabulary_new(struct arena *arena);

/* Sentences: at least LEAST bytes, about TARGET, never over MOST; END replaces the last ".". */
struct text_wish {
    size_t least;
    size_t target;
    size_t most;
    struct slice end; /* empty: as the sentence ends */
};
char *text_write(const struct vocabulary *words, struct random *random,
                 const struct text_wish *wish, char *p);

/* COUNT words, each with a capital. */
char *title_write(const struct vocabulary *words, struct random *random, unsigned count, char *p);

char *nickname_write(const struct vocabulary *words, struct random *random, char *p);
char *email_write(const struct vocabulary *words, struct random *random, char *p);

#endif
