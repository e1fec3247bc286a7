/*
 * HTTP/1.0 and 1.1 requests out of a stream of bytes (llhttp underneath).
 *
 * Good for: one connection; requests come out one after another, whatever pieces they arrived in.
 * Under the hood: nothing is copied while a request arrives in one piece. Of one that does not, the
 * target, the headers that are read here (headers.h) and the body are kept until it is complete.
 * Bodies of methods that have no use for one are counted and dropped. So is a body that makes no difference
 * to the answer; what has not come of it when its head was read is not waited for, and the connection ends.
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
#include "service/headers.h"
#include "service/lines.h"

/* Limits of a request; beyond them it is refused and the connection ends. */
enum {
    HTTP_TARGET_MAX = 8 << 10, /* bytes of the target: 414 */
    HTTP_HEAD_MAX = 32 << 10,  /* bytes of header names and values: 431 */
    HTTP_LINES_MAX = 256,      /* header lines, those of a trailer too: 431 */
    HTTP_BODY_MAX = 1 << 20,   /* bytes of the body, `body_max` at most: 413 */
};

enum request_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_OPTIONS,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OTHER,
};

struct connection;

/* The slices live until the handler returns. */
struct request {
    enum request_method method;
    struct slice target;
    struct slice body;                     /* of POST, PUT, PATCH and DELETE */
    struct slice headers[REQUEST_HEADERS]; /* without blanks around; ptr is NULL for one not sent */
    struct slice id;                       /* what it is called in answer and log; may be empty */
    bool keep_alive;                       /* the connection stays open after the answer */
    bool is_http_1_0;
    struct connection *connection; /* that it came by; NULL: of the program itself */
};

struct http_handler {
    /* A complete request. False: feed no further until http_feed is called again. */
    bool (*on_request)(void *context, struct request *request);
    /* The client waits for "100 Continue" before it sends its body. */
    void (*on_continue)(void *context);
    /*
     * Whether the body that REQUEST announces makes a difference to its answer; its head is all that is
     * known. NULL: each does.
     */
    bool (*wants_body)(void *context, const struct request *request);
};

enum http_stage {
    STAGE_IDLE, /* between requests */
    STAGE_HEAD, /* target and headers are arriving */
    STAGE_BODY, /* the body is arriving */
};

/* Bytes of a request: of the bytes being fed, or of `kept`. */
struct http_part {
    uint32_t offset;
    uint32_t len;
};

struct http {
    llhttp_t parser;
    const struct http_handler *handler;
    void *context;
    enum http_stage stage;
    const char *fed;    /* the bytes being fed */
    struct buffer kept; /* is_kept: what was there of the request, since it came in pieces */
    bool is_kept;
    bool is_paused;
    bool is_last; /* a request without keep-alive was handled */
    bool keeps_body;
    bool is_unwanted; /* the body makes no difference */
    struct lines lines;
    uint16_t present;        /* the headers that came, 1 << enum request_header or HEADER_HOST */
    int8_t header;           /* whose value is arriving, or -1 */
    struct http_part *value; /* where it goes */
    const char *join;        /* what goes before it, or NULL */
    struct http_part target;
    struct http_part name; /* of the header that is arriving */
    struct http_part body;
    struct http_part again; /* a second value of a header that may have one */
    struct http_part headers[REQUEST_HEADERS];
    uint32_t head_size;
    uint32_t line_count;
    uint32_t body_size;
    uint32_t body_max; /* HTTP_BODY_MAX, or less */
    unsigned status;   /* why the request is refused, or 0 */
};

enum feed_result {
    FEED_TAKEN,   /* every byte was taken */
    FEED_PAUSED,  /* the handler said so; feed the bytes after *TAKEN again, later */
    FEED_LAST,    /* the connection ends after the last request; what follows is not looked at */
    FEED_REFUSED, /* http->status is the answer, and the connection ends */
};

void http_init(struct http *http, const struct http_handler *handler, void *context);
void http_free(struct http *http);

/*
 * Parses BYTES, of which there may be none, and calls the handler for each complete request. After LAST or
 * REFUSED: no more.
 */
enum feed_result http_feed(struct http *http, struct slice bytes, size_t *taken);

#endif
