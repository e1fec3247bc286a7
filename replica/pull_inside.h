/*
 * The inside of a pull, shared by pull.c, which decides, pull_fetch.c, which brings a release here, and
 * pull_sweep.c.
 */
#ifndef VITRINE_REPLICA_PULL_INSIDE_H
#define VITRINE_REPLICA_PULL_INSIDE_H

#include "base/err.h"
#include "base/progress.h"
#include "replica/pull.h"
#include "replica/pull_files.h"
#include "replica/release.h"
#include "replica/transport.h"

struct pulling {
    const struct pull_options *options;
    struct pull_result *result;
    struct transport *source;
    struct transport_traffic traffic;
    struct manifest *manifest;   /* of the release that the source has */
    char name[RELEASE_NAME_MAX]; /* of that release */
    char *scratch;               /* ROOT/.pull */
    char *list;                  /* ROOT/.pull/list */
    char *staging;               /* ROOT/releases/.incoming */
    char *dir;                   /* ROOT/releases/NAME */
    struct pull_files files;
    struct progress progress;
    int lock_fd;
};

/* Removes the temporary files in ROOT/.pull that a killed pull left; to be called with the lock. */
MUST_CHECK enum err pull_sweep(const char *root, struct errmsg *msg);

/* Fetches the release whose manifest is trusted, verifies it and gives it its name. */
MUST_CHECK enum err pull_fetch_release(struct pulling *pull, struct errmsg *msg);

/* Verifies the release that has its name already, and replaces it when it rotted. */
MUST_CHECK enum err pull_mend_release(struct pulling *pull, struct errmsg *msg);

/* It becomes an incoming one again, and its good files are used. MSG says what is wrong with it. */
MUST_CHECK enum err pull_replace_release(struct pulling *pull, struct errmsg *msg);

#endif
