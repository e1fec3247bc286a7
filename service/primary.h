/*
 * The primary as a node that has no source sees it: where it is, the request that it is sent, and
 * the answer that comes back.
 *
 * A request is sent with the headers that matter there and no others. X-Forwarded-For gets the
 * address that the request came from at its end; Vitrine-Forwarded says that it was forwarded, so
 * that no two nodes send it to each other for ever.
 * Thread-safety: none; an answer has one owner.
 */
#ifndef VITRINE_SERVICE_PRIMARY_H
#define VITRINE_SERVICE_PRIMARY_H

#include <stdbool.h>
#include <stdint.h>

#include <llhttp.h>

#include "base/buffer.h"
#include "base/err.h"
#include "service/address.h"
#include "service/http.h"
#include "service/listener.h"

enum {
    PRIMARY_HEAD_MAX = 32 << 10, /* bytes of the headers of its answer */
    PRIMARY_BODY_MAX = 16 << 20, /* bytes of the body of its answer */
};

struct primary {
    char host[HOST_TEXT_MAX];
    char port[8];
    char authority[HOST_TEXT_MAX + 16]; /* "HOST:PORT", for Host */
};

/* Reads "http://HOST:PORT". ERR_USAGE says what to write instead. */
MUST_CHECK enum err primary_parse(const char *url, struct primary *out, struct errmsg *msg);

/* Appends REQUEST, which came from PEER, as it is sent to PRIMARY. HEAD becomes GET. */
void primary_request_write(const struct primary *primary, const struct request *request,
                           const struct address *peer, struct buffer *out);

/* An answer, from the bytes of a connection, in whatever pieces they come. */
struct primary_answer {
    unsigned status;
    bool is_json;        /* otherwise plain text */
    struct buffer lines; /* the header lines that are passed on, with their ends */
    struct buffer body;
    bool is_whole;
    bool keeps_alive; /* is_whole: the connection may be used again */

    llhttp_t parser;
    char name[32]; /* of the header that is arriving, in lower case; longer ones are of no use */
    size_t name_len;
    struct buffer value;
    size_t head_size;
};

void primary_answer_init(struct primary_answer *answer);
void primary_answer_free(struct primary_answer *answer);

/* False when this is no answer, or one that is too large; it is of no use then. */
bool primary_answer_feed(struct primary_answer *answer, struct slice bytes);

#endif
