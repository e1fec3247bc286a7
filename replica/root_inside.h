/*
 * The inside of a root, shared by root_change.c, root_operator.c, root_offer.c and root_retire.c: a
 * change of what is remembered, and of `current`.
 *
 *   change_begin, then changes to `state`, then change_commit; change_end in any case
 */
#ifndef VITRINE_REPLICA_ROOT_INSIDE_H
#define VITRINE_REPLICA_ROOT_INSIDE_H

#include "base/err.h"
#include "replica/root_state.h"

struct change {
    const char *root;
    int lock_fd;
    struct root_state state; /* to be changed between begin and commit */
    char *path;              /* of state.json */
    struct buffer before;    /* what it held; empty: there was none */
};

/* Takes ROOT/.state-lock; closing *FD gives it back. ERR_SYSTEM after ROOT_LOCK_WAIT_MS. */
MUST_CHECK enum err root_lock(const char *root, int *fd, struct errmsg *msg);

/* Takes the lock and reads the state. */
MUST_CHECK enum err change_begin(struct change *change, const char *root, struct errmsg *msg);

/*
 * Writes the state, then has `current` lead to release *NUMBER, unless that is NULL; how high that is
 * is remembered. After an error both are as they were.
 */
MUST_CHECK enum err change_commit(struct change *change, const uint64_t *number,
                                  struct errmsg *msg);

/* Gives back the lock and the memory, also after change_begin failed. */
void change_end(struct change *change);

/* Remembers release NUMBER as it is now, unless the same is remembered of it already. */
MUST_CHECK enum err change_mark(struct change *change, enum mark_kind kind, uint64_t number,
                                const char *reason, struct errmsg *msg);

/* The same of release NUMBER with this content, whether or not it is here. */
void change_mark_content(struct change *change, enum mark_kind kind, uint64_t number,
                         uint64_t content_hash, const char *reason);

/* The highest number of a release that is or ever was the current one; 0: none was. */
uint64_t change_highest(const struct change *change);

/* ERR_REFUSED when the root is pinned to another release than NUMBER. */
MUST_CHECK enum err change_check_pin(const struct change *change, uint64_t number,
                                     struct errmsg *msg);

#endif
