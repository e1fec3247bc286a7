/*
 * The table in which a source keeps what was loaded, as both drivers have it:
 *
 *   table_name   the key
 *   file_size    bytes of the export
 *   file_hash    16 hexadecimal digits, like table_hash
 *   table_hash
 *   loaded       records
 *   rejected
 *   rejects      lines of the rejects file; null when they were too many to be kept
 *   is_settled   statistics are those of this load
 *   loaded_at    when it ended
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SOURCE_SOURCE_RECORD_H
#define VITRINE_SOURCE_SOURCE_RECORD_H

#include "base/number.h"
#include "source/source.h"

enum { RECORD_HASH_MAX = HEX_TEXT_LEN + 1 }; /* bytes of the text of a hash, NUL included */

/* A load that nobody described: no file and no definition is like it. */
extern const struct source_record source_record_none;

/* The text of a hash; TEXT has room for RECORD_HASH_MAX. */
void source_record_hash_text(uint64_t hash, char *text);

/* The hash of a text; 0, which is no hash that matters, when it is none. */
uint64_t source_record_hash(const char *text);

#endif
