/*
 * rclone, the program that talks to a bucket: how it is called, what it prints, and what that means.
 *
 * Who we are and where the bucket is it finds in its environment: the AWS_ variables of credentials and
 * region, the role of the machine, and its own RCLONE_S3_ variables; no file of its own is read.
 *
 * Thread-safety: no state. It dies with the thread that runs it, and when an interrupt is requested.
 */
#ifndef VITRINE_REPLICA_RCLONE_H
#define VITRINE_REPLICA_RCLONE_H

#include <stdint.h>

#include "base/command_line.h"
#include "base/err.h"
#include "base/process.h"
#include "base/progress.h"

struct rclone_settings {
    const char *bwlimit; /* "10M" bytes a second; NULL: none */
    int64_t timeout_ms;  /* of connecting, and of silence; it asks up to four times */
};

struct rclone_run {
    const char *what;          /* messages begin with it: "fetch from s3://bucket" */
    struct progress *progress; /* counts bytes as they move; or NULL */
    process_output on_stdout;  /* or NULL */
    void *context;
    uint64_t bytes; /* that were moved; set also when it fails */
};

/* Begins LINE with the program, VERB and what is the same for all. The caller adds the rest. */
void rclone_begin(struct command_line *line, const char *verb,
                  const struct rclone_settings *settings);

/*
 * Runs LINE. ERR_SOURCE says what went wrong there or on the way, and what to do; ERR_NOT_FOUND when
 * there is no such bucket, ERR_LIMIT when the disk of this machine is full, ERR_SYSTEM for its other
 * faults and when there is no rclone.
 */
MUST_CHECK enum err rclone_run(const struct command_line *line, struct rclone_run *run,
                               struct errmsg *msg);

#endif
