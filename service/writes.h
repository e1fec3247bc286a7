/*
 * The writes of a service: its writer, and how they end.
 *
 * Lifetime: writes_init, writes_open when there is a source or writes_forward when there is a
 * primary, writes_close. All loops share one.
 * Thread-safety: any thread may submit, count and look between writes_open and writes_close; the
 * other functions belong to the owner.
 */
#ifndef VITRINE_SERVICE_WRITES_H
#define VITRINE_SERVICE_WRITES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "service/limits.h"
#include "service/primary.h"
#include "source/writer.h"

/* How requests that run an action end. */
enum write_end {
    WRITE_END_DONE,
    WRITE_END_REPLAYED,     /* an answer that was given before, by its Idempotency-Key */
    WRITE_END_MISSING,      /* a statement found nothing */
    WRITE_END_INVALID,      /* a value of the request, or one that the source refused */
    WRITE_END_KEY_CONFLICT, /* the Idempotency-Key was used for another request */
    WRITE_END_AWAY,         /* the source is not reached, or too slow */
    WRITE_END_FAILED,       /* a mistake in a statement, most likely */
    WRITE_END_LIMITED,      /* its address writes too much */
    WRITE_END_FORWARDED,    /* the primary answered; it counts there, too */
    WRITE_END_LOST,         /* it was forwarded, and the primary gave no answer */
    WRITE_ENDS
};

/* "done", "replayed" ... */
const char *write_end_name(enum write_end end);

struct writes {
    struct writer *writer;         /* NULL: none are made here */
    const struct primary *primary; /* where they are forwarded to instead, or NULL */
    uint64_t forward_timeout_ms;
    struct limits limits;
    char *definition; /* the text of the one that the source was prepared for */
    size_t definition_len;
    atomic_uint_fast64_t ends[WRITE_ENDS];
};

struct writes_view {
    bool is_open;
    bool is_forwarded; /* to a primary; the two that follow are of a source */
    bool is_connected;
    unsigned waiting;
    uint64_t ends[WRITE_ENDS];
};

/* A client may make PER_SECOND of them, 0: any number; PROXIES are believed who that is. */
void writes_init(struct writes *writes, unsigned per_second, const struct proxies *proxies);

/* The source may be away. ERR_USAGE for a URL that is none. */
MUST_CHECK enum err writes_open(struct writes *writes, const struct writer_options *options,
                                const struct definition *definition, struct errmsg *msg);

/* Instead of writes_open: all are forwarded to PRIMARY, which outlives this. */
void writes_forward(struct writes *writes, const struct primary *primary, int64_t timeout_ms);

/* DEFINITION is served from now on; when it is another one, the source is prepared for it. */
void writes_define(struct writes *writes, const struct definition *definition);

void writes_count(struct writes *writes, enum write_end end);

/* Which end that of a finished JOB is. */
enum write_end writes_end_of(const struct write_job *job);

void writes_look(const struct writes *writes, struct writes_view *out);

/* Every job that was submitted is done when this returns. Any number of times. */
void writes_close(struct writes *writes);

#endif
