/*
 * A range of a collection as it comes out of the source: its rows in order, each with its nested rows beside it.
 *
 * Good for: one pass over a collection with bounded memory, whatever its size.
 * Under the hood: one source stream for the rows and one for each nested member, all sorted alike and
 * merged; nested rows become finished JSON on the way.
 * Thread-safety: none; belongs to the thread of its source.
 * Errors: ERR_SOURCE from the database; ERR_REFUSED for a row without a key, and for a second row of a
 * key in a collection without orders; ERR_INPUT for what else the definition cannot take, with
 * collection, key and column: `loans: key 17: column days: "abc" is not an integer`.
 */
#ifndef VITRINE_BUILDER_STREAM_H
#define VITRINE_BUILDER_STREAM_H

#include "base/arena.h"
#include "builder/key_range.h"
#include "builder/sorting.h"
#include "definition/definition.h"
#include "replica/reader.h"
#include "source/source.h"

struct stream;

/* One field of the current row, as it will be stored. */
struct stream_field {
    bool is_null;
    int64_t integer;   /* held integer */
    struct slice text; /* JSON-escaped text or finished JSON */
    struct slice raw;  /* text before it was escaped */
};

/* The current row; everything lives until the next call. */
struct stream_row {
    struct key key;
    bool is_first;                     /* of its key */
    const struct stream_field *fields; /* indexed as in the collection */
};

/* The rows of the keys within RANGE, which outlives the stream. */
MUST_CHECK enum err stream_open(struct source *source, const struct collection *collection,
                                const struct key_range *range, struct stream **out,
                                struct errmsg *msg);

/*
 * The next row or NULL at the end. Checks on the way that keys are not null and ascend, that a
 * document collection has one row a key, that the stored order is total and as declared, and at the
 * end that every nested row found the row it belongs to.
 */
MUST_CHECK enum err stream_next(struct stream *stream, const struct stream_row **row,
                                struct errmsg *msg);

/* Bytes of values read from the source so far. */
uint64_t stream_bytes(const struct stream *stream);

/* Members of maps that were left out because their name was there before. */
uint64_t stream_duplicate_names(const struct stream *stream);

void stream_close(struct stream *stream); /* accepts NULL */

/* "key 17" or `key "978-..."`, cut to fit, for messages. TEXT has KEY_TEXT_SIZE bytes. */
enum { KEY_TEXT_SIZE = 96 };
char *key_text(char *text, const struct key *key);

#endif
