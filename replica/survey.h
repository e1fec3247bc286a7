/*
 * What a collection's vectors look like on disk: encodings and bytes, counted over every blob.
 */
#ifndef VITRINE_REPLICA_SURVEY_H
#define VITRINE_REPLICA_SURVEY_H

#include "replica/blob.h"
#include "replica/release.h"

struct vector_survey {
    uint64_t count;      /* vectors seen */
    uint64_t null_count; /* of them, vectors with a null bitmap */
    uint64_t narrow_bytes;
    uint64_t text_bytes;
    uint64_t encodings[ENCODING_COUNT]; /* how many vectors use each */
};

struct survey {
    unsigned vector_count; /* stored fields, then one for the permutations of each other order */
    struct vector_survey vectors[BLOB_VECTORS_MAX];
    uint64_t blob_count;
    uint64_t large_count;       /* keys with more than CHUNK_ROWS rows */
    uint64_t compressed_count;  /* blobs with compressed text */
    uint64_t stored_text_bytes; /* of all vectors, as stored */
    uint64_t header_bytes;
};

/* Reads every blob of the collection in RELEASE. ERR_CORRUPT names file and row. */
MUST_CHECK enum err survey_collection(const struct release *release,
                                      const struct collection *collection, struct survey *out,
                                      struct errmsg *msg);

#endif
