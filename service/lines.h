/*
 * What llhttp lets pass in the lines of a head, and is refused here.
 *
 * Good for: folded lines, which llhttp joins and others do not, and line feeds without a carriage return,
 * where they end a first line, a head or a trailer. Whoever is in front may see another request in those
 * bytes than llhttp does (RFC 9112, 2.2 and 5.2).
 * Under the hood: llhttp tells where names and values are; what is between them is looked at in the bytes,
 * which may come in any pieces. A usual line costs a few comparisons.
 * Thread-safety: none; it belongs to its parser.
 */
#ifndef VITRINE_SERVICE_LINES_H
#define VITRINE_SERVICE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum line_part {
    LINE_ENDED,
    LINE_VERSION, /* behind it, or still within */
    LINE_NAME,    /* the name has come, of the value there is nothing yet */
    LINE_VALUE,
};

struct lines {
    const char *fed; /* the bytes being fed */
    const char *fed_end;
    enum line_part part;
    const char *name_end; /* LINE_NAME: or where the bytes being fed begin */
    unsigned ends_seen;   /* LINE_NAME: ends of lines behind the name, in bytes fed before */
    int32_t end;          /* of the last line that was read, from `fed` on: where its CR LF is */
    char last_byte;       /* of those fed before */
};

/* BYTES, one at least, are about to be fed; false when they end a first line by a line feed alone. */
bool lines_begin(struct lines *lines, struct slice bytes);

/* They have all been fed, and the request goes on. */
void lines_pause(struct lines *lines);

/* LEN bytes of the version are AT; false when its line ends in a line feed alone. */
bool lines_note_version(struct lines *lines, const char *at, size_t len);

/* LEN bytes of a name are AT. */
void lines_note_name(struct lines *lines, const char *at, size_t len);

/* LEN bytes of a value are AT, or there are none; false when their line is folded. */
bool lines_note_value(struct lines *lines, const char *at, size_t len);

/* Whether a head that is complete ends in CR LF, or what was fed and TAKEN of it. */
bool lines_end_head(const struct lines *lines);
bool lines_end_trailer(const struct lines *lines, size_t taken);

#endif
