#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "builder/build.h"
#include "commands/commands.h"
#include "commands/default_definition.h"
#include "replica/format.h"

enum { JOBS_DEFAULT_MOST = 4 };

struct build_arguments {
    const char *definition;
    const char *source;
    const char *root;
    int64_t every_ms;
    int64_t keep;
    int64_t jobs;
    int64_t retries;
    int64_t partition_rows;
    bool allow_empty;
    bool force;
};

static const struct option options[] = {
    OPTION_TEXT("definition", "FILE", NULL, struct build_arguments, definition,
                "what is read and how it is shaped; by default the definition that comes along"),
    OPTION_REQUIRED("source", "URL", struct build_arguments, source,
                    "the source of truth: sqlite:FILE or postgres://..."),
    OPTION_REQUIRED("root", "DIR", struct build_arguments, root,
                    "where releases/ and the link current are; made when missing"),
    OPTION_DURATION("every", "TIME", NULL, struct build_arguments, every_ms,
                    "keep running and look so often whether the source has changed; 0 builds once"),
    OPTION_INTEGER("keep", "N", "3", 2, 1000, struct build_arguments, keep,
                   "releases to keep, the new one included"),
    OPTION_INTEGER("jobs", "N", NULL, 0, 64, struct build_arguments, jobs,
                   "threads that read and pack at once; by default one a processor, at most 4"),
    OPTION_INTEGER("retries", "N", "3", 0, 1000, struct build_arguments, retries,
                   "how often to begin anew from a fresh snapshot when the source is lost"),
    OPTION_INTEGER("partition-rows", "N", "1000000", 1000, PARTITION_ROWS_MAX,
                   struct build_arguments, partition_rows, "rows that one partition may have"),
    OPTION_FLAG("allow-empty", struct build_arguments, allow_empty,
                "accept collections that come out without a key"),
    OPTION_FLAG(
        "force", struct build_arguments, force,
        "build also when nothing has changed since the current release, or room seems short"),
    OPTION_END,
};

static int64_t jobs_of(int64_t given)
{
    int64_t processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (given > 0) {
        return given;
    }
    return processors < 1 ? 1 : processors < JOBS_DEFAULT_MOST ? processors : JOBS_DEFAULT_MOST;
}

static enum err build_once(const struct build_options *wanted, struct errmsg *msg)
{
    struct build_result result;
    enum err rc = build_release(wanted, true, &result, msg);

    if (rc == ERR_NONE && result.is_current) {
        printf("release %06" PRIu64 " is up to date\n", result.number);
    }
    fflush(stdout);
    return rc;
}

/* Follows the source. A build that fails is logged and tried again at the next turn. */
static enum err build_forever(struct build_options *wanted, int64_t every_ms)
{
    char last[sizeof(struct errmsg)] = "";

    while (!interrupt_requested()) {
        struct build_result result;
        struct errmsg msg;
        enum err rc = build_release(wanted, false, &result, &msg);

        if (rc == ERR_NONE && !result.is_current) {
            log_info("release_built",
                     "release=%06" PRIu64 " rows=%" PRIu64 " bytes=%" PRIu64 " ms=%" PRId64,
                     result.number, result.row_count, result.file_bytes, result.elapsed_ms);
        }
        if (rc != ERR_NONE && rc != ERR_INTERRUPTED && strcmp(last, msg.text) != 0) {
            log_error("build_failed", "reason=\"%s\"", msg.text);
        }
        wanted->force = wanted->force && rc != ERR_NONE;
        snprintf(last, sizeof last, "%s", rc == ERR_NONE ? "" : msg.text);
        if (!interrupt_requested()) {
            interrupt_sleep(every_ms);
        }
    }
    return ERR_NONE;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct build_arguments given;
    struct arguments arguments;
    struct errmsg msg;
    char *definition = NULL;
    bool done;
    enum err rc;
    int code = options_begin(command, argc, argv, &given, &arguments, &done);

    if (done) {
        return code;
    }
    interrupt_catch();
    rc = definition_path(given.definition, &definition, &msg);
    struct build_options wanted = {
        .definition = definition,
        .source = given.source,
        .root = given.root,
        .keep = given.keep,
        .jobs = jobs_of(given.jobs),
        .retries = given.retries,
        .partition_rows = given.partition_rows,
        .allow_empty = given.allow_empty,
        .force = given.force,
    };
    if (rc == ERR_NONE) {
        rc =
            given.every_ms > 0 ? build_forever(&wanted, given.every_ms) : build_once(&wanted, &msg);
    }
    free(definition);
    return options_end(command, rc, &msg);
}

const struct command command_build = {
    .name = "build",
    .usage = "--source URL --root DIR [options]",
    .about = "makes a release from the source and activates it",
    .description =
        "Opens one consistent snapshot of the source, writes every collection of the definition "
        "into columnar partitions, and renames the finished release into place. A build that fails "
        "leaves the root as it was. With --every it follows the source; --force then means the "
        "first build.",
    .options = options,
    .run = run,
};
