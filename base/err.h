/*
 * Errors: one code for the program, one sentence for the person.
 *
 * A fallible function returns `enum err` and takes `struct errmsg *` last. Whoever detects the error
 * writes the message, with the numbers; each layer above may put one phrase in front of it. Results
 * leave through OUT parameters, written only on success.
 *
 * Thread rule: none of these functions has state; an errmsg belongs to its caller.
 */
#ifndef VITRINE_BASE_ERR_H
#define VITRINE_BASE_ERR_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum err {
    ERR_NONE = 0,
    ERR_USAGE,       /* the command line is wrong */
    ERR_SYSTEM,      /* a system call failed */
    ERR_DEFINITION,  /* the definition file is wrong */
    ERR_SOURCE,      /* the source of truth cannot be opened or refuses a statement */
    ERR_LOST,        /* its connection or snapshot is gone; a new one may do */
    ERR_INPUT,       /* a row or record that the definition cannot take */
    ERR_CORRUPT,     /* a stored file does not hold what it must */
    ERR_COLD,        /* it is not in memory, and this thread does not wait for the disk */
    ERR_LIMIT,       /* a size or count is beyond a named limit */
    ERR_NOT_FOUND,   /* the named thing does not exist */
    ERR_REFUSED,     /* a check before publishing failed */
    ERR_INTERRUPTED, /* SIGINT or SIGTERM arrived */
};

struct errmsg {
    char text[1024]; /* NUL-terminated; cut with "..." when longer */
};

/* Writes the message and returns CODE, so that a detector can `return err_set(...)`. */
enum err err_set(struct errmsg *msg, enum err code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same for a failed system call: appends ": " and the text of ERRNUM. Returns ERR_SYSTEM. */
enum err err_sys(struct errmsg *msg, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "PHRASE: " in front of a message that is there already and returns CODE unchanged. */
enum err err_wrap(struct errmsg *msg, enum err code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The exit code of the program for CODE: 0, 1 (failed), 2 (usage), 3 (refused by a check), 130. */
int err_exit_code(enum err code);

#endif
