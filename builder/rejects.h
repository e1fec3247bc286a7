/*
 * The rejects file: what an import did not take, and why, as CSV (file,line,reason,record).
 *
 * The record is the rejected text byte for byte, quoted, so that it can be mended and imported
 * again. The lines of one table are its section; the source keeps them too, so that an import that
 * goes on writes the file as one that was never cut short.
 *
 * Thread-safety: one owner.
 * Errors: ERR_SYSTEM; a failed write is reported at the latest by rejects_close.
 */
#ifndef VITRINE_BUILDER_REJECTS_H
#define VITRINE_BUILDER_REJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct rejects;

/* Starts the file anew with its header. */
MUST_CHECK enum err rejects_open(const char *path, struct rejects **out, struct errmsg *msg);

/* What REJECTS_KEPT_MAX is for: sections larger than this are not kept. */
enum { REJECTS_KEPT_MAX = 16 << 20 /* bytes */ };

/* A table's section begins. */
void rejects_begin(struct rejects *rejects);

void rejects_add(struct rejects *rejects, struct slice file, uint64_t line, const char *reason,
                 struct slice record);

/* The section so far, until the next call; false when it is larger than what is kept. */
bool rejects_section(const struct rejects *rejects, struct slice *out);

/* Writes the section of a table that was loaded before. */
void rejects_add_section(struct rejects *rejects, struct slice section);

/* Closes and frees; accepts NULL. */
MUST_CHECK enum err rejects_close(struct rejects *rejects, struct errmsg *msg);

#endif
