/*
 * What a root remembers: ROOT/state.json, for people to read and for programs to change by root.h.
 *
 *   {"vitrine": "root", "version": 1,
 *    "highest": 42, "pinned": 41,
 *    "marks": [{"release": 42, "content": "00d4...", "mark": "rolled back",
 *               "at": "2026-11-21T02:30:00.000Z", "reason": "prices are zero"}]}
 *
 * The file is replaced as a whole; it may be missing, which means that nothing is remembered.
 * Thread-safety: none; a state belongs to its reader, who calls root_state_free.
 */
#ifndef VITRINE_REPLICA_ROOT_STATE_H
#define VITRINE_REPLICA_ROOT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"

enum {
    ROOT_MARKS_MAX = 64, /* beyond it the oldest is forgotten */
    ROOT_REASON_MAX = 500,
    ROOT_STATE_SIZE_MAX = 1 << 20,
};

enum mark_kind { MARK_REFUSED, MARK_ROLLED_BACK };

/* A release that is not to be activated by itself. */
struct root_mark {
    enum mark_kind kind;
    uint64_t number;
    uint64_t content_hash; /* as in its manifest; 0: that could not be read */
    int64_t at_ms;         /* since 1970 */
    struct slice reason;
};

struct root_state {
    struct arena arena;
    uint64_t highest; /* of the numbers of releases that were ever the current one; 0: none was */
    bool is_pinned;
    uint64_t pinned;
    struct root_mark marks[ROOT_MARKS_MAX]; /* the oldest first */
    unsigned mark_count;
};

/* ERR_CORRUPT, with what to do, when the file cannot be understood. */
MUST_CHECK enum err root_state_read(const char *root, struct root_state *out, struct errmsg *msg);
void root_state_free(struct root_state *state);

/* PATH is what messages call TEXT; an empty TEXT is an empty state. */
MUST_CHECK enum err root_state_parse(const char *path, struct slice text, struct root_state *out,
                                     struct errmsg *msg);
void root_state_write(const struct root_state *state, struct buffer *out);

/* "refused", "rolled back" */
const char *mark_name(enum mark_kind kind);

/* The mark of a release, or NULL: number and content must both be the same. */
const struct root_mark *root_state_mark(const struct root_state *state, uint64_t number,
                                        uint64_t content_hash);

/* Whether a release with this content was rolled back, whatever its number. */
const struct root_mark *root_state_rolled_back(const struct root_state *state,
                                               uint64_t content_hash);

/* Adds MARK, in place of another one of the same release; its reason is copied, cut and made UTF-8. */
void root_state_add(struct root_state *state, struct root_mark mark);
void root_state_remove(struct root_state *state, uint64_t number, uint64_t content_hash);

#endif
