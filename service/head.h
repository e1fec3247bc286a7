/*
 * Heads of answers: the status line and the headers.
 *
 * Good for: writing a head before its body is known, because a body is rendered where it is sent
 * from. The head is written with as many digits of Content-Length as the last body needed; when the
 * body turns out to need another number of digits, it is moved by the difference.
 * Thread-safety: one owner; head_count may be called from any thread.
 */
#ifndef VITRINE_SERVICE_HEAD_H
#define VITRINE_SERVICE_HEAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buffer.h"

enum body_type { BODY_JSON, BODY_TEXT, BODY_METRICS };

enum { STATUS_CLASSES = 6 }; /* by the first digit of a status */

/* What differs from head to head. */
struct head {
    unsigned status;
    enum body_type type;
    bool is_close;       /* "Connection: close" */
    bool is_keep_alive;  /* "Connection: keep-alive", which HTTP/1.0 clients wait for */
    bool is_from_source; /* not from the release: its position is not that of the release */
    const char *extra;   /* more header lines with their ends, or NULL */
};

struct head_writer {
    bool is_private; /* no CORS and no release: an answer that is no web page's business */
    char release_name[24];
    uint64_t position;    /* of the source that the release holds; 0: not known */
    struct buffer common; /* the header lines that all answers of one second share */
    size_t common_shared; /* bytes of them without the position */
    time_t common_time;
    unsigned digits; /* of the last Content-Length */
    size_t start;    /* where the current head begins in the output */
    size_t body;     /* where its body begins */
    unsigned class;  /* of its status */
    /* Heads written, by class. Added to by the owner only, read by any thread. */
    atomic_uint_fast64_t counts[STATUS_CLASSES];
};

void head_writer_init(struct head_writer *writer);
void head_writer_free(struct head_writer *writer);

/* The release that answers from now on, and the position of the source that it holds, or 0. */
void head_writer_name_release(struct head_writer *writer, const char *release_name,
                              uint64_t position);

/* Appends a head; what is appended next is the body, until head_end. */
void head_begin(struct head_writer *writer, const struct head *head, struct buffer *out);

/* Sets the length of the body; then drops it, unless KEEP_BODY, for HEAD requests. */
void head_end(struct head_writer *writer, bool keep_body, struct buffer *out);

/* How many heads of a class were written and not taken back. */
uint64_t head_count(const struct head_writer *writer, unsigned class);

/* Takes back what was appended since head_begin. */
void head_undo(struct head_writer *writer, struct buffer *out);

/* Appends a head that has neither body nor length: 204. */
void head_alone(struct head_writer *writer, const struct head *head, struct buffer *out);

#endif
