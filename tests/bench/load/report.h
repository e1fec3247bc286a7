/*
 * report: what a run found, as JSON or as a table.
 */
#ifndef VITRINE_BENCH_LOAD_REPORT_H
#define VITRINE_BENCH_LOAD_REPORT_H

#include "tally.h"

struct report {
    const struct mix *mix;
    const struct tally *tally;
    double seconds;     /* of the run */
    double rate;        /* asked for; 0: a closed loop */
    double cpu_seconds; /* of the generator */
};

/* One JSON object on stdout. */
void report_json(const struct report *report);

/* One line a route, and one for all of them, on stdout. */
void report_table(const struct report *report);

#endif
