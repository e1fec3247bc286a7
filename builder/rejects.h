/*
 * The rejects file: what an import did not take, and why, as CSV (file,line,reason,record).
 *
 * The record is the rejected text byte for byte, quoted, so that it can be mended and imported
 * again.
 *
 * Thread-safety: one owner.
 * Errors: ERR_SYSTEM; a failed write is reported at the latest by rejects_close.
 */
#ifndef VITRINE_BUILDER_REJECTS_H
#define VITRINE_BUILDER_REJECTS_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct rejects;

/* Starts the file anew with its header. */
MUST_CHECK enum err rejects_open(const char *path, struct rejects **out, struct errmsg *msg);

void rejects_add(struct rejects *rejects, struct slice file, uint64_t line, const char *reason,
                 struct slice record);

/* Closes and frees; accepts NULL. */
MUST_CHECK enum err rejects_close(struct rejects *rejects, struct errmsg *msg);

#endif
