#include "builder/csv_scan.h"

#include <stdio.h>
#include <string.h>

size_t csv_line_end_len(const char *at, const char *end)
{
    if (at < end && *at == '\n') {
        return 1;
    }
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? 2 : 0;
}

const char *csv_problem_too_long(struct csv *csv)
{
    snprintf(csv->problem, sizeof csv->problem, "a record longer than %zu bytes",
             csv->limits.record_size);
    return csv->problem;
}

static void keep_unescaped(struct csv *csv, const char *from, size_t size)
{
    memcpy(csv->unescaped + csv->unescaped_len, from, size);
    csv->unescaped_len += size;
}

static void count_lines(struct csv_scan *scan, const char *from, const char *to)
{
    while ((from = memchr(from, '\n', (size_t)(to - from))) != NULL) {
        scan->lines++;
        from++;
    }
}

/* Stands behind the opening quote; ends behind the closing one. */
static const char *scan_quoted(struct csv *csv, struct csv_scan *scan, struct csv_field *field)
{
    const char *piece = scan->at;
    char *copy = csv->unescaped + csv->unescaped_len;
    bool is_copied = false;

    for (;;) {
        const char *from = scan->at;
        const char *quote = memchr(from, '"', (size_t)(scan->end - from));

        count_lines(scan, from, quote == NULL ? scan->end : quote);
        if (scan->lines >= csv->limits.record_lines || (quote == NULL && !scan->ends_file)) {
            snprintf(csv->problem, sizeof csv->problem,
                     "a quoted field does not end within %zu bytes and %u lines",
                     csv->limits.record_size, csv->limits.record_lines);
            return csv->problem;
        }
        if (quote == NULL) {
            return "a quoted field does not end";
        }
        scan->at = quote + 1;
        if (scan->at == scan->end || *scan->at != '"') {
            field->text = slice_of(piece, (size_t)(quote - piece));
            if (is_copied) {
                keep_unescaped(csv, piece, (size_t)(quote - piece));
                field->text = slice_of(copy, (size_t)(csv->unescaped + csv->unescaped_len - copy));
            }
            return NULL;
        }
        keep_unescaped(csv, piece, (size_t)(scan->at - piece));
        is_copied = true;
        piece = ++scan->at;
    }
}

static void scan_unquoted(struct csv_scan *scan, struct csv_field *field)
{
    const char *from = scan->at;
    const char *at = from;

    while (at < scan->end && *at != ',' && *at != '\n') {
        at++;
    }
    if (at < scan->end && *at == '\n' && at > from && at[-1] == '\r') {
        at--;
    }
    scan->at = at;
    field->text = slice_of(from, (size_t)(at - from));
}

const char *csv_scan_fields(struct csv *csv, struct csv_scan *scan)
{
    unsigned most = csv->expected == 0 ? CSV_FIELDS_MAX : csv->expected;
    struct csv_record *record = &csv->record;

    for (;;) {
        struct csv_field *field = &record->fields[record->field_count++];

        field->is_quoted = scan->at < scan->end && *scan->at == '"';
        if (field->is_quoted) {
            const char *problem;

            scan->at++;
            problem = scan_quoted(csv, scan, field);
            if (problem != NULL) {
                return problem;
            }
        } else {
            scan_unquoted(scan, field);
        }
        if (scan->at == scan->end) {
            return scan->ends_file ? NULL : csv_problem_too_long(csv);
        }
        if (csv_line_end_len(scan->at, scan->end) > 0) {
            return NULL;
        }
        if (*scan->at != ',') {
            return "text after a closing quote";
        }
        if (record->field_count == most) {
            snprintf(csv->problem, sizeof csv->problem, "more than %u fields", most);
            return csv->problem;
        }
        scan->at++;
    }
}
