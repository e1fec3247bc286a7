#include "service/http.h"

#include <assert.h>

/* What a callback returns to stop the parser; http->status says why. */
enum { REFUSE = -1 };

static const char expect_name[] = "expect";
enum { EXPECT_LEN = sizeof expect_name - 1, EXPECT_NO_MATCH = 255 };

static int refuse(struct http *http, unsigned status)
{
    http->status = status;
    return REFUSE;
}

static int on_message_begin(llhttp_t *parser)
{
    struct http *http = parser->data;

    http->stage = STAGE_HEAD;
    http->target = slice_of(NULL, 0);
    http->head_size = 0;
    http->body_size = 0;
    http->expect_matched = 0;
    http->expects_continue = false;
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct http *http = parser->data;

    if (http->target.len + len > HTTP_TARGET_MAX) {
        return refuse(http, 414);
    }
    if (http->kept.len > 0) {
        buffer_append(&http->kept, at, len);
        http->target = buffer_slice(&http->kept);
    } else if (http->target.len > 0) {
        assert(http->target.ptr + http->target.len == at);
        http->target.len += len;
    } else {
        http->target = slice_of(at, len);
    }
    return 0;
}

static int count_head(struct http *http, size_t len)
{
    http->head_size += (uint32_t)len;
    return http->head_size > HTTP_HEAD_MAX ? refuse(http, 431) : 0;
}

/* Names arrive in pieces too, so the match goes on where it stopped. */
static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct http *http = parser->data;

    for (size_t i = 0; i < len && http->expect_matched <= EXPECT_LEN; i++) {
        bool same = http->expect_matched < EXPECT_LEN &&
                    (at[i] | 0x20) == expect_name[http->expect_matched];

        http->expect_matched = same ? http->expect_matched + 1 : EXPECT_NO_MATCH;
    }
    return count_head(http, len);
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http *http = parser->data;

    (void)at;
    if (http->expect_matched == EXPECT_LEN) {
        http->expects_continue = true;
    }
    return count_head(http, len);
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http *http = parser->data;

    http->expect_matched = 0;
    return count_head(http, 4); /* ": " and the end of the line */
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http *http = parser->data;

    if (parser->http_major != 1) {
        return refuse(http, 400);
    }
    if ((parser->flags & F_CONTENT_LENGTH) != 0 && parser->content_length > HTTP_BODY_MAX) {
        return refuse(http, 413);
    }
    parser->upgrade = 0; /* no other protocol is spoken; what follows is HTTP */
    if (http->expects_continue && parser->http_minor >= 1) {
        http->handler->on_continue(http->context);
    }
    http->stage = STAGE_BODY;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http *http = parser->data;

    (void)at;
    if (HTTP_BODY_MAX - http->body_size < len) {
        return refuse(http, 413);
    }
    http->body_size += (uint32_t)len;
    return 0;
}

static enum request_method request_method(unsigned method)
{
    switch (method) {
    case HTTP_GET:
        return METHOD_GET;
    case HTTP_HEAD:
        return METHOD_HEAD;
    case HTTP_OPTIONS:
        return METHOD_OPTIONS;
    default:
        return METHOD_OTHER;
    }
}

static int on_message_complete(llhttp_t *parser)
{
    struct http *http = parser->data;
    struct request request = {
        .method = request_method(parser->method),
        .target = http->target,
        .keep_alive = llhttp_should_keep_alive(parser) != 0,
        .is_http_1_0 = parser->http_minor == 0,
    };
    bool goes_on = http->handler->on_request(http->context, &request);

    http->stage = STAGE_IDLE;
    http->target = slice_of(NULL, 0);
    if (http->kept.capacity > 0) {
        buffer_free(&http->kept);
    }
    http->is_last = !request.keep_alive;
    http->is_paused = http->is_last || !goes_on;
    return http->is_paused ? HPE_PAUSED : 0;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http_init(struct http *http, const struct http_handler *handler, void *context)
{
    *http = (struct http){.handler = handler, .context = context};
    llhttp_init(&http->parser, HTTP_REQUEST, &settings);
    http->parser.data = http;
    buffer_init(&http->kept, HTTP_TARGET_MAX);
}

void http_free(struct http *http)
{
    buffer_free(&http->kept);
}

/* BYTES are about to be somebody else's: what is needed of them moves to `kept`. */
static void keep_target(struct http *http)
{
    if (http->stage != STAGE_IDLE && http->kept.len == 0) {
        buffer_append_slice(&http->kept, http->target);
        http->target = buffer_slice(&http->kept);
    }
}

enum feed_result http_feed(struct http *http, struct slice bytes, size_t *taken)
{
    llhttp_errno_t error;

    assert(!http->is_last && http->status == 0);
    if (http->is_paused) {
        llhttp_resume(&http->parser);
        http->is_paused = false;
    }
    error = llhttp_execute(&http->parser, bytes.ptr, bytes.len);
    *taken = bytes.len;
    if (error == HPE_OK) {
        keep_target(http);
        return FEED_TAKEN;
    }
    if (error == HPE_PAUSED) {
        *taken = (size_t)(llhttp_get_error_pos(&http->parser) - bytes.ptr);
        return http->is_last ? FEED_LAST : FEED_PAUSED;
    }
    if (http->status == 0) {
        http->status = 400;
    }
    return FEED_REFUSED;
}
