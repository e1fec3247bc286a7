#include "service/primary.h"

#include <stdio.h>

static const char scheme[] = "http://";

/* ---- where it is ---- */

static enum err bad_url(const char *url, struct errmsg *msg)
{
    return err_set(msg, ERR_USAGE,
                   "\"%s\" is no address of a primary; write http://HOST:PORT as in "
                   "http://10.0.0.5:8080",
                   url);
}

/* What stands in the Host line of requests: nothing that could end it. */
static bool is_host(const char *host)
{
    for (const char *at = host; *at != '\0'; at++) {
        if (*at <= ' ' || *at == 0x7f || strchr("/?#@%\\", *at) != NULL) {
            return false;
        }
    }
    return true;
}

enum err primary_parse(const char *url, struct primary *out, struct errmsg *msg)
{
    char authority[sizeof out->authority];
    struct primary primary;
    const char *port;
    size_t len;

    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        return bad_url(url, msg);
    }
    len = strlen(url + sizeof scheme - 1);
    len -= len > 0 && url[sizeof scheme - 1 + len - 1] == '/';
    if (len >= sizeof authority) {
        return bad_url(url, msg);
    }
    memcpy(authority, url + sizeof scheme - 1, len);
    authority[len] = '\0';
    if (!host_port_split(authority, primary.host, &port) || !is_host(primary.host) ||
        strlen(port) >= sizeof primary.port || strspn(port, "0") == strlen(port)) {
        return bad_url(url, msg);
    }
    snprintf(primary.port, sizeof primary.port, "%s", port);
    memcpy(primary.authority, authority, sizeof authority);
    *out = primary;
    return ERR_NONE;
}

/* ---- what it is sent ---- */

static const char *method_name(enum request_method method)
{
    switch (method) {
    case METHOD_POST:
        return "POST";
    case METHOD_PUT:
        return "PUT";
    case METHOD_PATCH:
        return "PATCH";
    case METHOD_DELETE:
        return "DELETE";
    default:
        return "GET";
    }
}

static void append_header(struct buffer *out, const char *name, struct slice value)
{
    if (value.ptr != NULL) {
        buffer_printf(out, "%s: ", name);
        buffer_append_slice(out, value);
        buffer_append_str(out, "\r\n");
    }
}

static void append_forwarded(struct buffer *out, struct slice forwarded, const struct address *peer)
{
    char text[ADDRESS_MAX];

    address_write(peer, text);
    buffer_append_str(out, "X-Forwarded-For: ");
    if (forwarded.len > 0) {
        buffer_append_slice(out, forwarded);
        buffer_append_str(out, ", ");
    }
    buffer_printf(out, "%s\r\n", text);
}

void primary_request_write(const struct primary *primary, const struct request *request,
                           const struct address *peer, struct buffer *out)
{
    bool has_body = request->method != METHOD_GET && request->method != METHOD_HEAD;

    buffer_printf(out, "%s ", method_name(request->method));
    buffer_append_slice(out, request->target);
    buffer_printf(out, " HTTP/1.1\r\nHost: %s\r\nVitrine-Forwarded: 1\r\n", primary->authority);
    append_header(out, "Content-Type", request->headers[HEADER_CONTENT_TYPE]);
    append_header(out, "Cookie", request->headers[HEADER_COOKIE]);
    append_header(out, "Idempotency-Key", request->headers[HEADER_IDEMPOTENCY_KEY]);
    if (request->id.len > 0) {
        append_header(out, "X-Request-Id", request->id);
    }
    append_forwarded(out, request->headers[HEADER_X_FORWARDED_FOR], peer);
    if (has_body) {
        buffer_printf(out, "Content-Length: %zu\r\n", request->body.len);
    }
    buffer_append_str(out, "\r\n");
    if (has_body) {
        buffer_append_slice(out, request->body);
    }
}

/* ---- what it answers ---- */

enum { REFUSE = -1, LINE_END = 4 /* ": " and the end of the line */ };

/* Header lines that are the client's business; Content-Type is told by `is_json`. */
static const struct {
    const char *lower;
    const char *name;
} passed_on[] = {
    {"set-cookie", "Set-Cookie"},
    {"vitrine-position", "Vitrine-Position"},
    {"retry-after", "Retry-After"},
    {"location", "Location"},
    {"idempotent-replayed", "Idempotent-Replayed"},
};

static int count_head(struct primary_answer *answer, size_t len)
{
    answer->head_size += len;
    return answer->head_size > PRIMARY_HEAD_MAX ? REFUSE : 0;
}

static int on_message_begin(llhttp_t *parser)
{
    struct primary_answer *answer = parser->data;

    buffer_clear(&answer->lines); /* of an answer before this one: 100 Continue */
    buffer_clear(&answer->value);
    answer->name_len = 0;
    answer->is_json = false;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct primary_answer *answer = parser->data;

    for (size_t i = 0; i < len && answer->name_len < sizeof answer->name; i++) {
        char c = at[i];

        answer->name[answer->name_len++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return count_head(answer, len);
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct primary_answer *answer = parser->data;

    buffer_append(&answer->value, at, len);
    return count_head(answer, len);
}

/* A byte that would end the line, or the head, in the answer that it is passed on in. */
static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static int on_header_value_complete(llhttp_t *parser)
{
    static const char json[] = "application/json";
    struct primary_answer *answer = parser->data;
    struct slice name = slice_of(answer->name, answer->name_len);
    struct slice value = slice_trim(buffer_slice(&answer->value));

    if (slice_is(name, "content-type")) {
        answer->is_json =
            value.len >= sizeof json - 1 && memcmp(value.ptr, json, sizeof json - 1) == 0;
    }
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
        if (slice_is(name, passed_on[i].lower) && !has_control(value)) {
            append_header(&answer->lines, passed_on[i].name, value);
        }
    }
    buffer_clear(&answer->value);
    answer->name_len = 0;
    return count_head(answer, LINE_END);
}

/* A status below 200 is followed by another. */
static bool is_final(const llhttp_t *parser)
{
    return parser->status_code >= 200;
}

static int on_headers_complete(llhttp_t *parser)
{
    bool is_too_large =
        (parser->flags & F_CONTENT_LENGTH) != 0 && parser->content_length > PRIMARY_BODY_MAX;

    return parser->http_major != 1 || parser->status_code == 101 || is_too_large ? REFUSE : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct primary_answer *answer = parser->data;

    buffer_append(&answer->body, at, len);
    return answer->body.overflowed ? REFUSE : 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct primary_answer *answer = parser->data;

    if (!is_final(parser)) {
        return 0;
    }
    answer->status = parser->status_code;
    answer->keeps_alive = llhttp_should_keep_alive(parser) != 0;
    answer->is_whole = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void primary_answer_init(struct primary_answer *answer)
{
    *answer = (struct primary_answer){.status = 0};
    llhttp_init(&answer->parser, HTTP_RESPONSE, &settings);
    answer->parser.data = answer;
    buffer_init(&answer->lines, 2 * PRIMARY_HEAD_MAX);
    buffer_init(&answer->value, PRIMARY_HEAD_MAX);
    buffer_init(&answer->body, PRIMARY_BODY_MAX);
}

void primary_answer_free(struct primary_answer *answer)
{
    buffer_free(&answer->lines);
    buffer_free(&answer->value);
    buffer_free(&answer->body);
}

/* What follows an answer was not asked for: the connection is not to be trusted further. */
bool primary_answer_feed(struct primary_answer *answer, struct slice bytes)
{
    llhttp_errno_t error = llhttp_execute(&answer->parser, bytes.ptr, bytes.len);

    if (!answer->is_whole) {
        return error == HPE_OK;
    }
    if (error != HPE_PAUSED || llhttp_get_error_pos(&answer->parser) != bytes.ptr + bytes.len) {
        answer->keeps_alive = false;
    }
    return true;
}
