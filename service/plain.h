/*
 * Heads of answers to a request, and short answers in plain text.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_PLAIN_H
#define VITRINE_SERVICE_PLAIN_H

#include "base/buffer.h"
#include "base/slice.h"
#include "service/head.h"
#include "service/http.h"

/* EXTRA: more header lines with their ends, or NULL. */
struct head plain_head(const struct request *request, unsigned status, enum body_type type,
                       const char *extra);

/* Appends HEAD and TEXT; only the head when KEEP_BODY is false. */
void plain_append(struct head_writer *heads, const struct head *head, struct slice text,
                  bool keep_body, struct buffer *out);

/* Appends an answer to REQUEST. */
void plain_answer(struct head_writer *heads, const struct request *request, unsigned status,
                  struct slice text, const char *extra, struct buffer *out);

/* The same when it does not come from the release: it has neither its age nor its position. */
void plain_answer_of_source(struct head_writer *heads, const struct request *request,
                            unsigned status, struct slice text, const char *extra,
                            struct buffer *out);

#endif
