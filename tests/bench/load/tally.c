#include "tally.h"

#include <stdlib.h>

const char *failure_name(enum failure failure)
{
    static const char *const names[FAILURES] = {
        [FAILURE_CONNECT] = "connect", [FAILURE_TIMEOUT] = "timeout",     [FAILURE_CUT] = "cut",
        [FAILURE_LENGTH] = "length",   [FAILURE_MALFORMED] = "malformed",
    };

    return names[failure];
}

struct counts *tally_sum(const struct tally *tally)
{
    struct counts *sum = calloc(1, sizeof *sum);

    if (sum == NULL) {
        abort();
    }
    for (unsigned i = 0; i < MIX_ROUTES_MAX; i++) {
        const struct counts *route = &tally->routes[i];

        for (unsigned j = 0; j < 6; j++) {
            sum->statuses[j] += route->statuses[j];
        }
        for (unsigned j = 0; j < FAILURES; j++) {
            sum->failures[j] += route->failures[j];
        }
        sum->body_bytes += route->body_bytes;
        histogram_merge(&sum->latency, &route->latency);
    }
    return sum;
}

uint64_t counts_errors(const struct counts *counts)
{
    uint64_t errors = 0;

    for (unsigned i = 0; i < FAILURES; i++) {
        errors += counts->failures[i];
    }
    return errors;
}

uint64_t counts_failed(const struct counts *counts)
{
    return counts_errors(counts) + counts->latency.count - counts->statuses[2];
}
