/*
 * What the fault tests work on: a root in memory (or in /tmp) with a source made from assets/library.
 *
 * Lifetime: library_make .. library_remove. Every failure in here ends the test.
 */
#ifndef VITRINE_TESTS_FAULT_LIBRARY_H
#define VITRINE_TESTS_FAULT_LIBRARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "replica/reader.h"
#include "replica/signing_key.h"

struct library {
    char folder[64];
    char definition[512]; /* path of assets/library/definition.yaml */
    char url[128];        /* of the source that is built from */
    char root[96];
    bool is_delta;           /* builds change copies of the release before */
    struct signing_key *key; /* that releases are signed with */
};

/*
 * Imports books and authors of assets/library, and its loans, to which the branch "Overdue" is
 * added with BRANCH_LOANS loans more.
 */
void library_make(struct library *library, unsigned branch_loans);
void library_remove(struct library *library);

/*
 * Makes another source of LIBRARY beside the first, in which little is different: rows and keys that
 * are new, gone or changed, and the branch "Overdue" has no more than 240 loans. Writes its URL to
 * URL, which has room for as much as library->url.
 */
void library_make_other(const struct library *library, char *url, size_t size);

/* Builds with `force`, keeping two releases, whether they shrank or not. */
enum err library_build(const struct library *library, uint64_t *number, struct errmsg *msg);

/* The path of the current release, on the heap. */
char *library_current(const struct library *library);

/* The keys of every collection, as the source has them. */
struct library_keys {
    struct arena arena;
    struct key *keys[8]; /* by collection */
    unsigned counts[8];
};

void library_find_keys(const struct library *library, struct library_keys *out);
void library_keys_free(struct library_keys *keys);

/*
 * Reads every row of KEYS in every order and every key of every listing, of those that are in FILE
 * ("loans/0001.db", "books/newest.listing.db"), or all when it is NULL: *HASH is over all values and
 * *ROWS counts the rows. An error is the first that a read gave; reading went on behind it.
 */
enum err library_read(struct release *release, const struct library_keys *keys, const char *file,
                      uint64_t *hash, uint64_t *rows, struct errmsg *msg);

/*
 * The part of a release that is in one file, so that a reader opens no other. It points into the
 * whole, owns nothing and is not dropped.
 */
struct library_narrow {
    struct manifest manifest;
    struct collection collection;
    struct definition definition;
    struct release release;
    struct library_keys keys;
};

void library_narrow(const struct release *whole, const struct library_keys *keys,
                    struct manifest_file *file, struct library_narrow *out);

#endif
