/*
 * The access log: a file, or standard output, that a thread of its own writes.
 *
 * Good for: loops, which hand over many lines at once and never wait for the disk. What a disk does not
 * take in time, beyond ACCESS_LOG_WAITING_MAX, is dropped and counted. Where the disk became full within a
 * line, or a process before was killed there, the next line begins on a line of its own.
 * Lifetime: access_log_open; access_log_close after the last access_log_add.
 * Thread-safety: access_log_add, access_log_reopen and access_log_look may be called from any thread.
 */
#ifndef VITRINE_SERVICE_ACCESS_LOG_H
#define VITRINE_SERVICE_ACCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"

enum {
    ACCESS_LOG_WAITING_MAX = 8 << 20, /* bytes that wait for the thread */
    ACCESS_LOG_CLOSE_MS = 2000,       /* for what is left at the end */
};

struct access_log_options {
    const char *path; /* "-": standard output */
    bool is_json;     /* otherwise key=value */
    unsigned sample;  /* one line in so many requests; failed ones always have theirs */
};

struct access_log;

/* OPTIONS is copied, its path is not. */
MUST_CHECK enum err access_log_open(const struct access_log_options *options,
                                    struct access_log **out, struct errmsg *msg);

const struct access_log_options *access_log_options(const struct access_log *log);

/* Takes over the memory of TEXT, which holds LINE_COUNT lines; it is empty then. */
void access_log_add(struct access_log *log, struct buffer *text, uint64_t line_count);

/* Counts lines that there was no room for elsewhere. */
void access_log_drop(struct access_log *log, uint64_t line_count);

/* Opens the path again, soon: the file was renamed. */
void access_log_reopen(struct access_log *log);

/* Lines that were written, and that were dropped. */
void access_log_look(struct access_log *log, uint64_t *written, uint64_t *dropped);

/*
 * Writes what waits, as far as that goes within ACCESS_LOG_CLOSE_MS; accepts NULL. A thread that hangs in a
 * write longer than that is left behind with its memory: the process is about to end.
 */
void access_log_close(struct access_log *log);

#endif
