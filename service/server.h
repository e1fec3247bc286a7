/*
 * The service: loops that answer requests from the release that a root leads to.
 *
 * The calling thread takes signals and watches the root; it answers no requests, so that opening a
 * release never delays one.
 */
#ifndef VITRINE_SERVICE_SERVER_H
#define VITRINE_SERVICE_SERVER_H

#include <stdbool.h>

#include "base/err.h"

enum {
    SERVER_THREADS_MAX = 256,
    SERVER_CONNECTIONS_MAX = 10000, /* of all loops together */
};

struct server_options {
    const char *root;
    const char *listen;   /* "HOST:PORT", see listener.h */
    unsigned threads;     /* 0: one a core */
    unsigned connections; /* open at a time; 0: SERVER_CONNECTIONS_MAX */
    bool verify;          /* every page of a release before it is served */
};

/*
 * Serves until SIGTERM or SIGINT, and looks at the root at once on SIGHUP; then returns ERR_NONE within 5 s. ERR_NOT_FOUND when the root has
 * no current release; otherwise what kept it from starting.
 */
MUST_CHECK enum err server_run(const struct server_options *options, struct errmsg *msg);

#endif
