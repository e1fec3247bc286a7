/*
 * Brings the files of a release into the page cache, so that the first requests after a swap do not
 * wait for the disk.
 *
 * What is in memory already costs nothing; what must be read is read in steps of WARM_STEP bytes, in
 * the order of the manifest, and no faster than asked. Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_WARM_H
#define VITRINE_REPLICA_WARM_H

#include <stdint.h>

#include "base/err.h"
#include "replica/release.h"

enum { WARM_STEP = 1 << 20 };

struct warmed {
    uint64_t bytes;      /* of all files */
    uint64_t read_bytes; /* of them, read from the disk */
    int64_t elapsed_ms;
};

/* At most BYTES_PER_SECOND (not 0) are read. ERR_SYSTEM names the file. */
MUST_CHECK enum err warm_release(const struct release *release, uint64_t bytes_per_second,
                                 struct warmed *out, struct errmsg *msg);

/* The same before a release is served, and logs what it took; nothing when BYTES_PER_SECOND is 0. */
MUST_CHECK enum err warm_ahead(const struct release *release, uint64_t bytes_per_second,
                               struct errmsg *msg);

#endif
