/*
 * rsync, as pulling uses it: where a root is, what to fetch from it, and what its exit codes mean.
 *
 * Files are fetched into a private folder, each under a temporary name and renamed when it is complete
 * and its checksum fits; never into a file that is there already. What arrives in part is kept in
 * PARTIAL_DIR beside it and is where the next attempt goes on.
 *
 * Thread-safety: no state. rsync dies with the thread that runs it, and when an interrupt is requested.
 */
#ifndef VITRINE_REPLICA_RSYNC_H
#define VITRINE_REPLICA_RSYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/progress.h"

#define RSYNC_PARTIAL_DIR ".partial"

enum rsync_way { RSYNC_DAEMON, RSYNC_SSH, RSYNC_PATH };

/* Where another root is. */
struct rsync_source {
    const char *text; /* as it was written; messages name it */
    enum rsync_way way;
    char *base;    /* as rsync wants it, without a slash at its end; on the heap */
    unsigned port; /* of ssh; 0: its own choice */
};

/*
 * Reads rsync://HOST[:PORT]/MODULE[/PATH], ssh://[USER@]HOST[:PORT]/PATH, [USER@]HOST:PATH or a path.
 * ERR_USAGE tells what can be written. TEXT must outlive OUT.
 */
MUST_CHECK enum err rsync_source_parse(const char *text, struct rsync_source *out,
                                       struct errmsg *msg);
void rsync_source_free(struct rsync_source *source); /* accepts a zeroed one */

/* How to talk to it. */
struct rsync_link {
    const struct rsync_source *source;
    const char *ssh;     /* the remote shell and its options, split at blanks */
    const char *bwlimit; /* "10M" bytes a second; NULL: none */
    int64_t timeout_ms;  /* of connecting, and of silence; a second more for what rsync overlooks */
    bool compress;       /* whole files, too; deltas always are, unless it is a path */
};

struct rsync_fetch {
    const char *from;   /* folder in the source: "releases/000042" */
    const char *into;   /* local folder */
    struct slice names; /* below FROM, each followed by a NUL */
    const char *list;   /* a file to write NAMES to, for rsync to read */
    bool delta; /* fetch differences to what arrived in part and to BASIS; else whole files */
    const char *basis;   /* folder with earlier files of the same names, absolute; or NULL */
    bool starts_anew;    /* what arrived before a cut is of no use to the next attempt */
    bool if_changed;     /* compare by content first: nothing is sent for a file that is the same */
    bool may_be_missing; /* a name that is not there is no error */
    struct progress *progress; /* counts bytes of the files, as they are complete; or NULL */
};

/* Bytes on the wire; added to, so that several fetches make one sum. */
struct rsync_traffic {
    uint64_t received;
    uint64_t sent;
};

/*
 * ERR_SOURCE says what went wrong at the source or on the way, and what to do; ERR_NOT_FOUND when a
 * name is not there, ERR_LIMIT when the disk of this machine is full, ERR_SYSTEM for its other faults.
 */
MUST_CHECK enum err rsync_fetch(const struct rsync_link *link, const struct rsync_fetch *fetch,
                                struct rsync_traffic *traffic, struct errmsg *msg);

#endif
