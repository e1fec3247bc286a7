/*
 * The writes of a service: its writer, and how they end.
 *
 * Lifetime: writes_init, writes_open when there is a source, writes_close. All loops share one.
 * Thread-safety: any thread may submit, count and look between writes_open and writes_close; the other
 * functions belong to the owner.
 */
#ifndef VITRINE_SERVICE_WRITES_H
#define VITRINE_SERVICE_WRITES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
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
    WRITE_ENDS
};

/* "done", "replayed" ... */
const char *write_end_name(enum write_end end);

struct writes {
    struct writer *writer; /* NULL: no writes are taken */
    char *definition;      /* the text of the one that the source was prepared for */
    size_t definition_len;
    atomic_uint_fast64_t ends[WRITE_ENDS];
};

struct writes_view {
    bool is_open;
    bool is_connected;
    unsigned waiting;
    uint64_t ends[WRITE_ENDS];
};

void writes_init(struct writes *writes);

/* The source may be away. ERR_USAGE for a URL that is none. */
MUST_CHECK enum err writes_open(struct writes *writes, const struct writer_options *options,
                                const struct definition *definition, struct errmsg *msg);

/* DEFINITION is served from now on; when it is another one, the source is prepared for it. */
void writes_define(struct writes *writes, const struct definition *definition);

void writes_count(struct writes *writes, enum write_end end);

/* Which end that of a finished JOB is. */
enum write_end writes_end_of(const struct write_job *job);

void writes_look(const struct writes *writes, struct writes_view *out);

/* Every job that was submitted is done when this returns. Any number of times. */
void writes_close(struct writes *writes);

#endif
