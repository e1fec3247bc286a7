/*
 * Publishing after a build, as a command line asks for it: what is current in a root goes into a bucket.
 *
 * Thread-safety: none.
 */
#ifndef VITRINE_COMMANDS_PUBLISHER_H
#define VITRINE_COMMANDS_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "replica/publish.h"

#define PUBLISH_ABOUT "put the current release into this bucket: s3://BUCKET[/PREFIX]"
#define PUBLISH_KEEP_ABOUT "releases to keep in the bucket, the new one included; 0 removes none"
#define PUBLISH_TIMEOUT_ABOUT                                                                      \
    "give up when connecting to the bucket, or its silence, takes so long; at least 1s"

struct publish_arguments {
    const char *to; /* NULL: nothing is published */
    int64_t keep;
    int64_t timeout_ms;
};

struct publisher {
    struct publish_options options; /* .to is NULL: it does nothing */
    bool has_published;
    uint64_t number; /* what was published last */
    struct errmsg
        failure; /* what was said last, so that nothing is said twice in a row; or empty */
};

/* ERR_USAGE tells what is wrong with GIVEN before anything is built. */
MUST_CHECK enum err publisher_begin(struct publisher *publisher,
                                    const struct publish_arguments *given, const char *root,
                                    struct errmsg *msg);

/* Publishes once and prints what was done. */
MUST_CHECK enum err publisher_work(const struct publisher *publisher, struct errmsg *msg);

/*
 * Publishes when another release is current than the one published last; logs it, and failures, whose
 * error it returns all the same.
 */
MUST_CHECK enum err publisher_follow(struct publisher *publisher);

#endif
