/*
 * rsync, as pulling uses it: where a root is, what to fetch from it, and what its exit codes mean.
 *
 * Files are fetched into a private folder, each under a temporary name and renamed when it is complete
 * and its checksum fits; never into a file that is there already. What arrives in part is kept in
 * TRANSPORT_PARTIAL_DIR beside it and is where the next attempt goes on.
 *
 * Thread-safety: no state. rsync dies with the thread that runs it, and when an interrupt is requested.
 */
#ifndef VITRINE_REPLICA_RSYNC_H
#define VITRINE_REPLICA_RSYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "replica/transport.h"

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
    struct transport_options options; /* deltas are always compressed, unless it is a path */
};

/* As transport_fetch. */
MUST_CHECK enum err rsync_fetch(const struct rsync_link *link, const struct transport_fetch *fetch,
                                struct transport_traffic *traffic, struct errmsg *msg);

#endif
