/*
 * Another program, run to its end while we watch: an argument vector and no shell, what it prints
 * given to the caller piece by piece.
 *
 * The child is asked to end (SIGTERM) when this process dies, when interrupt_requested() says so, and
 * when it read nothing for as long as it may; one that does not listen is killed. When it has ended, what
 * it left in its process group is killed, too. Its standard input is empty.
 *
 * A SIGCHLD that is ignored is set to its default: the end of a child could not be told otherwise.
 * Thread-safety: no state; the child dies with the thread that runs it.
 */
#ifndef VITRINE_BASE_PROCESS_H
#define VITRINE_BASE_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* A piece of what the child printed, in order; each stream has its own callback. */
typedef void (*process_output)(void *context, struct slice bytes);

struct process {
    const char *const *arguments; /* NULL-terminated; [0] is looked up in PATH */
    process_output on_stdout;
    process_output on_stderr;
    void *context;
    int64_t silence_ms; /* it and what it started may read nothing for so long; 0: for ever */
};

/* Instead of a status of wait(2), which is never negative: it was ended, for its silence. */
enum { PROCESS_SILENT = -1 };

/*
 * Runs it; *STATUS is as of wait(2), or PROCESS_SILENT. The locale of the child is C. ERR_NOT_FOUND
 * when there is no such program, ERR_SYSTEM when it cannot be started, ERR_INTERRUPTED when it was ended
 * for us.
 */
MUST_CHECK enum err process_run(const struct process *process, int *status, struct errmsg *msg);

/* "exit code 1", "signal 9 (Killed)" for a status of wait(2), into TEXT; returns TEXT. */
const char *process_describe_end(int status, char *text, size_t size);

#endif
