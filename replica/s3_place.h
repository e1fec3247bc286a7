/*
 * Where in a bucket the releases are: s3://BUCKET or s3://BUCKET/PREFIX.
 *
 *   PREFIX/releases/000042/...   immutable: the files first, then manifest.json
 *   PREFIX/current               the pointer (pointer.h), last
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_S3_PLACE_H
#define VITRINE_REPLICA_S3_PLACE_H

#include "base/err.h"

#define S3_SCHEME "s3://"

struct s3_place {
    const char *text; /* as it was written; messages name it */
    char *path;       /* "BUCKET/" or "BUCKET/PREFIX/", on the heap */
};

/* ERR_USAGE tells what can be written. TEXT must outlive OUT. */
MUST_CHECK enum err s3_place_parse(const char *text, struct s3_place *out, struct errmsg *msg);
void s3_place_free(struct s3_place *place); /* accepts a zeroed one */

#endif
