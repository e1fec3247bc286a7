/*
 * What is done with the objects of a bucket: fetched, put, copied there, listed, removed. Names are
 * those of files below a folder, each followed by a NUL; a folder is "" or ends with a slash:
 * "releases/000042/".
 *
 * An object is there as a whole or not at all, and once it was put, everybody sees it.
 *
 * Errors: those of rclone_run. Thread-safety: none.
 */
#ifndef VITRINE_REPLICA_S3_H
#define VITRINE_REPLICA_S3_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/progress.h"
#include "base/slice.h"
#include "replica/rclone.h"
#include "replica/s3_place.h"

struct s3_bucket {
    struct s3_place place;
    struct rclone_settings settings;
};

struct s3_names {
    struct slice names;
    const char *list; /* a file to write them to, for rclone to read */
};

/*
 * Fetches into the local folder INTO; never into a file that is there. A name that is not in the bucket
 * is passed over: is INTO without it, it was not there. *BYTES came.
 */
MUST_CHECK enum err s3_fetch(const struct s3_bucket *bucket, const char *folder,
                             const struct s3_names *names, const char *into,
                             struct progress *progress, uint64_t *bytes, struct errmsg *msg);

/* ERR_NOT_FOUND when there is no such bucket at all. */
MUST_CHECK enum err s3_look(const struct s3_bucket *bucket, struct errmsg *msg);

struct s3_put {
    const char *from; /* local folder */
    struct s3_names names;
    const char *folder;
    bool always;               /* otherwise an object of that name, size and MD5 is left as it is */
    struct progress *progress; /* or NULL */
};

/* *BYTES went. */
MUST_CHECK enum err s3_put(const struct s3_bucket *bucket, const struct s3_put *put,
                           uint64_t *bytes, struct errmsg *msg);

/* Copies within the bucket, without a byte on the wire; names that are not in FROM are passed over. */
MUST_CHECK enum err s3_copy(const struct s3_bucket *bucket, const char *from,
                            const struct s3_names *names, const char *folder, struct errmsg *msg);

/* Appends the folders in FOLDER, each as "NAME/\n". */
MUST_CHECK enum err s3_list_folders(const struct s3_bucket *bucket, const char *folder,
                                    struct buffer *out, struct errmsg *msg);

/* Removes all that is below FOLDER, which is not "". */
MUST_CHECK enum err s3_remove(const struct s3_bucket *bucket, const char *folder,
                              struct errmsg *msg);

#endif
