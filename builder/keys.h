/*
 * The keys within a range that a collection's `keys` SELECT yields, ascending, so that keys without
 * rows are known too.
 */
#ifndef VITRINE_BUILDER_KEYS_H
#define VITRINE_BUILDER_KEYS_H

#include "builder/key_range.h"
#include "definition/definition.h"
#include "replica/reader.h"
#include "source/source.h"

struct keys;

/* A collection without `keys` gets an empty stream. */
MUST_CHECK enum err keys_open(struct source *source, const struct collection *collection,
                              const struct key_range *range, struct keys **out, struct errmsg *msg);
void keys_close(struct keys *keys); /* accepts NULL */

/*
 * The next key that is below LIMIT (any, when LIMIT is NULL), once each, or NULL. A key equal to
 * LIMIT is skipped. *KEY lives until the next call. ERR_INPUT when keys do not ascend.
 */
MUST_CHECK enum err keys_before(struct keys *keys, const struct key *limit, const struct key **key,
                                struct errmsg *msg);

/* Reads VALUE as a key of COLLECTION; ERR_REFUSED when it is null, ERR_INPUT when of another type. */
MUST_CHECK enum err key_read(const struct collection *collection, const struct value *value,
                             struct key *out, struct errmsg *msg);

/* The complaint about ROW_COUNT rows of COLLECTION whose key is null. Returns ERR_REFUSED. */
enum err key_missing(const struct collection *collection, uint64_t row_count, struct errmsg *msg);

/* The complaint about KEY, which has ROW_COUNT rows where one is meant. Returns ERR_REFUSED. */
enum err key_repeated(const struct key *key, uint64_t row_count, struct errmsg *msg);

/* The complaint about KEY, which is lower than the key before it. Returns ERR_INPUT. */
enum err key_unsorted(const struct key *key, struct errmsg *msg);

/* Keys of one type in ascending order: <0, 0, >0. */
int key_compare(const struct key *a, const struct key *b);

#endif
