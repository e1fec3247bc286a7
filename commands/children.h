/*
 * Child processes of this same program: started, awaited, restarted, stopped.
 *
 *   child_start   fork and exec of /proc/self/exe; the kernel kills the child when we die
 *   child_reap    notices that it ended
 *   children_stop SIGTERM to all, and SIGKILL to those that are left after a while
 *
 * Thread-safety: one thread, the main one: a child dies with the thread that started it.
 * Signals: children_begin blocks SIGINT, SIGTERM, SIGHUP and SIGCHLD; they are taken by
 * children_wait and by nothing else.
 */
#ifndef VITRINE_COMMANDS_CHILDREN_H
#define VITRINE_COMMANDS_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { CHILD_ARGUMENTS_MAX = 24 };

struct child {
    const char *arguments[CHILD_ARGUMENTS_MAX]; /* "serve", "--root", ...; NULL-terminated */
    unsigned argument_count;
    pid_t pid;  /* 0 when it does not run */
    int status; /* of wait(2), once it ended */
    int64_t started_ms;
    int64_t restart_ms; /* when to start it again; 0: not planned */
    int64_t pause_ms;   /* before the next restart */
};

/* From here on signals wait for children_wait. */
void children_begin(void);

void child_init(struct child *child, const char *command);

/* Adds "--NAME VALUE"; without a NAME the VALUE alone. Both must outlive the child. */
void child_add(struct child *child, const char *name, const char *value);

/* Starts it; its standard input is empty and its standard output goes to ours for errors. */
MUST_CHECK enum err child_start(struct child *child, struct errmsg *msg);

/* Whether it has ended; then pid is 0 and status is set. */
bool child_reap(struct child *child);

/* "exit code 1", "signal 9 (Killed)" into TEXT; returns TEXT. */
const char *child_describe_end(const struct child *child, char *text, size_t size);

/*
 * Waits for a signal, TIMEOUT_MS at most (-1: for ever). *STOP tells that it was one of those that
 * ask us to stop; a child that ended or a timeout is left to the caller to look at.
 */
void children_wait(int64_t timeout_ms, bool *stop);

/* Ends all COUNT children and returns when none is left. */
void children_stop(struct child *const *children, unsigned count);

/*
 * Runs COMMAND to its end. ERR_INTERRUPTED when we were asked to stop meanwhile; ERR_REFUSED when it
 * ended with that code, else ERR_SYSTEM, when it failed. It has told why on standard error.
 */
MUST_CHECK enum err child_run(struct child *child, struct errmsg *msg);

/*
 * Looks after children that must not end: notes in the log those that did, and starts them again
 * after a pause that doubles from 1 s to 30 s, and is short again for one that ran for a minute.
 * Returns the ms until the next restart, or -1.
 */
int64_t children_keep(struct child *const *children, unsigned count);

#endif
