/*
 * Compressed text: LZ4 blocks against a dictionary that all blobs of a file share.
 *
 * Row groups are small (a few hundred bytes to a few KiB), so what repeats does so from one group to
 * the next: JSON names, URLs, common words. The dictionary is therefore simply text of the first
 * groups of the file. LZ4 rather than a stronger method because every read pays for it: on groups of
 * 2.4 KiB it gives 3.1-5.7x at half of zstd's decoding time (docs/performance.md).
 *
 * Source: the LZ4 block format, https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 * Thread-safety: packers and unpackers belong to one thread each.
 */
#ifndef VITRINE_REPLICA_TEXT_PACK_H
#define VITRINE_REPLICA_TEXT_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

struct text_packer;

/* A packer that still learns: it has no dictionary yet. */
struct text_packer *text_packer_new(void);
void text_packer_free(struct text_packer *packer); /* accepts NULL */

/* Offers the text of one blob to the dictionary; true when the dictionary is full. */
bool text_packer_learn(struct text_packer *packer, struct slice text);

/* Ends learning: the dictionary from now on; lives as long as the packer. */
struct slice text_packer_dictionary(struct text_packer *packer);

/* Instead of learning: DICTIONARY, of at most DICTIONARY_SIZE_MAX bytes, is copied. */
void text_packer_load(struct text_packer *packer, struct slice dictionary);

/*
 * Appends TEXT compressed to OUT; false, and nothing appended, when that would not save an eighth.
 * Only after text_packer_dictionary or text_packer_load.
 */
bool text_pack(struct text_packer *packer, struct slice text, struct buffer *out);

/*
 * A dictionary made ready for reading, with room behind it where texts are uncompressed: LZ4 copies
 * fastest when what it looks back to lies right before what it writes. Belongs to one thread.
 */
struct text_unpacker;

struct text_unpacker *text_unpacker_new(struct slice dictionary);
void text_unpacker_free(struct text_unpacker *unpacker); /* accepts NULL */

/*
 * Uncompresses PACKED, which must give exactly SIZE bytes, at most COMPRESS_MAX. The result lives
 * until the next call; NULL when PACKED is damaged.
 */
const char *text_unpack(struct text_unpacker *unpacker, struct slice packed, uint32_t size);

#endif
