/*
 * What the system says of this process and of the file system of its root, looked at when somebody asks
 * for /metrics.
 *
 * Under the hood: getrusage, /proc/self, statvfs, and state.json of the root. What cannot be looked at
 * is 0, or not there where a field says so.
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_VITALS_H
#define VITRINE_SERVICE_VITALS_H

#include <stdbool.h>
#include <stdint.h>

#include "service/server.h"

struct vitals {
    const char *version;  /* of the options */
    uint64_t connections; /* open at a time, at most */
    int64_t cpu_ms;       /* in user and system mode, all threads */
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t open_fds;
    uint64_t max_fds;
    bool has_room; /* the two that follow are known */
    uint64_t free_bytes;
    uint64_t size_bytes;
    bool has_state; /* the two that follow are known */
    bool is_pinned;
    uint64_t
        refused; /* the highest number of a release that is remembered as refused; 0: none is */
};

/* OPTIONS outlive OUT. */
void vitals_look(const struct server_options *options, struct vitals *out);

#endif
