/*
 * The insides of the CSV reader, shared by csv.c (window, lines, resuming) and csv_scan.c (the
 * fields of one record).
 */
#ifndef VITRINE_BUILDER_CSV_SCAN_H
#define VITRINE_BUILDER_CSV_SCAN_H

#include <xxhash.h>

#include "builder/csv.h"

enum { LINE_END_MAX = 2, PROBLEM_MAX = 96 };

struct csv {
    int fd;
    char *path;
    struct csv_limits limits;
    unsigned expected; /* fields a record, 0 while the header is not known */
    char *window;      /* a NUL stands behind its capacity */
    size_t capacity;
    size_t start; /* where the record at hand starts in the window */
    size_t end;   /* bytes of the window in use */
    bool at_eof;  /* the file has nothing behind `end` */
    XXH3_state_t *hash;
    uint64_t offset;
    uint64_t line;
    size_t pending_size; /* bytes and lines of the record at hand, consumed by the next call */
    unsigned pending_lines;
    bool is_skipping; /* the rest of an overlong line comes before the next record */
    char *unescaped;  /* fields that held doubled quotes */
    size_t unescaped_len;
    struct csv_record record;
    char problem[PROBLEM_MAX];
};

/* A record being scanned: [at, end) is what may be looked at. */
struct csv_scan {
    const char *at;
    const char *end;
    bool ends_file; /* nothing follows `end`; otherwise reaching it means the record is too long */
    unsigned lines; /* line ends within quoted fields so far */
};

/* 1 for "\n" and 2 for "\r\n" at AT, otherwise 0. */
size_t csv_line_end_len(const char *at, const char *end);

/* Scans fields until the record's line end, at which it leaves scan->at; NULL, or what is wrong. */
const char *csv_scan_fields(struct csv *csv, struct csv_scan *scan);

const char *csv_problem_too_long(struct csv *csv);

#endif
