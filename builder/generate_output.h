/*
 * The file that a synthetic export is written to: rows are composed in a large buffer, and the
 * buffer is written when the next row might not fit.
 *
 * A line end stands before each row, so that the end of the last row can be left out.
 *
 * Lifetime: output_open .. output_close or output_abandon, which removes the file.
 * Thread-safety: one owner. Errors: ERR_SYSTEM with the path (a full disk among them).
 */
#ifndef VITRINE_BUILDER_GENERATE_OUTPUT_H
#define VITRINE_BUILDER_GENERATE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct output {
    char *path; /* owned; NULL when closed */
    int fd;
    char *ptr; /* owned */
    size_t len;
    size_t size;
    const char *line_end; /* "\n" or "\r\n" */
    unsigned line_end_len;
    uint64_t row_count; /* without the header */
    uint64_t byte_count;
};

/* Creates PATH (taken over) with room for a row of ROW_SIZE bytes; on an error PATH is freed. */
MUST_CHECK enum err output_open(struct output *output, char *path, size_t row_size,
                                struct errmsg *msg);

/* Writes what the buffer holds. */
MUST_CHECK enum err output_flush(struct output *output, struct errmsg *msg);

/* Puts the line end of the row before and makes room for SIZE bytes; *ROW is where they go. */
static inline enum err output_row(struct output *output, size_t size, char **row,
                                  struct errmsg *msg)
{
    if (output->size - output->len < size + 2) {
        enum err rc = output_flush(output, msg);

        if (rc != ERR_NONE) {
            return rc;
        }
    }
    for (unsigned i = 0; i < output->line_end_len; i++) {
        output->ptr[output->len++] = output->line_end[i];
    }
    *row = output->ptr + output->len;
    return ERR_NONE;
}

/* Ends the file, with a line end or without, and closes it. */
MUST_CHECK enum err output_close(struct output *output, bool has_line_end, struct errmsg *msg);

/* Closes and removes the file, also one that was closed well; accepts one that was never opened. */
void output_abandon(struct output *output);

/* Frees what output_close keeps for output_abandon. */
void output_free(struct output *output);

#endif
