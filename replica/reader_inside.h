/*
 * The inside of a reader, shared by reader.c, rows.c and listing.c.
 */
#ifndef VITRINE_REPLICA_READER_INSIDE_H
#define VITRINE_REPLICA_READER_INSIDE_H

#include "replica/blob.h"
#include "replica/partition.h"
#include "replica/reader.h"

/* The files of one collection, and what every blob of it must hold. */
struct collection_files {
    struct partition *partitions; /* ascending keys */
    unsigned partition_count;
    struct partition *listings;     /* indexed as in the definition; file NULL when missing */
    bool is_text[BLOB_VECTORS_MAX]; /* stored fields, then permutations */
};

struct reader {
    struct release *release;
    struct collection_files *collections;
    struct reader_counts counts;
    struct residence_clock clock;   /* reader_watch was called: of its files */
    struct arena chunk_arena;       /* the chunk of a large group that was entered last */
    const struct rows *chunk_owner; /* whose it is; another page must enter its chunk again */
};

/* A blob whose narrow part, at least, has been read. */
struct stored_blob {
    uint64_t size;
    struct blob_header header;
    struct slice bytes; /* narrow part, or everything */
};

/* "read FILE: groups 17 is damaged" */
enum err stored_damaged(const struct partition *partition, enum partition_table table, int64_t id,
                        struct errmsg *msg);

/*
 * Finds row ID of TABLE: all of it in the mapped file when it fits its page; otherwise header and
 * narrow part are read into ARENA, and the rest as well when the blob is small. *FOUND is false
 * when there is no such row.
 */
MUST_CHECK enum err stored_read(struct reader *reader, struct partition *partition,
                                enum partition_table table, int64_t id, struct arena *arena,
                                struct stored_blob *out, bool *found, struct errmsg *msg);

/*
 * The same for a row that must be there and must be of KIND with VECTOR_COUNT vectors; opens them.
 */
MUST_CHECK enum err stored_open(struct reader *reader, struct partition *partition,
                                enum partition_table table, int64_t id, enum blob_kind kind,
                                unsigned vector_count, const bool *is_text, struct arena *arena,
                                struct chunk *out, struct errmsg *msg);

/* Opens the vectors of a blob that was read. False when they are damaged. */
bool stored_open_vectors(const struct stored_blob *blob, enum blob_kind kind, unsigned vector_count,
                         const bool *is_text, struct arena *arena, struct chunk *out);

/*
 * Makes all text of a compressed chunk readable. That of a small group, which has one chunk only,
 * stays where it was uncompressed: until the next small group of the partition is. Other text is
 * copied into ARENA.
 */
MUST_CHECK enum err stored_unpack_text(struct reader *reader, struct partition *partition,
                                       struct chunk *chunk, struct arena *arena,
                                       struct errmsg *msg);

/* Reads the text that rows FIRST .. LAST of the chunk's vector number VECTOR need. */
MUST_CHECK enum err stored_load_text(struct reader *reader, struct partition *partition,
                                     const struct chunk *chunk, unsigned vector, uint32_t first,
                                     uint32_t last, struct arena *arena, struct errmsg *msg);

#endif
