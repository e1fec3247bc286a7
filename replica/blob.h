/*
 * Blobs: the `data` of every row of a partition or listing file, see format.h.
 *
 * Writing packs columns into bytes; reading opens the narrow part and tells where the text is.
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_BLOB_H
#define VITRINE_REPLICA_BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "definition/definition.h"
#include "replica/encoding.h"
#include "replica/format.h"
#include "replica/vector.h"

enum { BLOB_VECTORS_MAX = DEFINITION_FIELDS_MAX + DEFINITION_ORDERS_MAX };

struct blob_header {
    enum blob_kind kind;
    bool is_compressed;
    unsigned vector_count;
    uint32_t row_count;
    uint32_t narrow_size;
    uint64_t content_hash;
};

/*
 * Appends a blob of KIND (not BLOB_LARGE) with COUNT columns of equal row_count to OUT. WIDE is a
 * scratch buffer. Returns the content hash.
 */
uint64_t blob_pack(enum blob_kind kind, const struct column *const *columns, unsigned count,
                   struct buffer *wide, struct buffer *out);

/*
 * The content hash that a blob must have, by its parts: NARROW, header included, and WIDE uncompressed.
 */
uint64_t blob_hash(const struct blob_header *header, struct slice narrow, struct slice wide);

struct blob_large {
    uint64_t row_count;
    uint64_t content_hash;
    uint64_t first_chunk;
    unsigned permutation_count;
    uint64_t first_permutations[DEFINITION_ORDERS_MAX];
};

void blob_pack_large(const struct blob_large *large, struct buffer *out);

/* Reads the header at BYTES (BLOB_HEADER_SIZE of them) of a blob of SIZE bytes. False when damaged. */
bool blob_read_header(const char *bytes, uint64_t size, struct blob_header *out);

/* Reads a whole BLOB_LARGE. False when damaged. */
bool blob_read_large(struct slice bytes, struct blob_large *out);

/*
 * Opens the vectors of a blob from its NARROW part (header included). IS_TEXT says what each must
 * be; VECTORS has room for header->vector_count. WIDE_SIZE is the size of the wide part as it is
 * stored; *TEXT_SIZE becomes its size uncompressed. The vectors must fill both parts exactly. False
 * when damaged.
 */
bool blob_open_vectors(const struct blob_header *header, struct slice narrow, uint64_t wide_size,
                       const bool *is_text, struct vector *vectors, uint32_t *text_size);

/* Gives all vectors their text from a WIDE part that is there whole. */
void blob_attach_text(struct vector *vectors, unsigned count, const char *wide);

#endif
