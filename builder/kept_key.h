/*
 * A key that outlives the row that it came with: rows, and what their values point to, are gone with
 * the next one.
 */
#ifndef VITRINE_BUILDER_KEPT_KEY_H
#define VITRINE_BUILDER_KEPT_KEY_H

#include <stdbool.h>

#include "base/buffer.h"
#include "replica/reader.h"

struct kept_key {
    bool is_set;
    struct key key; /* its text is in `text` */
    struct buffer text;
};

void kept_key_init(struct kept_key *kept);
void kept_key_free(struct kept_key *kept);

/* Copies KEY, which does not point into KEPT. */
void kept_key_set(struct kept_key *kept, const struct key *key);

#endif
