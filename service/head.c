#include "service/head.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "service/etag.h"

enum {
    COMMON_SIZE_MAX = 512,
    FIXED_SIZE_MAX = 1024, /* of a head without the texts of its caller */
    DIGITS_MAX = 10,
    FIRST_DIGITS = 4,
};

static const char head_start[] = "HTTP/1.1 ";
static const char json_type[] = "Content-Type: application/json; charset=utf-8\r\n";
static const char *const other_types[BODY_TYPES] = {
    [BODY_TEXT] = "Content-Type: text/plain; charset=utf-8\r\n",
    [BODY_METRICS] = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n",
    [BODY_HTML] = "Content-Type: text/html; charset=utf-8\r\n",
    [BODY_CSS] = "Content-Type: text/css; charset=utf-8\r\n",
    [BODY_SCRIPT] = "Content-Type: text/javascript; charset=utf-8\r\n",
};
static const char content_length[] = "Content-Length: ";
static const char head_stop[] = "\r\n\r\n";
static const char not_kept[] = "Cache-Control: no-store\r\n";
static const char etag_begin[] = "Vary: Accept-Encoding\r\nETag: \"";

/* A head is written at a place where there is room for all of it. */
#define PUT(at, text) put(at, text, sizeof text - 1)

static char *put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

void head_writer_init(struct head_writer *writer)
{
    *writer = (struct head_writer){.digits = FIRST_DIGITS};
    buffer_init(&writer->common, COMMON_SIZE_MAX);
}

void head_writer_free(struct head_writer *writer)
{
    buffer_free(&writer->common);
}

void head_writer_name_release(struct head_writer *writer, const struct head_release *release)
{
    size_t len = strnlen(release->name, sizeof writer->release_name - 1);

    memcpy(writer->release_name, release->name, len);
    writer->release_name[len] = '\0';
    writer->release = *release;
    writer->release.name = writer->release_name;
    writer->common_time = 0;
}

static void write_release(struct head_writer *writer, time_t now)
{
    int64_t age_s = now - writer->release.built_ms / 1000;

    buffer_printf(&writer->common, "Vitrine-Age: %" PRId64 "\r\n", age_s < 0 ? 0 : age_s);
    if (writer->release.position > 0) {
        buffer_printf(&writer->common, "Vitrine-Position: %" PRIu64 "\r\n",
                      writer->release.position);
    }
}

/* "Date" has the resolution of a second, so that most answers find the lines written. */
static void update_common(struct head_writer *writer)
{
    struct timespec now;
    struct tm utc;
    char date[64];

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec == writer->common_time) {
        return;
    }
    writer->common_time = now.tv_sec;
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    buffer_clear(&writer->common);
    buffer_printf(&writer->common, "%s200 OK\r\n%s", head_start, json_type);
    writer->common_lines = writer->common.len;
    if (!writer->is_private) {
        buffer_printf(&writer->common,
                      "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n"
                      "Vitrine-Release: %s\r\n",
                      writer->release_name);
    }
    buffer_printf(&writer->common, "Date: %s\r\n", date);
    writer->common_shared = writer->common.len;
    if (writer->release.name != NULL) {
        write_release(writer, now.tv_sec);
    }
}

static const char *status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {
        {200, "200 OK"},
        {201, "201 Created"},
        {202, "202 Accepted"},
        {204, "204 No Content"},
        {304, "304 Not Modified"},
        {400, "400 Bad Request"},
        {401, "401 Unauthorized"},
        {403, "403 Forbidden"},
        {404, "404 Not Found"},
        {405, "405 Method Not Allowed"},
        {408, "408 Request Timeout"},
        {409, "409 Conflict"},
        {410, "410 Gone"},
        {413, "413 Content Too Large"},
        {414, "414 URI Too Long"},
        {417, "417 Expectation Failed"},
        {422, "422 Unprocessable Content"},
        {429, "429 Too Many Requests"},
        {431, "431 Request Header Fields Too Large"},
        {500, "500 Internal Server Error"},
        {501, "501 Not Implemented"},
        {503, "503 Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return NULL;
}

static char *put_status(char *at, unsigned status)
{
    const char *text = status_text(status);

    at = PUT(at, head_start);
    if (text != NULL) {
        at = put(at, text, strlen(text));
    } else { /* one that a definition declares; the reason phrase may be empty */
        at += sprintf(at, "%03u ", status % 1000);
    }
    return PUT(at, "\r\n");
}

static char *put_type(char *at, enum body_type type)
{
    return type == BODY_JSON ? PUT(at, json_type)
                             : put(at, other_types[type], strlen(other_types[type]));
}

/* The status line, the type of the body if there is one, and the lines that all heads have. */
static char *put_common(const struct head_writer *writer, const struct head *head, bool has_body,
                        char *at)
{
    const char *common = writer->common.ptr;
    size_t end = head->is_from_source ? writer->common_shared : writer->common.len;

    if (has_body && head->status == 200 && head->type == BODY_JSON) {
        return put(at, common, end);
    }
    at = put_status(at, head->status);
    if (has_body) {
        at = put_type(at, head->type);
    }
    return put(at, common + writer->common_lines, end - writer->common_lines);
}

/* What a cache goes by. */
static char *put_cache(struct head_writer *writer, const struct head *head, char *at,
                       const struct buffer *out)
{
    if (head->cache.len == 0) {
        return writer->is_private ? at : PUT(at, not_kept);
    }
    at = put(at, head->cache.ptr, head->cache.len);
    if (!head->has_etag) {
        return at;
    }
    at = PUT(at, etag_begin);
    writer->etag = (size_t)(at - out->ptr);
    write_hex(at, head->etag);
    at += HEX_TEXT_LEN;
    at = put(at, ETAG_GZIP_SUFFIX, head->is_gzip ? sizeof ETAG_GZIP_SUFFIX - 1 : 0);
    return PUT(at, "\"\r\n");
}

/* What only some answers have. */
static char *put_own(const struct head *head, size_t extra_len, char *at)
{
    if (head->id.len > 0) {
        at = PUT(at, "X-Request-Id: ");
        at = put(at, head->id.ptr, head->id.len);
        at = PUT(at, "\r\n");
    }
    if (head->is_gzip && head->status != 304) {
        at = PUT(at, "Content-Encoding: gzip\r\n");
    }
    if (head->is_close) {
        at = PUT(at, "Connection: close\r\n");
    } else if (head->is_keep_alive) {
        at = PUT(at, "Connection: keep-alive\r\n");
    }
    return put(at, head->extra == NULL ? "" : head->extra, extra_len);
}

/* Where the length of the body, or the end of the head, is put; NULL: there was no room. */
static char *begin(struct head_writer *writer, const struct head *head, bool has_body,
                   struct buffer *out)
{
    size_t extra_len = head->extra == NULL ? 0 : strlen(head->extra);
    char *at;

    update_common(writer);
    writer->start = out->len;
    writer->body = out->len;
    writer->status = head->status;
    at = buffer_reserve(out, FIXED_SIZE_MAX + head->cache.len + head->id.len + extra_len);
    if (at == NULL) {
        return NULL;
    }
    at = put_common(writer, head, has_body, at);
    at = put_cache(writer, head, at, out);
    return put_own(head, extra_len, at);
}

void head_alone(struct head_writer *writer, const struct head *head, struct buffer *out)
{
    char *at = begin(writer, head, false, out);

    if (at != NULL) {
        at = PUT(at, "\r\n");
        out->len = (size_t)(at - out->ptr);
    }
}

void head_begin(struct head_writer *writer, const struct head *head, struct buffer *out)
{
    char *at = begin(writer, head, true, out);

    if (at != NULL) {
        at = PUT(at, content_length);
        memset(at, '0', writer->digits);
        at = PUT(at + writer->digits, head_stop);
        out->len = (size_t)(at - out->ptr);
        writer->body = out->len;
    }
}

void head_set_etag(const struct head_writer *writer, uint64_t etag, struct buffer *out)
{
    write_hex(out->ptr + writer->etag, etag);
}

/* Moves the body, so that the head has room for DIGITS digits of Content-Length. */
static void make_digits(struct head_writer *writer, unsigned digits, struct buffer *out)
{
    size_t len = out->len - writer->body;
    size_t body = writer->body - writer->digits + digits;

    if (buffer_reserve(out, DIGITS_MAX) == NULL) {
        return; /* overflowed: the caller takes the answer back */
    }
    memmove(out->ptr + body, out->ptr + writer->body, len);
    out->len = body + len;
    writer->body = body;
    writer->digits = digits;
}

void head_end(struct head_writer *writer, bool keep_body, struct buffer *out)
{
    char text[NUMBER_TEXT_MAX];
    unsigned digits = write_integer(text, (int64_t)(out->len - writer->body));
    char *at;

    if (out->overflowed) {
        return; /* the caller takes the answer back */
    }
    if (!keep_body) {
        out->len = writer->body;
    }
    if (digits != writer->digits) {
        make_digits(writer, digits, out);
    }
    at = out->ptr + writer->body - (sizeof head_stop - 1) - writer->digits;
    memcpy(at, text, writer->digits);
    memcpy(at + writer->digits, head_stop, sizeof head_stop - 1);
}

void head_undo(struct head_writer *writer, struct buffer *out)
{
    out->len = writer->start;
    out->overflowed = false;
}
