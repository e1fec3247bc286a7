/*
 * Heads of answers: the status line and the headers.
 *
 * Good for: writing a head before its body is known, because a body is rendered where it is sent
 * from. The head is written with as many digits of Content-Length as the last body needed; when the
 * body turns out to need another number of digits, it is moved by the difference.
 * Thread-safety: one owner.
 */
#ifndef VITRINE_SERVICE_HEAD_H
#define VITRINE_SERVICE_HEAD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buffer.h"
#include "base/slice.h"

enum body_type { BODY_JSON, BODY_TEXT, BODY_METRICS, BODY_HTML, BODY_CSS, BODY_SCRIPT, BODY_TYPES };

/* What differs from head to head. */
struct head {
    unsigned status;
    enum body_type type;
    bool is_close;       /* "Connection: close" */
    bool is_keep_alive;  /* "Connection: keep-alive", which HTTP/1.0 clients wait for */
    bool is_from_source; /* not from the release: it has neither its age nor its position */
    bool is_gzip;        /* "Content-Encoding: gzip"; of a 304, the ETag alone */
    bool has_etag;       /* ETag, and Vary: what can be asked for again */
    uint64_t etag;       /* etag.h */
    struct slice cache;  /* the line Cache-Control with its end; empty: nobody keeps the answer */
    struct slice id;     /* of the request; empty: none */
    const char *extra;   /* more header lines with their ends, or NULL */
};

struct head_release {
    const char *name;  /* copied */
    uint64_t position; /* of the source that it holds; 0: not known */
    int64_t built_ms;  /* since 1970 */
};

struct head_writer {
    bool is_private; /* no CORS and no release: an answer that is no web page's business */
    struct head_release release;
    char release_name[24];
    struct buffer common; /* what the heads of one second share; those of 200 and JSON begin so */
    size_t common_lines;  /* where the lines begin that all of them share */
    size_t common_shared; /* where those end: age and position of the release follow */
    time_t common_time;
    unsigned digits; /* of the last Content-Length */
    size_t start;    /* where the current head begins in the output */
    size_t body;     /* where its body begins */
    size_t etag;     /* where the digits of its ETag are */
    unsigned status; /* of the current head */
};

void head_writer_init(struct head_writer *writer);
void head_writer_free(struct head_writer *writer);

/* The release that answers from now on. */
void head_writer_name_release(struct head_writer *writer, const struct head_release *release);

/* Appends a head; what is appended next is the body, until head_end. */
void head_begin(struct head_writer *writer, const struct head *head, struct buffer *out);

/* Replaces the ETag of a head that has one, when it is known only after the body. */
void head_set_etag(const struct head_writer *writer, uint64_t etag, struct buffer *out);

/* Sets the length of the body; then drops it, unless KEEP_BODY, for HEAD requests. */
void head_end(struct head_writer *writer, bool keep_body, struct buffer *out);

/* Takes back what was appended since head_begin. */
void head_undo(struct head_writer *writer, struct buffer *out);

/* Appends a head that has neither body nor length: 204, 304. */
void head_alone(struct head_writer *writer, const struct head *head, struct buffer *out);

#endif
