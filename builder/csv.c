#include "builder/csv_scan.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"

const struct csv_limits csv_limits_default = {CSV_RECORD_SIZE_MAX, CSV_RECORD_LINES_MAX};

struct csv *csv_open_fd(int fd, const char *path, const struct csv_limits *limits)
{
    struct csv *csv = memory_calloc(1, sizeof *csv);

    csv->fd = fd;
    csv->path = memory_copy_str(path);
    csv->limits = *limits;
    csv->capacity = 2 * (limits->record_size + LINE_END_MAX);
    csv->window = memory_calloc(csv->capacity + 1, 1);
    csv->unescaped = memory_calloc(limits->record_size + LINE_END_MAX + 1, 1);
    csv->record.fields = memory_calloc(CSV_FIELDS_MAX, sizeof csv->record.fields[0]);
    csv->line = 1;
    csv->hash = XXH3_createState();
    (void)XXH3_64bits_reset(csv->hash);
    return csv;
}

enum err csv_open(const char *path, const struct csv_limits *limits, struct csv **out,
                  struct errmsg *msg)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return err_sys(msg, errno, "open %s", path);
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *out = csv_open_fd(fd, path, limits);
    return ERR_NONE;
}

void csv_close(struct csv *csv)
{
    if (csv != NULL) {
        close(csv->fd);
        free(csv->path);
        free(csv->window);
        free(csv->unescaped);
        free(csv->record.fields);
        XXH3_freeState(csv->hash);
        free(csv);
    }
}

void csv_expect(struct csv *csv, unsigned field_count)
{
    assert(field_count <= CSV_FIELDS_MAX);
    csv->expected = field_count;
}

uint64_t csv_offset(const struct csv *csv)
{
    return csv->offset + csv->pending_size;
}

uint64_t csv_hash(const struct csv *csv)
{
    return XXH3_64bits_digest(csv->hash);
}

/* ---- the window ---- */

/* Reads until the longest record and its line end are at hand, or the file has no more. */
static enum err fill(struct csv *csv, struct errmsg *msg)
{
    size_t need = csv->limits.record_size + LINE_END_MAX;

    if (csv->at_eof || csv->end - csv->start >= need) {
        return ERR_NONE;
    }
    memmove(csv->window, csv->window + csv->start, csv->end - csv->start);
    csv->end -= csv->start;
    csv->start = 0;
    while (csv->end < need) {
        ssize_t got = read(csv->fd, csv->window + csv->end, csv->capacity - csv->end);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_sys(msg, errno, "read %s", csv->path);
        }
        if (got == 0) {
            csv->at_eof = true;
            break;
        }
        (void)XXH3_64bits_update(csv->hash, csv->window + csv->end, (size_t)got);
        csv->end += (size_t)got;
    }
    return ERR_NONE;
}

static void consume(struct csv *csv, size_t size, unsigned lines)
{
    csv->start += size;
    csv->offset += size;
    csv->line += lines;
}

/* The rest of a line that was longer than the window. */
static enum err skip_line(struct csv *csv, struct errmsg *msg)
{
    while (csv->is_skipping) {
        const char *from = csv->window + csv->start;
        const char *line_end = memchr(from, '\n', csv->end - csv->start);

        if (line_end != NULL) {
            consume(csv, (size_t)(line_end + 1 - from), 1);
            csv->is_skipping = false;
        } else {
            enum err rc;

            consume(csv, csv->end - csv->start, csv->at_eof ? 1 : 0);
            if (csv->at_eof) {
                csv->is_skipping = false;
                return ERR_NONE;
            }
            rc = fill(csv, msg);
            if (rc != ERR_NONE) {
                return rc;
            }
        }
    }
    return ERR_NONE;
}

/* Goes to the first byte of the next record, behind a byte order mark and empty lines. */
static enum err seek_record(struct csv *csv, struct errmsg *msg)
{
    enum err rc;

    consume(csv, csv->pending_size, csv->pending_lines);
    csv->pending_size = 0;
    csv->pending_lines = 0;
    rc = skip_line(csv, msg);
    if (rc == ERR_NONE) {
        rc = fill(csv, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    if (csv->offset == 0 && csv->end >= 3 && memcmp(csv->window, "\xef\xbb\xbf", 3) == 0) {
        consume(csv, 3, 0);
    }
    for (;;) {
        const char *at;
        size_t len;

        rc = fill(csv, msg);
        at = csv->window + csv->start;
        len = csv_line_end_len(at, csv->window + csv->end);
        if (rc != ERR_NONE || len == 0) {
            return rc;
        }
        consume(csv, len, 1);
    }
}

/* ---- one record ---- */

static const char *check_record(struct csv *csv)
{
    const struct csv_record *record = &csv->record;

    if (record->text.len > csv->limits.record_size) {
        return csv_problem_too_long(csv);
    }
    if (csv->expected != 0 && record->field_count != csv->expected) {
        snprintf(csv->problem, sizeof csv->problem, "%u fields instead of %u", record->field_count,
                 csv->expected);
        return csv->problem;
    }
    if (memchr(record->text.ptr, '\0', record->text.len) != NULL) {
        return "a NUL byte";
    }
    return utf8_is_valid(record->text) ? NULL : "bytes that are not UTF-8";
}

void csv_reject_line(struct csv *csv)
{
    const char *from = csv->window + csv->start;
    size_t have = csv->end - csv->start;
    const char *newline = memchr(from, '\n', have);
    size_t len = newline == NULL ? have : (size_t)(newline - from);

    csv->pending_size = newline == NULL ? have : len + 1;
    csv->pending_lines = newline != NULL || csv->at_eof ? 1 : 0;
    csv->is_skipping = newline == NULL && !csv->at_eof;
    if (newline != NULL && len > 0 && from[len - 1] == '\r') {
        len--;
    }
    /* What the window holds beyond that depends on where it lies. */
    len = len > csv->limits.record_size ? csv->limits.record_size : len;
    csv->record.text = slice_of(from, len);
    csv->record.line_count = 1;
    csv->record.field_count = 0;
}

enum err csv_next(struct csv *csv, struct csv_record **out, struct errmsg *msg)
{
    struct csv_record *record = &csv->record;
    size_t most = csv->limits.record_size + LINE_END_MAX;
    struct csv_scan scan = {.lines = 0};
    size_t have;
    enum err rc = seek_record(csv, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    have = csv->end - csv->start;
    if (have == 0) {
        *out = NULL;
        return ERR_NONE;
    }
    scan.at = csv->window + csv->start;
    scan.end = scan.at + (have < most ? have : most);
    scan.ends_file = csv->at_eof && have <= most;
    record->field_count = 0;
    record->line = csv->line;
    record->offset = csv->offset;
    csv->unescaped_len = 0;
    record->problem = csv_scan_fields(csv, &scan);
    record->text =
        slice_of(csv->window + csv->start, (size_t)(scan.at - (csv->window + csv->start)));
    if (record->problem == NULL) {
        record->problem = check_record(csv);
    }
    if (record->problem != NULL) {
        csv_reject_line(csv);
    } else {
        csv->pending_size = record->text.len + csv_line_end_len(scan.at, scan.end);
        csv->pending_lines = scan.lines + 1;
        record->line_count = csv->pending_lines;
    }
    *out = record;
    return ERR_NONE;
}
