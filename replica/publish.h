/*
 * Publishing: the current release of a root becomes the newest one of a bucket (s3_place.h), where any
 * number of nodes pull it from.
 *
 *   1. ROOT/current is verified, every page of it.
 *   2. Files that the release which the bucket points to has, too, are copied within the bucket.
 *   3. All others are put; what is there already is compared by its MD5.
 *   4. manifest.json is put, and then the pointer, unless that has moved since step 1.
 *   5. Releases beyond the newest are removed, never the one that is pointed to.
 *
 *   ROOT/.publish/     the pointer and manifests that are compared, and lists; removed at the end
 *
 * After an error or a kill at any moment the pointer leads to a complete release: the one before or the
 * new one. Publishing again goes on with what is there. One build, pull or publish a root (root.h); one
 * builder a place.
 *
 * Errors: ERR_USAGE (the place), ERR_SOURCE, ERR_NOT_FOUND (no such bucket; no current release),
 * ERR_REFUSED (the bucket holds what this root never had, or another builder publishes to it),
 * ERR_CORRUPT (the release here is damaged), ERR_SYSTEM, ERR_INTERRUPTED.
 */
#ifndef VITRINE_REPLICA_PUBLISH_H
#define VITRINE_REPLICA_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct publish_options {
    const char *root;
    const char *to; /* s3://BUCKET[/PREFIX] */
    int64_t keep;   /* releases to keep there, the new one included; 0: all */
    int64_t timeout_ms;
};

struct publish_result {
    bool is_current; /* it was published before */
    uint64_t number;
    unsigned file_count;
    unsigned copied_count;  /* of them, copied within the bucket */
    uint64_t sent_bytes;    /* of files */
    unsigned removed_count; /* releases */
    int64_t elapsed_ms;
};

MUST_CHECK enum err publish_release(const struct publish_options *options,
                                    struct publish_result *out, struct errmsg *msg);

#endif
