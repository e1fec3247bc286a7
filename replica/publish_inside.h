/*
 * The inside of publishing, shared by publish.c, which decides, publish_send.c, which brings a release
 * into the bucket, and publish_retire.c.
 */
#ifndef VITRINE_REPLICA_PUBLISH_INSIDE_H
#define VITRINE_REPLICA_PUBLISH_INSIDE_H

#include <stdbool.h>

#include "base/err.h"
#include "replica/pointer.h"
#include "replica/publish.h"
#include "replica/release.h"
#include "replica/s3.h"

struct publishing {
    const struct publish_options *options;
    struct publish_result *result;
    struct s3_bucket bucket;
    char *scratch; /* ROOT/.publish */
    char *there;   /* ROOT/.publish/there: what was fetched */
    char *list;    /* ROOT/.publish/list */
    struct release *release;
    char name[RELEASE_NAME_MAX]; /* of that release */
    char *folder;                /* "releases/NAME/" */
    struct pointer ours;         /* to that release */
    struct pointer theirs;       /* when has_theirs */
    bool has_theirs;
    int lock_fd;
};

/* Fetches NAME from FOLDER of the bucket into publish->there; *IS_THERE is false when it is not. */
MUST_CHECK enum err publish_fetch(struct publishing *publish, const char *folder, const char *name,
                                  bool *is_there, struct errmsg *msg);

/* Puts all of the release into the bucket but the pointer, the manifest last. */
MUST_CHECK enum err publish_send(struct publishing *publish, struct errmsg *msg);

/* Has the bucket point to it. */
MUST_CHECK enum err publish_point(struct publishing *publish, struct errmsg *msg);

/* Removes releases beyond those to keep from the bucket, which points to ours. */
MUST_CHECK enum err publish_retire(struct publishing *publish, struct errmsg *msg);

#endif
