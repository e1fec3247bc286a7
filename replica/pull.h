/*
 * Pulling: the current release of another root is fetched into this one, checked and activated.
 *
 *   ROOT/.pull/                  the manifest seen last, its signature, and the list of files to fetch
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
 * Before any other file is asked for, the manifest must be signed by a key that this root trusts, be of
 * its definition, and be no older than what was active here. A release that turns out to be damaged at its
 * source is remembered as refused (root.h); one that nobody trusts is not, as anybody can write a number
 * and a hash.
 *
 * Errors: ERR_USAGE (the source), ERR_SOURCE (it, or the way to it), ERR_NOT_FOUND (no release there),
 * ERR_LIMIT (no room), ERR_REFUSED (the release is damaged, not trusted, foreign, older, or was refused
 * before), ERR_SYSTEM, ERR_INTERRUPTED. After any of them, and after a kill, the releases are as they
 * were, or the complete new one is there too and the next pull activates it.
 */
#ifndef VITRINE_REPLICA_PULL_H
#define VITRINE_REPLICA_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "replica/transport.h"
#include "replica/trust.h"

enum pull_transfer {
    PULL_AUTO,  /* by the pages that a file shares with the one here */
    PULL_WHOLE, /* every file that is not here */
    PULL_DELTA, /* differences wherever there is a file of that name here */
};

struct pull_options {
    const char *from;
    const char *root;
    struct transport_options way;
    int64_t keep; /* releases to keep, the new one included; at least 2 */
    enum pull_transfer transfer;
    bool again;                /* try a release that was refused before */
    const struct trust *trust; /* keys beside those of ROOT/trusted.pub */
    uint64_t warm_bytes;       /* a second, read before a release is activated; 0: none */
};

struct pull_result {
    bool is_current;      /* nothing new there */
    bool is_held;         /* it is not activated: an operator wants another one */
    bool is_fetched;      /* it was not here before */
    struct errmsg reason; /* of is_held */
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
