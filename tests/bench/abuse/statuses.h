/*
 * statuses: which answers are in the bytes of a connection, however these are cut.
 *
 * Where an answer ends is not looked at: "HTTP/1.1 NNN" stands in no body of the service. Thread-safety: none.
 */
#ifndef VITRINE_BENCH_ABUSE_STATUSES_H
#define VITRINE_BENCH_ABUSE_STATUSES_H

#include <stddef.h>
#include <stdint.h>

enum { STATUSES_MAX = 1000 };

struct statuses {
    uint64_t counts[STATUSES_MAX];
    uint64_t answers; /* all but 100 */
};

/* Between two pieces of a connection: how much of "HTTP/1.1 NNN" has come. Zeroed at its start. */
struct status_place {
    unsigned len;
    unsigned status;
};

void statuses_take(struct statuses *statuses, struct status_place *place, const char *data,
                   size_t size);

#endif
