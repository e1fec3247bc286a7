/*
 * The manifest of a release: what it is, and every file in it with sizes and hashes.
 *
 * Written last, as JSON whose final member is the XXH3-64 of all the text before it, so that a cut or
 * edited manifest is noticed before anything in it is believed.
 *
 * Lifetime: one arena, freed by manifest_free. Thread-safety: read-only once read.
 */
#ifndef VITRINE_REPLICA_MANIFEST_H
#define VITRINE_REPLICA_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"
#include "replica/digest.h"

#define MANIFEST_NAME "manifest.json" /* in the folder of a release */

enum {
    MANIFEST_SIZE_MAX = 16 << 20,
    MANIFEST_FILES_MAX = 65536,
};

enum file_kind { FILE_PARTITION, FILE_LISTING, FILE_DEFINITION, FILE_PAGES };

struct manifest_key {
    bool is_text;
    int64_t integer;
    struct slice text;
};

struct manifest_file {
    enum file_kind kind;
    struct slice path;       /* in the release: "loans/0001.db" */
    struct slice collection; /* partitions and listings */
    struct slice listing;    /* FILE_LISTING: its name */
    uint64_t size_bytes;
    uint64_t hash;   /* XXH3-64 of the whole file */
    bool has_digest; /* in a release that is signed */
    uint8_t digest[DIGEST_SIZE];
    uint64_t first_page; /* partitions and listings: where their hashes begin in pages.xxh3 */
    uint64_t row_count;  /* partitions: rows; listings: keys */
    uint64_t key_count;  /* partitions */
    struct manifest_key first_key; /* partitions */
    struct manifest_key last_key;
};

/* What a collection holds, in whatever files. */
struct manifest_collection {
    struct slice name;
    uint64_t row_count;
    uint64_t key_count;
    uint64_t logical_hash; /* logical.h: equal data, equal hash, also of a delta build */
};

struct manifest {
    struct arena arena;
    uint64_t number;        /* of the release */
    unsigned format;        /* FORMAT_VERSION of the writer */
    unsigned oldest_reader; /* the lowest FORMAT_VERSION that can read it */
    struct slice definition_name;
    struct slice source_position;
    uint64_t write_position; /* writes up to this one are in it; 0: none is known of */
    int64_t built_ms;        /* when, ms since 1970 */
    uint64_t parent_number;  /* the release that was current when it was built; 0: none was */
    uint64_t parent_content; /* content_hash of that release */
    struct manifest_collection *collections;
    unsigned collection_count;
    struct manifest_file *files;
    unsigned file_count;
    uint64_t content_hash; /* over kind, path, size and hash of all files: equal data, equal hash */
    uint64_t definition_hash; /* XXH3-64 of the definition's text; 0 when there is no such file */
};

MUST_CHECK enum err manifest_read(const char *path, struct manifest **out, struct errmsg *msg);
MUST_CHECK enum err manifest_parse(const char *path, struct slice text, struct manifest **out,
                                   struct errmsg *msg);
void manifest_free(struct manifest *manifest); /* accepts NULL */

/* The collection NAME, or NULL. */
const struct manifest_collection *manifest_collection(const struct manifest *manifest,
                                                      struct slice name);

/* Appends the JSON; content hash, definition hash and checksum are computed here. */
void manifest_write(const struct manifest *manifest, struct buffer *out);

#endif
