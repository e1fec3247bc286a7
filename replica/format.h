/*
 * The stored format of a release; docs/format.md explains it with examples.
 *
 * A release is a folder:
 *
 *   manifest.json            names, sizes, rows, keys and hashes of every other file; written last
 *   pages.xxh3               XXH3-64 of every 4096-byte page of every partition and listing file
 *   definition.yaml          the definition it was built by
 *   COLLECTION/0001.db ...   partitions: contiguous key ranges, ascending as in the manifest
 *   COLLECTION/NAME.listing.db
 *
 * A partition is an SQLite database (page size 4096, application_id, user_version):
 *
 *   CREATE TABLE groups(key INTEGER PRIMARY KEY, data BLOB NOT NULL)      one row a key
 *   CREATE TABLE chunks(id  INTEGER PRIMARY KEY, data BLOB NOT NULL)      parts of large keys
 *   CREATE TABLE keys(name TEXT PRIMARY KEY, key INTEGER NOT NULL) WITHOUT ROWID
 *                                                        text keys only: where a name's row is
 *   CREATE TABLE dictionary(id INTEGER PRIMARY KEY, data BLOB NOT NULL)   row 0: what texts share
 *   CREATE TABLE about(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID  for people and inspect
 *
 * A listing file has `dictionary`, `about` and
 *
 *   CREATE TABLE blocks(id INTEGER PRIMARY KEY, data BLOB NOT NULL)       block i: LISTING_BLOCK keys
 *
 * Every `data` blob begins with the same header. All integers are little endian.
 *
 *   OFFSET SIZE FIELD
 *        0    1 kind: enum blob_kind, | BLOB_COMPRESSED
 *        1    1 vectors: number of column vectors that follow
 *        2    2 rows in this blob (at most CHUNK_ROWS; BLOB_LARGE: 0)
 *        4    4 narrow: bytes from the start of the blob to the end of its narrow part
 *        8    8 content hash: XXH3-64 of the blob from offset 16 before compression, seeded with bytes
 *               0 to 7 (not compressed), because vectors of equal values do not say how many there
 *               are; BLOB_LARGE: of the hashes of its chunks and then of its permutation
 *               blocks. The same in every build that holds the same rows for the key
 *
 * BLOB_ROWS (in groups or chunks): the vectors, one after another, in the order of the definition's
 * stored fields, then one permutation vector for each order but the first (in `groups` only):
 *
 *   narrow part   for each vector: 1 byte encoding | VECTOR_HAS_NULLS, then its narrow bytes
 *   wide part     the text bytes of each text vector, in the same order
 *
 * BLOB_COMPRESSED: the wide part is one LZ4 block, compressed with the file's dictionary. Only wide
 * parts of at most COMPRESS_MAX bytes are: they are read whole anyway. Of a larger one a page reads
 * the texts of its own rows and no others.
 *
 * BLOB_LARGE (in groups): a key with more than CHUNK_ROWS rows.
 *       16    8 rows of the key
 *       24    8 id of its first chunk; chunk i holds the rows from i * CHUNK_ROWS on
 *       32  8*k id of the first permutation block of order 1, 2, ... k
 *
 * BLOB_PERMUTATION (in chunks): 1 integer vector, PERMUTATION_ROWS row numbers a block.
 * BLOB_LISTING (in blocks): 1 vector of keys, integer or text.
 *
 * Invariants
 *   F1  rows 0 .. n-1 of a key stand in the stored order (the collection's first order).
 *   F2  a permutation vector holds each row number once: row at position p of that order.
 *   F3  narrow parts are complete without any byte of the wide part.
 *   F4  the vectors fill both parts exactly; no bytes are left over.
 *   F5  text vectors hold JSON string content: valid UTF-8, escaped, without its quotes; fields with
 *       nested rows hold a finished JSON value; listing and keys tables hold keys as they are.
 *
 * A file that a delta build has changed (store.h) may have unused pages, gaps between ids, and rows
 * whose numbers do not follow their names; see docs/format.md.
 */
#ifndef VITRINE_REPLICA_FORMAT_H
#define VITRINE_REPLICA_FORMAT_H

enum {
    FORMAT_APPLICATION_ID = 0x56747269, /* "Vtri" */
    FORMAT_VERSION = 1,                 /* user_version, and "format" of the manifest */
    FORMAT_PAGE_SIZE = 4096,
    CHUNK_ROWS = 256,
    PERMUTATION_ROWS = 1024,
    LISTING_BLOCK = 512,
    PARTITION_ROWS_MAX = 1000000,
    PARTITION_BYTES_MAX = 1 << 30,
    BLOB_HEADER_SIZE = 16,
    BLOB_SIZE_MAX = 256 << 20, /* a larger blob is refused */
    COMPRESS_MAX = 32 << 10,
    DICTIONARY_SIZE_MAX = 65536 - 1, /* LZ4 looks back no further */
};

enum blob_kind {
    BLOB_ROWS = 1,
    BLOB_LARGE = 2,
    BLOB_PERMUTATION = 3,
    BLOB_LISTING = 4,
};

/* Set in the kind byte: the wide part is compressed. */
enum { BLOB_COMPRESSED = 0x80 };

/* Set in the encoding byte: a bitmap of (rows + 7) / 8 bytes follows it, bit i set: row i is null. */
enum { VECTOR_HAS_NULLS = 0x80 };

/* How one vector is held; one file an encoding, encoding.c has the table. */
enum encoding_id {
    ENCODING_NULL = 0,          /* every row is null; no bytes */
    ENCODING_CONSTANT = 1,      /* integers: 8 bytes, the value of every row that is not null */
    ENCODING_BITS = 2,          /* integers 0 and 1: (rows + 7) / 8 bytes */
    ENCODING_FRAME_1 = 3,       /* integers: 8 bytes base, then rows * 1 byte above it */
    ENCODING_FRAME_2 = 4,       /* ... * 2 bytes */
    ENCODING_FRAME_4 = 5,       /* ... * 4 bytes */
    ENCODING_FRAME_8 = 6,       /* ... * 8 bytes; sums wrap around */
    ENCODING_TEXT_CONSTANT = 7, /* text: 4 bytes length; wide: the text once */
    ENCODING_PLAIN_1 = 8,       /* text: rows * 1 byte end offsets; wide: the texts joined */
    ENCODING_PLAIN_2 = 9,       /* ... * 2 bytes */
    ENCODING_PLAIN_4 = 10,      /* ... * 4 bytes */
    ENCODING_DICTIONARY = 11,   /* text: 1 byte count-1, count * 2 bytes end offsets, rows * 1 byte
                                 index; wide: the distinct texts joined */
    ENCODING_COUNT = 12,
};

#endif
