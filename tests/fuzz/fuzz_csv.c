/*
 * The CSV reader: every byte of the input is in a record, in a rejected line, or in an empty one, and
 * a record that is well-formed reads the same after its fields were quoted anew.
 *
 * The first byte of the input chooses the limits and how often a record is given back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "builder/cell.h"
#include "builder/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EXPECTED = 3 };

#define CHECK(fact)                                                                                \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static struct csv *open_text(struct slice text, const struct csv_limits *limits)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    CHECK(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return csv_open_fd(fd, "fuzz", limits);
}

static struct csv_record *next(struct csv *csv)
{
    struct csv_record *record;
    struct errmsg msg;

    CHECK(csv_next(csv, &record, &msg) == ERR_NONE);
    return record;
}

static void append_quoted(struct buffer *out, struct slice text)
{
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        buffer_append_str(out, text.ptr[i] == '"' ? "\"" : "");
        buffer_append_byte(out, text.ptr[i]);
    }
    buffer_append_byte(out, '"');
}

static void check_quoted_anew(const struct csv_record *record)
{
    struct buffer text;
    struct csv *csv;
    struct csv_record *again;

    buffer_init(&text, 1 << 20);
    for (unsigned i = 0; i < record->field_count; i++) {
        buffer_append_str(&text, i == 0 ? "" : ",");
        append_quoted(&text, record->fields[i].text);
    }
    csv = open_text(buffer_slice(&text), &csv_limits_default);
    csv_expect(csv, EXPECTED);
    again = next(csv);
    CHECK(again != NULL && again->problem == NULL);
    for (unsigned i = 0; i < EXPECTED; i++) {
        CHECK(slice_equal(again->fields[i].text, record->fields[i].text));
    }
    CHECK(next(csv) == NULL);
    csv_close(csv);
    buffer_free(&text);
}

/* Every type of column takes every field, or says why not. */
static void check_cells(const struct csv_record *record)
{
    for (unsigned i = 0; i < record->field_count; i++) {
        for (int type = COLUMN_INTEGER; type <= COLUMN_URL; type++) {
            struct table_column column = {
                .header = {"c", 1}, .type = (enum column_type)type, .scale = 2};
            struct cell_room room;
            struct value value;
            struct errmsg msg;
            enum err rc = cell_value(&column, &record->fields[i], &room, &value, &msg);

            CHECK(rc == ERR_NONE || rc == ERR_INPUT);
        }
    }
}

static uint64_t skip_blank(struct slice text, uint64_t at, uint64_t to)
{
    CHECK(to >= at && to <= text.len);
    while (at < to) {
        at += text.ptr[at] == '\r';
        CHECK(at < to && text.ptr[at] == '\n');
        at++;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csv_limits limits = {.record_size = 24, .record_lines = 3};
    struct slice text;
    struct csv *csv;
    struct csv_record *record;
    unsigned reject_every;
    uint64_t at = 0;

    if (size == 0 || size > 1 << 16) {
        return 0;
    }
    limits.record_size += 4 * (data[0] & 31);
    limits.record_lines += data[0] & 7;
    reject_every = 1 + (data[0] >> 5);
    text = slice_of((const char *)data + 1, size - 1);
    csv = open_text(text, &limits);
    csv_expect(csv, EXPECTED);
    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0) {
        at = 3;
    }
    for (unsigned seen = 1; (record = next(csv)) != NULL; seen++) {
        at = skip_blank(text, at, record->offset);
        CHECK(record->text.len <= limits.record_size && record->text.len <= text.len - at);
        CHECK(memcmp(record->text.ptr, text.ptr + at, record->text.len) == 0);
        if (record->problem == NULL) {
            CHECK(record->field_count == EXPECTED);
            check_cells(record);
            check_quoted_anew(record);
            if (seen % reject_every == 0) {
                csv_reject_line(csv);
            }
        }
        /* The next call goes behind the line end, or behind the rest of an overlong line. */
        at += record->text.len;
        while (at < text.len && text.ptr[at] != '\n' && record->text.len == limits.record_size) {
            at++;
        }
        at += at < text.len && text.ptr[at] == '\r';
        at += at < text.len && text.ptr[at] == '\n';
    }
    CHECK(skip_blank(text, at, text.len) == text.len);
    CHECK(csv_offset(csv) == text.len);
    csv_close(csv);
    return 0;
}
