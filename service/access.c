#include "service/access.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/number.h"
#include "base/timestamp.h"
#include "service/connection.h"

enum {
    OPEN_MAX = 4 << 20, /* of the requests of one read; more than they can come to */
    LINES_MAX = 8 << 20,
    FLUSH_SIZE = 64 << 10, /* many enough for a write */
    FAILED_STATUS = 400,
    NS_PER_US = 1000,
};

/* What a line says, but for the time and how long it took. */
struct entry {
    const char *method;
    struct slice target;
    struct slice id;          /* empty: it has none */
    char client[ADDRESS_MAX]; /* empty: it is gone */
    unsigned status;
    size_t size;
};

/* What stands before each value, and at the end. */
struct wording {
    const char *time;
    const char *entry;
    const char *client;
    const char *id;
    const char *method;
    const char *target;
    const char *status;
    const char *bytes;
    const char *us;
    const char *end;
};

static const struct wording text_wording = {
    .time = "time=",
    .entry = " ",
    .client = "client=",
    .id = " id=",
    .method = " method=",
    .target = " target=",
    .status = " status=",
    .bytes = " bytes=",
    .us = " us=",
    .end = "\n",
};

static const struct wording json_wording = {
    .time = "{\"time\":\"",
    .entry = "\",",
    .client = "\"client\":\"",
    .id = "\",\"id\":\"",
    .method = "\",\"method\":\"",
    .target = "\",\"target\":",
    .status = ",\"status\":",
    .bytes = ",\"bytes\":",
    .us = ",\"us\":",
    .end = "}\n",
};

struct access_kept {
    struct entry entry;
    char texts[]; /* its target and its id */
};

void access_init(struct access *access, struct access_log *log, const struct proxies *proxies)
{
    *access = (struct access){.log = log, .proxies = proxies};
    buffer_init(&access->open, OPEN_MAX);
    buffer_init(&access->lines, LINES_MAX);
}

void access_free(struct access *access)
{
    if (access->log != NULL) {
        access_flush(access);
    }
    buffer_free(&access->open);
    buffer_free(&access->lines);
}

/* ---- what a line says ---- */

static const struct wording *wording_of(const struct access *access)
{
    return access_log_options(access->log)->is_json ? &json_wording : &text_wording;
}

static const char *method_name(enum request_method method)
{
    static const char *const names[] = {
        [METHOD_GET] = "GET",       [METHOD_HEAD] = "HEAD",   [METHOD_OPTIONS] = "OPTIONS",
        [METHOD_POST] = "POST",     [METHOD_PUT] = "PUT",     [METHOD_PATCH] = "PATCH",
        [METHOD_DELETE] = "DELETE", [METHOD_OTHER] = "OTHER",
    };

    return names[method];
}

/* Few clients ask most of the time, proxies above all: the text of the last one is kept. */
static void write_client(struct access *access, const struct connection *connection,
                         struct slice forwarded, char *out)
{
    struct address peer;
    struct address client;

    out[0] = '\0';
    if (connection == NULL || !connection_peer(connection, &peer)) {
        return;
    }
    client = proxies_client(access->proxies, &peer, forwarded);
    if (access->client_text[0] == '\0' || !address_equal(&client, &access->client)) {
        access->client = client;
        address_write(&client, access->client_text);
    }
    memcpy(out, access->client_text, ADDRESS_MAX);
}

static struct entry entry_of(struct access *access, const struct request *request)
{
    struct entry entry = {
        .method = method_name(request->method), .target = request->target, .id = request->id};

    write_client(access, request->connection, request->headers[HEADER_X_FORWARDED_FOR],
                 entry.client);
    return entry;
}

/* Whether a request that ended so has a line. */
static bool is_wanted(struct access *access, unsigned status)
{
    if (status >= FAILED_STATUS || status == 0) {
        return true;
    }
    if (++access->skipped < access_log_options(access->log)->sample) {
        return false;
    }
    access->skipped = 0;
    return true;
}

static void append_number(struct buffer *out, uint64_t value)
{
    char *room = buffer_reserve(out, NUMBER_TEXT_MAX);

    if (room != NULL) {
        out->len += write_integer(room, (int64_t)value);
    }
}

/* No value has a line feed: texts are written as JSON has them, in both formats. */
static void write_entry(struct access *access, const struct entry *entry)
{
    const struct wording *wording = wording_of(access);
    struct buffer *out = &access->open;
    size_t before = out->len;

    buffer_append_str(out, wording->client);
    buffer_append_str(out, entry->client[0] == '\0' ? "-" : entry->client);
    buffer_append_str(out, wording->id);
    buffer_append_slice(out, entry->id.len == 0 ? slice_str("-") : entry->id);
    buffer_append_str(out, wording->method);
    buffer_append_str(out, entry->method);
    buffer_append_str(out, wording->target);
    json_write_string(out, entry->target);
    buffer_append_str(out, wording->status);
    append_number(out, entry->status);
    buffer_append_str(out, wording->bytes);
    append_number(out, entry->size);
    buffer_append_byte(out, '\n');
    if (out->overflowed) {
        out->len = before;
        out->overflowed = false;
        access_log_drop(access->log, 1);
    } else {
        access->open_count++;
    }
}

/* ---- requests ---- */

void access_answered(struct access *access, const struct request *request, unsigned status,
                     size_t size)
{
    struct entry entry;

    if (is_wanted(access, status)) {
        entry = entry_of(access, request);
        entry.status = status;
        entry.size = size;
        write_entry(access, &entry);
    }
}

void access_refused(struct access *access, const struct connection *connection, struct slice id,
                    unsigned status, size_t size)
{
    struct entry entry = {
        .method = "-", .target = slice_of("", 0), .id = id, .status = status, .size = size};

    if (is_wanted(access, status)) {
        write_client(access, connection, slice_of(NULL, 0), entry.client);
        write_entry(access, &entry);
    }
}

struct access_kept *access_keep(struct access *access, const struct request *request)
{
    struct slice target = request->target;
    struct slice id = request->id;
    struct access_kept *kept = memory_alloc(sizeof *kept + target.len + id.len);

    kept->entry = entry_of(access, request);
    memcpy(kept->texts, target.ptr, target.len);
    kept->entry.target.ptr = kept->texts;
    if (id.len > 0) {
        memcpy(kept->texts + target.len, id.ptr, id.len);
        kept->entry.id.ptr = kept->texts + target.len;
    }
    return kept;
}

void access_answered_later(struct access *access, struct access_kept *kept, unsigned status,
                           size_t size)
{
    if (is_wanted(access, status)) {
        kept->entry.status = status;
        kept->entry.size = size;
        write_entry(access, &kept->entry);
    }
    free(kept);
}

/* ---- lines ---- */

/* The line of one entry, with what is known now. */
static void finish_line(struct access *access, struct slice entry, const char *time,
                        uint64_t time_us)
{
    const struct wording *wording = wording_of(access);
    struct buffer *out = &access->lines;

    buffer_append_str(out, wording->time);
    buffer_append(out, time, TIMESTAMP_TEXT_LEN);
    buffer_append_str(out, wording->entry);
    buffer_append_slice(out, entry);
    buffer_append_str(out, wording->us);
    append_number(out, time_us);
    buffer_append_str(out, wording->end);
}

void access_sent(struct access *access, uint64_t time_ns)
{
    char time[TIMESTAMP_TEXT_LEN];
    const char *at = access->open.ptr;
    const char *end;

    if (access->open_count == 0) {
        return;
    }
    timestamp_write(time, timestamp_now_ms());
    for (uint64_t i = 0; i < access->open_count; i++) {
        end = rawmemchr(at, '\n');
        finish_line(access, slice_of(at, (size_t)(end - at)), time, time_ns / NS_PER_US);
        at = end + 1;
    }
    access->line_count += access->open_count;
    access->open_count = 0;
    buffer_clear(&access->open);
    if (access->lines.len >= FLUSH_SIZE) {
        access_flush(access);
    }
}

void access_flush(struct access *access)
{
    if (access->line_count > 0) {
        access_log_add(access->log, &access->lines, access->line_count);
        access->line_count = 0;
    }
}
