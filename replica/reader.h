/*
 * Reads row groups of one release: the whole read path below HTTP.
 *
 * Good for: a thread that answers requests. One reader a thread a release.
 * Under the hood: one SQLite file a partition, immutable and mapped: one B-tree descent a key, no SQL
 * (partition.h).
 * Thread-safety: none; a reader belongs to its thread.
 * Memory: what a call reads lives in the ARENA that it was given, or in the mapped file, as long as
 * the reader; text only until rows_next is called for another group.
 * Errors: ERR_CORRUPT with file and key, when stored bytes are not what they must be; ERR_COLD after
 * reader_watch, when they are not in memory.
 *
 *   reader_find(...)  ->  struct group    how many rows there are; no text is read yet
 *   group_rows(...)   ->  struct rows     a page of it, in one of its orders
 *   rows_next(...)    ->  struct chunk    a run of rows whose vectors can be read with vector.h
 */
#ifndef VITRINE_REPLICA_READER_H
#define VITRINE_REPLICA_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "definition/definition.h"
#include "replica/release.h"
#include "replica/vector.h"

struct reader;

struct key {
    bool is_text;
    int64_t integer;
    struct slice text;
};

/* Bytes and lookups since the reader was opened; the tests of the format count them. */
struct reader_counts {
    uint64_t lookups;        /* blobs that were sought */
    uint64_t narrow_bytes;   /* headers and narrow parts read */
    uint64_t text_bytes;     /* wide parts read, as stored */
    uint64_t unpacked_bytes; /* text that was uncompressed */
};

MUST_CHECK enum err reader_open(struct release *release, struct reader **out, struct errmsg *msg);
void reader_close(struct reader *reader); /* accepts NULL; drops its reference to the release */

/*
 * From now on the kernel reads single pages, and what would wait for them fails with ERR_COLD. What is
 * read already stays as it is. Pages that are not in memory are recognised as residence.h says.
 */
void reader_watch(struct reader *reader);

/* After reader_watch: begins a request, which waits for the disk when it MAY_WAIT. */
void reader_begin(struct reader *reader, bool may_wait);

const struct release *reader_release(const struct reader *reader);
const struct reader_counts *reader_counts(const struct reader *reader);

/* The vectors of one blob: stored field i is vectors[i]. */
struct chunk {
    uint32_t row_count;
    unsigned vector_count;
    struct vector *vectors;
    uint32_t narrow_size; /* bytes of the narrow part */
    bool is_whole;        /* all its text is there */
    struct slice packed;  /* all its text, compressed; empty otherwise */
    uint32_t text_size;   /* bytes of all its text */
    int table;            /* where its blob is: the reader's own */
    int64_t id;
};

struct partition; /* an open file: the reader's own */

/* All rows of one key. */
struct group {
    struct reader *reader;
    struct partition *partition;
    const struct collection *collection;
    struct arena *arena;
    uint64_t row_count;
    uint64_t content_hash; /* equal content has equal hashes across releases */
    bool is_large;         /* rows are in chunks of their own */
    struct chunk chunk;    /* !is_large: the rows, narrow part read */
    uint64_t first_chunk;
    uint64_t first_permutation[DEFINITION_ORDERS_MAX];
};

/* Looks KEY up; *FOUND is false when the collection does not have it, and then OUT is empty. */
MUST_CHECK enum err reader_find(struct reader *reader, unsigned collection_index,
                                const struct key *key, struct arena *arena, struct group *out,
                                bool *found, struct errmsg *msg);

/* A page of a group on its way out. Plain memory; nothing to close. */
struct rows {
    struct group *group;
    unsigned order;
    uint64_t at; /* next position in the order */
    uint64_t end;
    uint64_t vectors;   /* bit i: stored field i will be read */
    struct chunk chunk; /* the one that holds the row given last */
    uint64_t chunk_number;
    bool has_chunk;
    bool has_text; /* of rows first_text .. last_text of the chunk */
    uint32_t first_text;
    uint32_t last_text;
    struct chunk permutation; /* large groups: a block of the order's permutation */
    uint64_t permutation_block;
    bool has_permutation;
};

/*
 * Positions FIRST .. FIRST+COUNT-1 of the group in the collection's order number ORDER, cut to the
 * rows that there are. VECTORS says which stored fields the caller will read.
 */
void group_rows(struct group *group, unsigned order, uint64_t first, uint64_t count,
                uint64_t vectors, struct rows *out);

/*
 * The next row: *CHUNK with its vectors, text loaded, and *ROW in it; *CHUNK = NULL at the end.
 * Read the row before asking for the next one: the text that is loaded may be replaced then.
 */
MUST_CHECK enum err rows_next(struct rows *rows, const struct chunk **chunk, uint32_t *row,
                              struct errmsg *msg);

/* How many keys the listing has. */
uint64_t reader_listing_count(const struct reader *reader, unsigned collection_index,
                              unsigned listing);

/*
 * The keys at FIRST .. FIRST+COUNT-1 of a listing, cut to what there is, into KEYS (room for COUNT).
 */
MUST_CHECK enum err reader_listing(struct reader *reader, unsigned collection_index,
                                   unsigned listing, uint64_t first, uint32_t count,
                                   struct arena *arena, struct key *keys, uint32_t *got,
                                   struct errmsg *msg);

#endif
