/*
 * HTTP/1.0 and 1.1 requests out of a stream of bytes (llhttp underneath).
 *
 * Good for: one connection; requests come out one after another, whatever pieces they arrived in.
 * Under the hood: nothing is copied while a request arrives in one piece; of an incomplete request
 * only its target is kept. Bodies are counted and dropped.
 * Thread-safety: none; a parser belongs to its connection. http_free ends it.
 */
#ifndef VITRINE_SERVICE_HTTP_H
#define VITRINE_SERVICE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llhttp.h>

#include "base/buffer.h"
#include "base/slice.h"

/* Limits of a request; beyond them it is refused and the connection ends. */
enum {
    HTTP_TARGET_MAX = 8 << 10, /* bytes of the target: 414 */
    HTTP_HEAD_MAX = 32 << 10,  /* bytes of header names and values: 431 */
    HTTP_BODY_MAX = 1 << 20,   /* bytes of the body: 413 */
};

enum request_method { METHOD_GET, METHOD_HEAD, METHOD_OPTIONS, METHOD_OTHER };

struct request {
    enum request_method method;
    struct slice target; /* lives until the handler returns */
    bool keep_alive;     /* the connection stays open after the answer */
    bool is_http_1_0;
};

struct http_handler {
    /* A complete request. False: feed no further until http_feed is called again. */
    bool (*on_request)(void *context, struct request *request);
    /* The client waits for "100 Continue" before it sends its body. */
    void (*on_continue)(void *context);
};

enum http_stage {
    STAGE_IDLE, /* between requests */
    STAGE_HEAD, /* target and headers are arriving */
    STAGE_BODY, /* the body is arriving */
};

struct http {
    llhttp_t parser;
    const struct http_handler *handler;
    void *context;
    enum http_stage stage;
    struct slice target;
    struct buffer kept; /* the target, when its request is spread over several feeds */
    uint32_t head_size;
    uint32_t body_size;
    uint8_t expect_matched; /* bytes of "expect" that the current header name matched */
    bool expects_continue;
    bool is_paused;
    bool is_last;    /* a request without keep-alive was handled */
    unsigned status; /* why the request is refused, or 0 */
};

enum feed_result {
    FEED_TAKEN,   /* every byte was taken */
    FEED_PAUSED,  /* the handler said so; feed the bytes after *TAKEN again, later */
    FEED_LAST,    /* the connection ends after the last request; what follows is not looked at */
    FEED_REFUSED, /* http->status is the answer, and the connection ends */
};

void http_init(struct http *http, const struct http_handler *handler, void *context);
void http_free(struct http *http);

/* Parses BYTES and calls the handler for each complete request. After LAST or REFUSED: no more. */
enum feed_result http_feed(struct http *http, struct slice bytes, size_t *taken);

#endif
