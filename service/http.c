#include "service/http.h"

#include <assert.h>
#include <strings.h>

/* What a callback returns to stop the parser; http->status says why. */
enum { REFUSE = -1 };

/*
 * What may be kept of one request. Twice the head: values that are joined move; who has them move
 * more often than that is refused.
 */
enum { KEPT_MAX = HTTP_TARGET_MAX + 2 * HTTP_HEAD_MAX + HTTP_BODY_MAX };

/* The headers that have a value here, as bits of http->present. */
enum { KEPT_HEADERS = (1 << REQUEST_HEADERS) - 1 };

_Static_assert(HEADER_HOST < 16, "http->present has 16 bits");

static int refuse(struct http *http, unsigned status)
{
    http->status = status;
    return REFUSE;
}

/* ---- parts of a request ---- */

static struct slice part_slice(const struct http *http, struct http_part part)
{
    return slice_of((http->is_kept ? http->kept.ptr : http->fed) + part.offset, part.len);
}

/* Moves PART to `kept`, or to its end, where it can grow. */
static void keep_part(struct http *http, struct http_part *part)
{
    char *room = buffer_reserve(&http->kept, part->len);

    if (room != NULL && part->len > 0) {
        memcpy(room, part_slice(http, *part).ptr, part->len);
        http->kept.len += part->len;
    }
    part->offset = (uint32_t)(http->kept.len - part->len);
}

/* The bytes being fed are about to be somebody else's, or a part is to grow by others than the next. */
static void keep(struct http *http)
{
    if (http->is_kept) {
        return;
    }
    buffer_reserve(&http->kept, 1); /* so that empty parts are somewhere, too */
    keep_part(http, &http->target);
    for (unsigned left = http->present & KEPT_HEADERS; left != 0; left &= left - 1) {
        keep_part(http, &http->headers[__builtin_ctz(left)]);
    }
    keep_part(http, &http->again);
    keep_part(http, &http->name);
    keep_part(http, &http->body);
    http->is_kept = true;
}

static int grow_kept(struct http *http, struct http_part *part, const char *at, size_t len,
                     unsigned status)
{
    keep(http);
    if (part->len == 0) {
        part->offset = (uint32_t)http->kept.len;
    } else if (part->offset + part->len != http->kept.len) {
        keep_part(http, part);
    }
    buffer_append(&http->kept, at, len);
    part->len += (uint32_t)len;
    return http->kept.overflowed ? refuse(http, status) : 0;
}

/* Adds bytes to PART; STATUS is the answer when that is too much. Once a header line or more often. */
static inline int grow(struct http *http, struct http_part *part, const char *at, size_t len,
                       unsigned status)
{
    uint32_t offset = (uint32_t)(at - http->fed);

    if (http->is_kept || (part->len > 0 && part->offset + part->len != offset)) {
        return grow_kept(http, part, at, len, status);
    }
    part->offset = offset - part->len;
    part->len += (uint32_t)len;
    return 0;
}

/* ---- what the parser finds ---- */

static int on_message_begin(llhttp_t *parser)
{
    static const struct http_part none = {.offset = 0};
    struct http *http = parser->data;

    http->stage = STAGE_HEAD;
    http->present = 0;
    http->target = none;
    http->name = none;
    http->body = none;
    http->again = none;
    http->head_size = 0;
    http->line_count = 0;
    http->body_size = 0;
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct http *http = parser->data;

    if (http->target.len + len > HTTP_TARGET_MAX) {
        return refuse(http, 414);
    }
    return grow(http, &http->target, at, len, 414);
}

static int on_version(llhttp_t *parser, const char *at, size_t len)
{
    struct http *http = parser->data;

    return lines_note_version(&http->lines, at, len) ? 0 : refuse(http, 400);
}

static int count_head(struct http *http, size_t len)
{
    http->head_size += (uint32_t)len;
    return http->head_size > HTTP_HEAD_MAX ? refuse(http, 431) : 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct http *http = parser->data;
    int result = count_head(http, len);

    lines_note_name(&http->lines, at, len);
    return result == 0 ? grow(http, &http->name, at, len, 431) : result;
}

/* Where the value of a header goes that is read here; one in a trailer is not. */
static void begin_value(struct http *http, enum request_header header)
{
    struct http_part *part = &http->headers[header];

    http->value = part;
    if ((http->present >> header & 1) == 0) {
        http->present |= (uint16_t)(1U << header);
        *part = (struct http_part){.offset = 0};
        return;
    }
    http->join = header_join(header);
    if (http->join == NULL) {
        http->again = (struct http_part){.offset = 0};
        http->value = &http->again;
    } else if (part->len == 0) {
        http->join = NULL;
    }
}

/* Two of them, even equal ones: whoever is in front may have heeded the other. */
static int note_host(struct http *http)
{
    if ((http->present >> HEADER_HOST & 1) != 0) {
        return refuse(http, 400);
    }
    http->present |= (uint16_t)(1U << HEADER_HOST);
    http->header = -1;
    return 0;
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct http *http = parser->data;

    http->header =
        http->stage == STAGE_HEAD ? (int8_t)header_find(part_slice(http, http->name)) : -1;
    if (http->is_kept) {
        http->kept.len -= http->name.len;
    }
    if (http->name.len == 0) {
        return refuse(http, 400);
    }
    if (++http->line_count > HTTP_LINES_MAX) {
        return refuse(http, 431);
    }
    http->name.len = 0;
    if (http->header == HEADER_HOST) {
        return note_host(http);
    }
    if (http->header >= 0) {
        begin_value(http, (enum request_header)http->header);
    }
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http *http = parser->data;
    int result = count_head(http, len);

    if (!lines_note_value(&http->lines, at, len)) {
        return refuse(http, 400);
    }
    if (http->header < 0 || result != 0 || len == 0) {
        return result;
    }
    if (http->join != NULL) {
        result = grow_kept(http, http->value, http->join, strlen(http->join), 431);
        http->join = NULL;
    }
    return result == 0 ? grow(http, http->value, at, len, 431) : result;
}

/* The blanks behind a value are not part of it. */
static void trim(const struct http *http, struct http_part *part)
{
    struct slice text = part_slice(http, *part);

    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) {
        text.len--;
    }
    part->len = (uint32_t)text.len;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http *http = parser->data;

    if (http->header >= 0) {
        trim(http, http->value);
        if (http->value == &http->again &&
            !slice_equal(part_slice(http, http->again),
                         part_slice(http, http->headers[http->header]))) {
            return refuse(http, 400);
        }
        http->join = NULL;
        http->header = -1;
    }
    return count_head(http, 4); /* ": " and the end of the line */
}

static bool keeps_body(unsigned method)
{
    return method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH ||
           method == HTTP_DELETE;
}

static bool has_header(const struct http *http, enum request_header header)
{
    return (http->present >> header & 1) != 0;
}

static bool header_is(const struct http *http, enum request_header header, const char *lower)
{
    struct slice value = part_slice(http, http->headers[header]);

    return value.len == strlen(lower) && strncasecmp(value.ptr, lower, value.len) == 0;
}

/* Why a request with this head is refused, or 0. */
static unsigned head_status(const struct http *http)
{
    const llhttp_t *parser = &http->parser;
    bool is_1_0 = parser->http_minor == 0;

    if (parser->http_major != 1 || !lines_end_head(&http->lines) ||
        (!is_1_0 && (http->present >> HEADER_HOST & 1) == 0)) {
        return 400;
    }
    if (has_header(http, HEADER_TRANSFER_ENCODING)) {
        if (is_1_0) {
            return 400; /* which has none: whoever is in front may see another end of the body */
        }
        if (!header_is(http, HEADER_TRANSFER_ENCODING, "chunked")) {
            return 501;
        }
    }
    if ((parser->flags & F_CONTENT_LENGTH) != 0 && parser->content_length > http->body_max) {
        return 413;
    }
    if (has_header(http, HEADER_EXPECT) && !is_1_0 &&
        !header_is(http, HEADER_EXPECT, "100-continue")) {
        return 417;
    }
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http *http = parser->data;

    if (http->body_max - http->body_size < len) {
        return refuse(http, 413);
    }
    http->body_size += (uint32_t)len;
    return http->keeps_body ? grow(http, &http->body, at, len, 413) : 0;
}

/* The last chunk and the trailer behind it: http_feed looks at how they end. */
static int on_chunk_complete(llhttp_t *parser)
{
    return (parser->flags & F_TRAILING) != 0 ? HPE_PAUSED : 0;
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
    case HTTP_POST:
        return METHOD_POST;
    case HTTP_PUT:
        return METHOD_PUT;
    case HTTP_PATCH:
        return METHOD_PATCH;
    case HTTP_DELETE:
        return METHOD_DELETE;
    default:
        return METHOD_OTHER;
    }
}

/* What has come of it. */
static struct request request_of(const struct http *http)
{
    const llhttp_t *parser = &http->parser;
    struct request request = {
        .method = request_method(parser->method),
        .target = part_slice(http, http->target),
        .body = part_slice(http, http->body),
        .is_http_1_0 = parser->http_minor == 0,
    };

    for (unsigned left = http->present & KEPT_HEADERS; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);

        request.headers[i] = part_slice(http, http->headers[i]);
    }
    return request;
}

/* Has REQUEST handled, and lets go of what was kept of it; false when the handler wants no more now. */
static bool hand_over(struct http *http, struct request *request)
{
    bool goes_on = http->handler->on_request(http->context, request);

    http->stage = STAGE_IDLE;
    if (http->is_kept) {
        buffer_free(&http->kept);
        http->is_kept = false;
    }
    http->is_last = !request->keep_alive;
    return goes_on && !http->is_last;
}

/* Whether the head announces a body that somebody is to look at. */
static bool is_body_wanted(const struct http *http)
{
    const llhttp_t *parser = &http->parser;
    const struct http_handler *handler = http->handler;
    bool has_body = (parser->flags & F_CHUNKED) != 0 ||
                    ((parser->flags & F_CONTENT_LENGTH) != 0 && parser->content_length > 0);
    struct request request;

    if (!has_body || !http->keeps_body || handler->wants_body == NULL) {
        return true;
    }
    request = request_of(http);
    return handler->wants_body(http->context, &request);
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http *http = parser->data;
    unsigned status = head_status(http);

    if (status != 0) {
        return refuse(http, status);
    }
    parser->upgrade = 0; /* no other protocol is spoken; what follows is HTTP */
    http->keeps_body = keeps_body(parser->method);
    http->is_unwanted = !is_body_wanted(http);
    if (http->is_unwanted) {
        http->keeps_body = false;
    } else if (has_header(http, HEADER_EXPECT) && parser->http_minor >= 1) {
        http->handler->on_continue(http->context);
    }
    http->stage = STAGE_BODY;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct http *http = parser->data;
    struct request request = request_of(http);

    request.keep_alive = llhttp_should_keep_alive(parser) != 0;
    http->is_paused = !hand_over(http, &request);
    return http->is_paused ? HPE_PAUSED : 0;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_version = on_version,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_complete = on_chunk_complete,
    .on_message_complete = on_message_complete,
};

void http_init(struct http *http, const struct http_handler *handler, void *context)
{
    *http = (struct http){
        .handler = handler, .context = context, .header = -1, .body_max = HTTP_BODY_MAX};
    llhttp_init(&http->parser, HTTP_REQUEST, &settings);
    http->parser.data = http;
    buffer_init(&http->kept, KEPT_MAX);
}

void http_free(struct http *http)
{
    buffer_free(&http->kept);
}

/* The bytes that were fed have an end before the request has. */
static enum feed_result pause_within(struct http *http)
{
    if (http->stage == STAGE_BODY && http->is_unwanted) {
        struct request request = request_of(http);

        hand_over(http, &request);
        return FEED_LAST;
    }
    if (http->stage != STAGE_IDLE) {
        lines_pause(&http->lines);
        keep(http);
    }
    return FEED_TAKEN;
}

/* The parser stands behind the last chunk and its trailer; goes on with what is left of BYTES. */
static llhttp_errno_t end_chunks(struct http *http, struct slice bytes)
{
    const char *at = llhttp_get_error_pos(&http->parser);
    size_t taken = (size_t)(at - bytes.ptr);

    if (!lines_end_trailer(&http->lines, taken)) {
        return HPE_INVALID_EOF_STATE;
    }
    llhttp_resume(&http->parser);
    return llhttp_execute(&http->parser, at, bytes.len - taken);
}

enum feed_result http_feed(struct http *http, struct slice bytes, size_t *taken)
{
    llhttp_errno_t error;

    assert(!http->is_last && http->status == 0 && bytes.len <= INT32_MAX);
    *taken = bytes.len;
    if (bytes.len == 0) {
        return FEED_TAKEN;
    }
    http->fed = bytes.ptr;
    if (!lines_begin(&http->lines, bytes)) {
        http->status = 400;
        return FEED_REFUSED;
    }
    if (http->is_paused) {
        llhttp_resume(&http->parser);
        http->is_paused = false;
    }
    error = llhttp_execute(&http->parser, bytes.ptr, bytes.len);
    while (error == HPE_PAUSED && !http->is_paused) {
        error = end_chunks(http, bytes);
    }
    if (error == HPE_OK) {
        return pause_within(http);
    }
    if (error == HPE_PAUSED) {
        *taken = (size_t)(llhttp_get_error_pos(&http->parser) - bytes.ptr);
        return http->is_last ? FEED_LAST : FEED_PAUSED;
    }
    http->status = http->status == 0 ? 400 : http->status;
    return FEED_REFUSED;
}
