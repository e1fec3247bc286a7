/*
 * Jobs of a writer that are submitted again as soon as they are answered, until `stops`.
 *
 * For one program: it defines submit_again.
 */
#ifndef VITRINE_BENCH_IN_FLIGHT_H
#define VITRINE_BENCH_IN_FLIGHT_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "source/writer.h"

static atomic_bool stops;
static atomic_ullong done_count;
static atomic_uint in_flight;

static void submit_again(struct write_job *job);

static void on_answer(struct write_job *job)
{
    if (job->outcome != WRITE_DONE) {
        fprintf(stderr, "%s\n", job->msg.text);
        exit(1);
    }
    atomic_fetch_add(&done_count, 1);
    if (atomic_load(&stops)) {
        atomic_fetch_sub(&in_flight, 1);
    } else {
        submit_again(job);
    }
}

/* User and system time of this process so far. */
static double cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

#endif
