/*
 * Page hashes: what makes a damaged file noticed. SQLite does not notice most flipped bits by itself.
 *
 * pages.xxh3 holds the XXH3-64 of every 4096-byte page (8 bytes each, little endian) of all
 * partitions and listings, in the order of the manifest; its own hash stands in the manifest.
 *
 * A manifest that is signed has digests of the files, too (digest.h); wherever a file is compared, it is.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_VERIFY_H
#define VITRINE_REPLICA_VERIFY_H

#include "base/buffer.h"
#include "base/err.h"
#include "replica/manifest.h"

/*
 * Hashes the file at PATH: the whole into *HASH, its size into *SIZE_BYTES, and, when PAGES is not
 * NULL, 8 bytes for each page appended to it.
 */
MUST_CHECK enum err file_hash(const char *path, uint64_t *hash, uint64_t *size_bytes,
                              struct buffer *pages, struct errmsg *msg);

/* Checks that every file of MANIFEST is in DIR with its size. ERR_CORRUPT names the file. */
MUST_CHECK enum err verify_sizes(const char *dir, const struct manifest *manifest,
                                 struct errmsg *msg);

/*
 * Checks that DIR holds nothing but what MANIFEST lists, the manifest and its signature, and that all
 * of it are regular files: neither links that lead out of what was verified nor anything that a
 * reader might pick up. ERR_CORRUPT names the file.
 */
MUST_CHECK enum err verify_names(const char *dir, const struct manifest *manifest,
                                 struct errmsg *msg);

/*
 * Checks that the file at PATH is what MANIFEST says of FILE: its size, its hash, and, where the page
 * hashes of the release in DIR are sound themselves, each page. ERR_CORRUPT says what differs; messages
 * call the file NAME.
 */
MUST_CHECK enum err verify_copy(const char *path, const char *name, const char *dir,
                                const struct manifest *manifest, const struct manifest_file *file,
                                struct errmsg *msg);

/* Checks every page of every file: `DIR/loans/0003.db: page 17: hash differs`. */
MUST_CHECK enum err verify_pages(const char *dir, const struct manifest *manifest,
                                 struct errmsg *msg);

#endif
