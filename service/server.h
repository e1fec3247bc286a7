/*
 * The service: loops that answer requests from the release that a root leads to.
 *
 * The calling thread takes signals and watches the root; it answers no requests, so that opening a
 * release never delays one. Beside the loops that serve there are one for the admin listener (admin.h)
 * and a thread that scrubs (scrubber.h).
 */
#ifndef VITRINE_SERVICE_SERVER_H
#define VITRINE_SERVICE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "replica/repair.h"
#include "replica/release.h"
#include "service/access_log.h"
#include "service/bounds.h"
#include "service/primary.h"
#include "service/proxy.h"
#include "source/writer.h"

enum {
    SERVER_THREADS_MAX = 256,
};

struct server_options {
    const char *version; /* of the program */
    const char *root;
    const char *listen;                 /* "HOST:PORT", see listener.h */
    unsigned threads;                   /* 0: one a core */
    struct bounds bounds;               /* of all loops together */
    unsigned connections_per_address;   /* 0: any number */
    size_t held_size;                   /* bytes that clients hold, of all loops together */
    bool no_gzip;                       /* answers are sent as they are */
    int64_t drain_ms;                   /* from SIGTERM to the stop */
    unsigned cold_threads;              /* that wait for the disk; 0: the loops do */
    const char *admin;                  /* "HOST:PORT" of /healthz, /readyz and /metrics, or NULL */
    struct access_log_options access;   /* path NULL: no log of requests */
    int64_t max_age_ms;                 /* of data, beyond which /readyz says no; 0: any age */
    uint64_t scrub_bytes_per_second;    /* read again in the background; 0: nothing */
    int64_t scrub_every_ms;             /* from one pass to the next */
    const struct repair_source *repair; /* where good files come from, or NULL */
    const struct primary *primary;      /* where they are forwarded to instead, or NULL */
    int64_t forward_timeout_ms;         /* for its answer */
    unsigned write_rate;                /* writes a second for each address; 0: any number */
    struct proxies proxies;             /* whose X-Forwarded-For is believed */
    const struct writer_options *source; /* where actions run, or NULL: nowhere */
    struct release_check check;          /* what a release must pass to be served */
};

/*
 * Serves until SIGTERM or SIGINT; opens the access log again on SIGUSR1, and on SIGHUP, when it looks at
 * the root at once, too. At the end it drains: /readyz fails, and connections end with their next answer;
 * after that, or at the second signal, it stops: returns ERR_NONE within 5 s, and the time-out of writes
 * besides when some are at work. ERR_NOT_FOUND when the root has no current release; otherwise what kept it
 * from starting.
 */
MUST_CHECK enum err server_run(const struct server_options *options, struct errmsg *msg);

#endif
