/*
 * The way of releases from where they are to here: from another root by rsync, or from a bucket.
 *
 *   transport_open    what is written behind --from or --repair-from
 *   transport_newest  the manifest of the release that is current there
 *   transport_fetch   files of a release, into a private folder
 *   transport_close
 *
 * What arrives is not believed: whoever asked compares it with a manifest.
 *
 * Thread-safety: none. A program that is at work for it dies with the thread that runs it, and when an
 * interrupt is requested.
 */
#ifndef VITRINE_REPLICA_TRANSPORT_H
#define VITRINE_REPLICA_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/progress.h"
#include "base/slice.h"

#define TRANSPORT_PARTIAL_DIR ".partial" /* what arrived of a file in part, beside it */

struct transport;

/* All texts outlive the transport. */
struct transport_options {
    const char *ssh;     /* the remote shell and its options, split at blanks */
    const char *bwlimit; /* "10M" bytes a second; NULL: none */
    int64_t timeout_ms;  /* of connecting, and of silence; a second more for what is overlooked */
    bool compress;       /* whole files, too; only rsync can */
};

struct transport_fetch {
    const char *from;   /* folder there: "releases/000042" */
    const char *into;   /* local folder */
    struct slice names; /* below FROM, each followed by a NUL */
    const char *list;   /* a file to write NAMES to, for another program to read */
    bool delta; /* fetch differences to what arrived in part and to BASIS; else whole files */
    const char *basis;   /* folder with earlier files of the same names, absolute; or NULL */
    bool starts_anew;    /* what arrived before a cut is of no use to the next attempt */
    bool if_changed;     /* compare by content first: nothing is sent for a file that is the same */
    bool may_be_missing; /* a name that is not there is no error */
    struct progress *progress; /* counts bytes of the files, as they are complete; or NULL */
};

/* Bytes on the wire; added to, so that several fetches make one sum. */
struct transport_traffic {
    uint64_t received;
    uint64_t sent;
};

/* ERR_USAGE tells what can be written. TEXT must outlive OUT. */
MUST_CHECK enum err transport_open(const char *text, const struct transport_options *options,
                                   struct transport **out, struct errmsg *msg);
void transport_close(struct transport *transport); /* accepts NULL */

/* Where it leads to, as it was written; messages name it. */
const char *transport_name(const struct transport *transport);

/* The folder of this machine that it is; NULL for all others. */
const char *transport_folder(const struct transport *transport);

/* Whether it can send differences, and go on in the middle of a file. */
bool transport_has_differences(const struct transport *transport);

/*
 * Puts the manifest of the release that is current there into INTO as manifest.json, unless the one that
 * INTO has already is that; LIST is as in struct transport_fetch. ERR_NOT_FOUND when there is none.
 */
MUST_CHECK enum err transport_newest(struct transport *transport, const char *into,
                                     const char *list, struct transport_traffic *traffic,
                                     struct errmsg *msg);

/*
 * ERR_SOURCE says what went wrong there or on the way, and what to do; ERR_NOT_FOUND when a name is not
 * there, ERR_LIMIT when the disk of this machine is full, ERR_SYSTEM for its other faults.
 */
MUST_CHECK enum err transport_fetch(struct transport *transport,
                                    const struct transport_fetch *fetch,
                                    struct transport_traffic *traffic, struct errmsg *msg);

#endif
