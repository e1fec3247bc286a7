/*
 * Pulling: the current release of another root is fetched into this one, checked and activated.
 *
 *   ROOT/.pull/                  the manifest seen last, and the list that rsync reads
 *   ROOT/releases/.incoming      a release that arrives; kept when the transfer was cut, so that the
 *                                next pull goes on with it
 *   ROOT/releases/.leftover      what is being carried over from an earlier .incoming, or removed
 *   ROOT/releases/000042         the release, renamed into place when all of it is verified and durable
 *   ROOT/.build-lock             one builder or puller a root
 *
 * A file that a release here has already becomes a hard link. One that shares half of its pages with
 * the file of the current release arrives as differences, any other one whole. Which it is says
 * pages.xxh3, which is fetched first: a delta build keeps its pages, a fresh one moves them all, and
 * looking for them then costs far more time than it saves bytes.
 *
 * Errors: ERR_USAGE (the source), ERR_SOURCE (it, or the way to it), ERR_NOT_FOUND (no release there),
 * ERR_LIMIT (no room), ERR_REFUSED (the release is damaged, foreign or was refused before),
 * ERR_SYSTEM, ERR_INTERRUPTED. After any of them, and after a kill, the releases are as they were, or
 * the complete new one is there too and the next pull activates it.
 */
#ifndef VITRINE_REPLICA_PULL_H
#define VITRINE_REPLICA_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "replica/manifest.h"

enum pull_transfer {
    PULL_AUTO,  /* by the pages that a file shares with the one here */
    PULL_WHOLE, /* every file that is not here */
    PULL_DELTA, /* differences wherever there is a file of that name here */
};

struct pull_options {
    const char *from;
    const char *root;
    const char *ssh;
    const char *bwlimit; /* or NULL */
    int64_t timeout_ms;
    int64_t keep; /* releases to keep, the new one included; at least 2 */
    enum pull_transfer transfer;
    bool compress;
    /*
     * Called with the folder that manifest.json, and manifest.sig when the source has one, have
     * arrived in, before anything is believed but the checksum: an error ends the pull, ERR_REFUSED is
     * remembered. NULL: none.
     */
    enum err (*check)(void *context, const char *dir, const struct manifest *manifest,
                      struct errmsg *msg);
    void *check_context;
};

struct pull_result {
    bool is_current; /* nothing new there */
    uint64_t number;
    unsigned file_count;
    unsigned linked_count;   /* of them, hard links to files that were here */
    unsigned delta_count;    /* of them, fetched as differences */
    uint64_t fetched_bytes;  /* size of the files that were fetched */
    uint64_t received_bytes; /* on the wire */
    uint64_t sent_bytes;
    int64_t elapsed_ms;
};

MUST_CHECK enum err pull_release(const struct pull_options *options, struct pull_result *out,
                                 struct errmsg *msg);

#endif
