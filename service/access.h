/*
 * The lines of one loop for the access log: a request, a line.
 *
 *   time=2026-11-21T02:30:00.000Z client=192.0.2.1 id=6b3ab0d7be3b8e1f method=GET
 *   target="/loans?branch=5" status=200 bytes=312 us=13                                             (in one line)
 *
 * Good for: the way of requests. Lines are gathered in memory, finished when their answers were sent,
 * since `us` is known then, and handed to the thread that writes when they are many, or once a second.
 * Lifetime: access_init, access_free, which hands over what is left.
 * Thread-safety: none; belongs to its loop's thread.
 */
#ifndef VITRINE_SERVICE_ACCESS_H
#define VITRINE_SERVICE_ACCESS_H

#include <stdint.h>

#include "base/buffer.h"
#include "service/access_log.h"
#include "service/http.h"
#include "service/proxy.h"

struct access {
    struct access_log *log;        /* NULL: no lines are wanted */
    const struct proxies *proxies; /* who is believed about clients */
    unsigned skipped;      /* requests without a line since the last one with; errors aside */
    struct address client; /* of the last line */
    char client_text[ADDRESS_MAX]; /* empty: there was none */
    struct buffer open; /* lines of answers that are not sent yet, without `time` and `us` */
    uint64_t open_count;
    struct buffer lines; /* finished */
    uint64_t line_count;
};

/* What is kept of a request whose answer comes later. */
struct access_kept;

/* LOG and PROXIES outlive it. */
void access_init(struct access *access, struct access_log *log, const struct proxies *proxies);
void access_free(struct access *access);

/* The request was answered with STATUS, by SIZE bytes. The functions below want a log. */
void access_answered(struct access *access, const struct request *request, unsigned status,
                     size_t size);

/* Something that CONNECTION sent and that is no request was; it is called ID. */
void access_refused(struct access *access, const struct connection *connection, struct slice id,
                    unsigned status, size_t size);

/* The request is answered later; to be given to access_answered_later, once. */
struct access_kept *access_keep(struct access *access, const struct request *request);

/* STATUS 0: the client went away before. */
void access_answered_later(struct access *access, struct access_kept *kept, unsigned status,
                           size_t size);

/* What was answered was sent, in TIME_NS. */
void access_sent(struct access *access, uint64_t time_ns);

/* Hands over what is finished. */
void access_flush(struct access *access);

#endif
