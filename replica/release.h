/*
 * A release that was opened for reading, and the root that holds releases.
 *
 *   ROOT/releases/000042/...   immutable
 *   ROOT/current -> releases/000042
 *
 * Lifetime: counted; release_open gives the first reference, the last release_drop closes.
 * Thread-safety: a release is read-only; any thread may hold and drop references.
 */
#ifndef VITRINE_REPLICA_RELEASE_H
#define VITRINE_REPLICA_RELEASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "definition/definition.h"
#include "replica/manifest.h"

struct release {
    char *dir;
    struct manifest *manifest;
    struct definition *definition; /* the one inside the release */
    atomic_int references;
};

/*
 * Opens the release in DIR: manifest, definition, and that every file is there with its size.
 * With VERIFY every page of every file is hashed as well and compared with the manifest.
 * ERR_CORRUPT names the file and the page; ERR_NOT_FOUND when there is no release in DIR.
 */
MUST_CHECK enum err release_open(const char *dir, bool verify, struct release **out,
                                 struct errmsg *msg);
struct release *release_hold(struct release *release);
void release_drop(struct release *release); /* accepts NULL */

/* The folder that ROOT/current leads to, on the heap. ERR_NOT_FOUND, with what to do, without one. */
MUST_CHECK enum err root_current(const char *root, char **dir, struct errmsg *msg);

/* Points ROOT/current at releases/NAME, in one step and durably. */
MUST_CHECK enum err root_activate(const char *root, const char *name, struct errmsg *msg);

/* The numbers of all complete releases in ROOT, ascending, on the heap. */
MUST_CHECK enum err root_releases(const char *root, uint64_t **numbers, unsigned *count,
                                  struct errmsg *msg);

enum { RELEASE_NAME_LEN = 6 };

/* "000042" for 42; longer when it does not fit. NAME has 24 bytes. */
char *release_name(char *name, uint64_t number);

#endif
