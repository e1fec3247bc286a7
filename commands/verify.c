#include <stdio.h>

#include "commands/commands.h"
#include "commands/failures.h"
#include "commands/which_release.h"
#include "commands/walk.h"
#include "replica/logical.h"
#include "replica/reader.h"
#include "service/rehearse.h"

struct verify_arguments {
    const char *root;
    const char *release;
    bool requests;
    int64_t rate;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct verify_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_TEXT("release", "N", NULL, struct verify_arguments, release,
                "which release; by default the current one"),
    OPTION_SIZE("rate", "RATE", NULL, struct verify_arguments, rate,
                "at leisure: read so many bytes a second, and list every damaged page"),
    OPTION_FLAG("requests", struct verify_arguments, requests,
                "also answer the golden requests of its definition and compare"),
    OPTION_END,
};

/* Answers the golden requests; those that fail are printed. */
static enum err check_requests(const struct release *release, struct errmsg *msg)
{
    unsigned count = release->definition->checks.request_count;
    struct buffer failures;
    unsigned failed;
    enum err rc;

    buffer_init(&failures, CHECK_FAILURES_MAX);
    rc = rehearse(release->dir, &failures, msg);
    failures_print("verify", &failures);
    failed = failures_count(&failures);
    buffer_free(&failures);
    if (rc == ERR_NONE && failed > 0) {
        rc = err_set(msg, ERR_REFUSED, "%s: %u of %u requests are not answered as expected",
                     release->dir, failed, count);
    } else if (rc == ERR_NONE) {
        printf("%s: %u requests answered as expected\n", release->dir, count);
    }
    return rc;
}

/* Reads RELEASE at RATE; every damaged page is printed. */
static enum err verify_at_leisure(const struct release *release, uint64_t rate, struct errmsg *msg)
{
    struct walk_found found;
    enum err rc = walk_release(release->dir, release->manifest, "verify", rate, NULL, &found, msg);

    if (rc == ERR_NONE && found.damage_count > 0) {
        rc = err_set(msg, ERR_CORRUPT,
                     "%s: %u damaged; vitrine repair replaces damaged files by those of another "
                     "root",
                     release->dir, found.damage_count);
    }
    return rc;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct verify_arguments given;
    struct arguments arguments;
    struct release *release = NULL;
    struct reader *reader = NULL;
    struct errmsg msg;
    bool done;
    enum err rc;
    int code = options_begin(command, argc, argv, &given, &arguments, &done);

    if (done) {
        return code;
    }
    rc = which_release(given.root, given.release, given.rate == 0, &release, &msg);
    if (rc == ERR_NONE && given.rate > 0) {
        rc = verify_at_leisure(release, (uint64_t)given.rate, &msg);
    }
    if (rc == ERR_NONE) {
        rc = reader_open(release, &reader, &msg);
    }
    if (rc == ERR_NONE) {
        rc = logical_verify(reader, &msg);
    }
    if (rc == ERR_NONE) {
        printf("%s: %u files verified\n", release->dir, release->manifest->file_count);
    }
    if (rc == ERR_NONE && given.requests) {
        rc = check_requests(release, &msg);
    }
    reader_close(reader);
    release_drop(release);
    return options_end(command, rc, &msg);
}

const struct command command_verify = {
    .name = "verify",
    .usage = "--root DIR [--release N] [--rate RATE] [--requests]",
    .about = "checks every page of a release, and what it holds, against its hashes",
    .options = options,
    .run = run,
};
