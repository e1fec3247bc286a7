/*
 * Durable file operations: after any of these returned ERR_NONE, a crash keeps what it promised.
 *
 * Errors: ERR_SYSTEM with the path and the reason, unless a function says otherwise.
 * Thread-safety: no state.
 */
#ifndef VITRINE_BASE_FILE_H
#define VITRINE_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"

/* Appends the whole file to OUT; ERR_LIMIT when it is larger than what OUT may still take. */
MUST_CHECK enum err file_read(const char *path, struct buffer *out, struct errmsg *msg);

/* Writes PATH through a temporary neighbour, fsync and rename: old content or new, never a mix. */
MUST_CHECK enum err file_write(const char *path, struct slice content, struct errmsg *msg);

/* fsync of a file, and of a directory so that names in it survive. */
MUST_CHECK enum err file_sync(const char *path, struct errmsg *msg);
MUST_CHECK enum err dir_sync(const char *path, struct errmsg *msg);

/* Makes PATH and its missing parents, mode 0755; an existing directory is fine. */
MUST_CHECK enum err dir_make(const char *path, struct errmsg *msg);

/* Removes PATH and all below it; symbolic links are removed, not followed. A missing PATH is fine. */
MUST_CHECK enum err dir_remove(const char *path, struct errmsg *msg);

/* rename(2) of OLD_PATH to NEW_PATH and fsync of the directory that holds NEW_PATH. */
MUST_CHECK enum err file_rename(const char *old_path, const char *new_path, struct errmsg *msg);

/*
 * Makes LINK_PATH a symbolic link to TARGET, in one step also when LINK_PATH is one already. Temporary
 * links beside it, of processes of this machine that were killed here, are removed.
 */
MUST_CHECK enum err link_replace(const char *target, const char *link_path, struct errmsg *msg);

/* What the symbolic link PATH says, on the heap; NULL, with errno, when there is no such link. */
char *link_read(const char *path);

/*
 * flock(2) of FD, exclusively, waiting up to PATIENCE_MS or until an interrupt is requested: 0, or -1
 * with errno. Pauses are counted, not the clock: a machine that stands still takes one at most.
 */
int file_lock(int fd, int64_t patience_ms);

/* Also when PATH cannot be looked at: who goes on with it learns why, and nothing is taken for missing. */
bool file_exists(const char *path);

/* Bytes of a file. */
MUST_CHECK enum err file_size(const char *path, uint64_t *size_bytes, struct errmsg *msg);

/* "DIR/NAME" on the heap; the caller frees it. NAME is a printf format. */
char *path_join(const char *dir, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
