/*
 * A root: the folder that holds releases, the link to the one that is served, and what is remembered
 * of those that are not to be.
 *
 *   ROOT/releases/000042/...      immutable
 *   ROOT/releases/.retiring-41    a release on its way out
 *   ROOT/current -> releases/000042
 *   ROOT/state.json               the pin, refused and rolled-back releases, the highest number that
 *                                 was ever current (root_state.h)
 *   ROOT/.state-lock              held while state.json and `current` change
 *   ROOT/.build-lock              held while a release is built or pulled
 *
 * An operator asks by root_activate, root_roll_back and root_pin, after verifying the release.
 * Whatever runs by itself (a build, a pull) asks by root_offer, which heeds what an operator wanted.
 *
 * Thread-safety: no state in memory. Several processes may work in one root: a change holds the lock,
 * for which ROOT_LOCK_WAIT_MS are waited, and lasts as long as a few small writes take.
 * Errors: ERR_SYSTEM, ERR_CORRUPT (state.json cannot be understood). After an error state.json and
 * `current` are as they were. A kill between the two leaves state.json new and `current` as it was.
 */
#ifndef VITRINE_REPLICA_ROOT_H
#define VITRINE_REPLICA_ROOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { ROOT_LOCK_WAIT_MS = 10000 };

/* Why a release is not activated by itself. */
enum root_hold {
    HOLD_NONE,
    HOLD_OLDER, /* than one that is or was the current one */
    HOLD_REFUSED,
    HOLD_ROLLED_BACK, /* it, or another one with the same content */
    HOLD_PINNED,
};

/* ---- looking ---- */

/* The folder that ROOT/current leads to, on the heap. ERR_NOT_FOUND, with what to do, without one. */
MUST_CHECK enum err root_current(const char *root, char **dir, struct errmsg *msg);

/* The number of that release; false when there is none, or the link leads out of ROOT/releases. */
bool root_current_number(const char *root, uint64_t *number);

/* The folder of release NUMBER, on the heap, whether it is there or not. */
char *root_release_dir(const char *root, uint64_t number);

/*
 * The content hash in the manifest of release NUMBER; 0 when that is damaged or missing. ERR_SYSTEM when
 * it could not be read.
 */
MUST_CHECK enum err root_content(const char *root, uint64_t number, uint64_t *hash,
                                 struct errmsg *msg);

/* The numbers of all complete releases in ROOT, ascending, on the heap. */
MUST_CHECK enum err root_releases(const char *root, uint64_t **numbers, unsigned *count,
                                  struct errmsg *msg);

/*
 * The folder of the newest release when it is held back on purpose: it is not the current one
 * because the root is pinned or it was rolled back. ERR_NOT_FOUND when nothing is held back.
 */
MUST_CHECK enum err root_held_back(const char *root, char **dir, struct errmsg *msg);

/*
 * The highest number of a release that is or ever was the current one; 0: none was. A signature does
 * not grow old: whoever can answer in the builder's place can offer a release of last year again. So
 * what runs by itself does not go below this number. A person may.
 */
MUST_CHECK enum err root_highest(const char *root, uint64_t *number, struct errmsg *msg);

/* ---- what an operator asks ---- */

/*
 * Points ROOT/current at release NUMBER, in one step and durably, and forgets that it was refused or
 * rolled back. ERR_REFUSED while the root is pinned to another one.
 */
MUST_CHECK enum err root_activate(const char *root, uint64_t number, struct errmsg *msg);

/*
 * The same for release TO, and remembers FROM, the current one, as rolled back for REASON.
 * ERR_REFUSED while the root is pinned, and when FROM is the current one no longer.
 */
MUST_CHECK enum err root_roll_back(const char *root, uint64_t from, uint64_t to, const char *reason,
                                   struct errmsg *msg);

/* Makes release NUMBER the current one, keeps it, and has root_offer leave it so. One a root. */
MUST_CHECK enum err root_pin(const char *root, uint64_t number, struct errmsg *msg);

/* Ends that; *WAS_PINNED is false when there was no pin. */
MUST_CHECK enum err root_unpin(const char *root, bool *was_pinned, uint64_t *number,
                               struct errmsg *msg);

/* ---- what happens by itself ---- */

/*
 * Takes ROOT/.build-lock; closing *FD gives it back. ERR_SYSTEM when somebody else is at work, for longer
 * than an rsync needs to end whose pull was killed: what is started while *FD is open holds the lock, too.
 */
MUST_CHECK enum err root_begin_work(const char *root, int *fd, struct errmsg *msg);

/*
 * Makes release NUMBER the current one, unless the root is pinned, a higher number was ever current,
 * the release was refused, or one with the same content was rolled back: then *IS_ACTIVE is false and
 * MSG says why.
 */
MUST_CHECK enum err root_offer(const char *root, uint64_t number, bool *is_active,
                               struct errmsg *msg);

/*
 * Why root_offer would not activate release NUMBER with this content, which may not be here yet; MSG
 * says it in words.
 */
MUST_CHECK enum err root_holds(const char *root, uint64_t number, uint64_t content_hash,
                               enum root_hold *hold, struct errmsg *msg);

/* Remembers the release in DIR, a folder of ROOT/releases, as refused; nothing for other folders. */
MUST_CHECK enum err root_refuse(const char *root, const char *dir, const char *reason,
                                struct errmsg *msg);

/* The same of release NUMBER with this content, which never got a folder here. */
MUST_CHECK enum err root_refuse_content(const char *root, uint64_t number, uint64_t content_hash,
                                        const char *reason, struct errmsg *msg);

/* Forgets that it was: it has been mended. */
MUST_CHECK enum err root_forgive(const char *root, const char *dir, struct errmsg *msg);

/*
 * Removes releases beyond the KEEP newest; those that were refused or rolled back are counted apart.
 * The current one, the pinned one, and any that a process has open (release.h) stay.
 */
MUST_CHECK enum err root_retire(const char *root, unsigned keep, struct errmsg *msg);

#endif
