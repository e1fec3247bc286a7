/*
 * A streaming reader of CSV exports (RFC 4180 and the dirt of real life) that finds its way back.
 *
 * Good for: files of any size with damaged records in them. A record may span physical lines; one
 * that is damaged costs its first physical line only, and reading resumes at the next, so a missing
 * closing quote never costs the records that it swallowed. docs/import.md has the rules.
 *
 * Under the hood: a window of twice the longest record slides over the file, so a record is always
 * scanned in one piece; fields are views of the window unless they held doubled quotes. Reading
 * again from the second line of a damaged record keeps the work linear: a line that leaves a quote
 * open must have an odd run of quotes, and such a run ends (or closes and opens anew, one field
 * later) the quote that an earlier line left open. A line is therefore scanned at most once a
 * column.
 *
 * Thread-safety: a reader belongs to one thread.
 * Errors: ERR_SYSTEM when the file cannot be read. Damage is not an error: record->problem.
 */
#ifndef VITRINE_BUILDER_CSV_H
#define VITRINE_BUILDER_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    CSV_RECORD_SIZE_MAX = 1 << 20, /* bytes, without the line end */
    CSV_RECORD_LINES_MAX = 1000,   /* physical lines */
    CSV_FIELDS_MAX = 1024,         /* of the header line */
};

/* What a record may be at most; tests use small ones to move the edge of the window. */
struct csv_limits {
    size_t record_size;
    unsigned record_lines;
};

extern const struct csv_limits csv_limits_default;

struct csv_field {
    struct slice text; /* without its quotes, doubled ones made single */
    bool is_quoted;
};

struct csv_record {
    struct csv_field *fields; /* none when there is a problem */
    unsigned field_count;
    uint64_t line;       /* the physical line, from 1, on which it starts */
    uint64_t offset;     /* the byte of the file at which it starts */
    unsigned line_count; /* physical lines that it takes */
    struct slice text;   /* as it stands in the file, without its line end */
    const char *problem; /* NULL, or what is wrong: `text` is then the first physical line, cut to
                            the size that a record may have */
};

struct csv;

MUST_CHECK enum err csv_open(const char *path, const struct csv_limits *limits, struct csv **out,
                             struct errmsg *msg);

/*
 * The same for an open file, which the reader then owns also when this fails; PATH is for messages.
 */
struct csv *csv_open_fd(int fd, const char *path, const struct csv_limits *limits);
void csv_close(struct csv *csv); /* accepts NULL */

/* From the next record on, another number of fields than this is a problem. */
void csv_expect(struct csv *csv, unsigned field_count);

/* The next record, or *RECORD = NULL at the end. It lives until the next call. */
MUST_CHECK enum err csv_next(struct csv *csv, struct csv_record **record, struct errmsg *msg);

/*
 * Gives the current record back but for its first physical line, which becomes its text: reading
 * resumes at the line behind it.
 */
void csv_reject_line(struct csv *csv);

/* Bytes of the file behind which reading resumes: for progress. */
uint64_t csv_offset(const struct csv *csv);

/* XXH3-64 of the bytes read so far: at the end, of the file. */
uint64_t csv_hash(const struct csv *csv);

#endif
