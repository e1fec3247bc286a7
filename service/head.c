#include "service/head.h"

#include <inttypes.h>

#include "base/number.h"

enum { COMMON_SIZE_MAX = 512, DIGITS_MAX = 10, FIRST_DIGITS = 4 };

static const char head_start[] = "HTTP/1.1 ";
static const char json_type[] = "Content-Type: application/json; charset=utf-8\r\n";
static const char text_type[] = "Content-Type: text/plain; charset=utf-8\r\n";
static const char metrics_type[] = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n";
static const char content_length[] = "Content-Length: ";
static const char head_stop[] = "\r\n\r\n";

#define APPEND(out, text) buffer_append(out, text, sizeof text - 1)

void head_writer_init(struct head_writer *writer)
{
    *writer = (struct head_writer){.digits = FIRST_DIGITS};
    buffer_init(&writer->common, COMMON_SIZE_MAX);
}

void head_writer_free(struct head_writer *writer)
{
    buffer_free(&writer->common);
}

void head_writer_name_release(struct head_writer *writer, const char *release_name,
                              uint64_t position)
{
    size_t len = strnlen(release_name, sizeof writer->release_name - 1);

    memcpy(writer->release_name, release_name, len);
    writer->release_name[len] = '\0';
    writer->position = position;
    writer->common_time = 0;
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
    if (!writer->is_private) {
        buffer_printf(&writer->common, "Access-Control-Allow-Origin: *\r\nVitrine-Release: %s\r\n",
                      writer->release_name);
    }
    buffer_printf(&writer->common, "Date: %s\r\n", date);
    writer->common_shared = writer->common.len;
    if (writer->position > 0) {
        buffer_printf(&writer->common, "Vitrine-Position: %" PRIu64 "\r\n", writer->position);
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

/* A plain addition: there is one writer, and readers want no more than some recent value. */
static void count(struct head_writer *writer, int64_t change)
{
    atomic_uint_fast64_t *at = &writer->counts[writer->class];
    uint64_t value = atomic_load_explicit(at, memory_order_relaxed);

    atomic_store_explicit(at, value + (uint64_t)change, memory_order_relaxed);
}

uint64_t head_count(const struct head_writer *writer, unsigned class)
{
    return atomic_load_explicit(&writer->counts[class], memory_order_relaxed);
}

static void append_status(struct head_writer *writer, unsigned status, struct buffer *out)
{
    const char *text = status_text(status);

    writer->class = status / 100 < STATUS_CLASSES ? status / 100 : 0;
    count(writer, 1);
    APPEND(out, head_start);
    if (text != NULL) {
        buffer_append_str(out, text);
    } else { /* one that a definition declares; the reason phrase may be empty */
        buffer_printf(out, "%03u ", status % 1000);
    }
    APPEND(out, "\r\n");
}

static void append_lines(struct head_writer *writer, const struct head *head, struct buffer *out)
{
    update_common(writer);
    buffer_append(out, writer->common.ptr,
                  head->is_from_source ? writer->common_shared : writer->common.len);
    if (head->is_close) {
        APPEND(out, "Connection: close\r\n");
    } else if (head->is_keep_alive) {
        APPEND(out, "Connection: keep-alive\r\n");
    }
    if (head->extra != NULL) {
        buffer_append_str(out, head->extra);
    }
}

void head_alone(struct head_writer *writer, const struct head *head, struct buffer *out)
{
    append_status(writer, head->status, out);
    append_lines(writer, head, out);
    APPEND(out, "\r\n");
}

void head_begin(struct head_writer *writer, const struct head *head, struct buffer *out)
{
    static const char zeros[DIGITS_MAX] = {'0', '0', '0', '0', '0', '0', '0', '0', '0', '0'};

    writer->start = out->len;
    append_status(writer, head->status, out);
    if (head->type == BODY_JSON) {
        APPEND(out, json_type);
    } else if (head->type == BODY_METRICS) {
        APPEND(out, metrics_type);
    } else {
        APPEND(out, text_type);
    }
    append_lines(writer, head, out);
    APPEND(out, content_length);
    buffer_append(out, zeros, writer->digits);
    APPEND(out, head_stop);
    writer->body = out->len;
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
    count(writer, -1);
    out->len = writer->start;
    out->overflowed = false;
}
