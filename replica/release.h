/*
 * A release that was opened for reading.
 *
 * Lifetime: counted; release_open gives the first reference, the last release_drop closes. As long as
 * it is open, a shared flock on its manifest.json keeps it from being removed by root_retire (root.h).
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
#include "replica/trust.h"

struct release {
    char *dir;
    struct manifest *manifest;
    struct definition *definition; /* the one inside the release */
    uint64_t files;                /* which files had its names when it was opened */
    int lock_fd;                   /* manifest.json, locked shared; -1: not yet */
    atomic_int references;
};

/* What a release must satisfy to be opened; all zero asks for the least. */
struct release_check {
    bool verify;                 /* hash every page of every file, and find no other file */
    const struct trust *trust;   /* signed by one of these keys; NULL or no keys: need not be */
    const char *root;            /* ROOT/trusted.pub counts, too, when it is there; NULL: no root */
    const char *definition_name; /* it is of this definition; NULL: of any */
};

/*
 * Opens the release in DIR: signature, manifest, definition, and that every file is there with its
 * size; with `verify` every page is compared with its hash as well. A folder that is named as a
 * release must hold the release of that number.
 * ERR_CORRUPT names the file and the page, ERR_REFUSED the check that failed (trust, foreign
 * definition); ERR_NOT_FOUND when there is no release in DIR, or it is being removed.
 */
MUST_CHECK enum err release_open(const char *dir, const struct release_check *check,
                                 struct release **out, struct errmsg *msg);

/*
 * The first half of release_open, for a folder that holds no more than manifest.json and
 * manifest.sig yet: believes the manifest only when it passes CHECK.
 */
MUST_CHECK enum err release_read_manifest(const char *dir, const struct release_check *check,
                                          struct manifest **out, struct errmsg *msg);

/*
 * Whether a file was replaced since RELEASE was opened: what is open then is the one before, which may
 * be damaged. A file that is missing is none that replaced another.
 */
bool release_is_replaced(const struct release *release);

struct release *release_hold(struct release *release);
void release_drop(struct release *release); /* accepts NULL */

enum { RELEASE_NAME_MAX = 24 }; /* bytes of a name, its NUL included */

/* Writes "000042" for 42, more digits when six are too few; returns NAME. */
char *release_name(char name[RELEASE_NAME_MAX], uint64_t number);

/* The number that NAME is of; false when no release is called so. */
bool release_number(const char *name, uint64_t *number);

#endif
