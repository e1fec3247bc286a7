#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "builder/build.h"
#include "commands/accept.h"
#include "commands/build_note.h"
#include "commands/commands.h"
#include "commands/default_definition.h"
#include "commands/failures.h"
#include "commands/publisher.h"
#include "replica/format.h"
#include "replica/signing_key.h"
#include "service/rehearse.h"

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
    const char *accept;
    bool force;
    bool fresh;
    const char *sign;
    const char *metrics;
    struct publish_arguments publish;
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
    OPTION_TEXT("accept", "NAME[,NAME]", NULL, struct build_arguments, accept,
                "checks to leave out this once: empty, shrink, growth, requests"),
    OPTION_FLAG(
        "force", struct build_arguments, force,
        "build also when nothing has changed since the current release, or room seems short"),
    OPTION_FLAG("fresh", struct build_arguments, fresh,
                "write every file from nothing instead of changing copies of the last release's"),
    OPTION_TEXT("sign", "KEY", NULL, struct build_arguments, sign,
                "sign the release with this secret key of vitrine keygen"),
    OPTION_TEXT("metrics", "FILE", NULL, struct build_arguments, metrics,
                "write how each build ended to this file, for the textfile collector of "
                "Prometheus' node exporter"),
    OPTION_TEXT("publish", "URL", NULL, struct build_arguments, publish.to, PUBLISH_ABOUT),
    OPTION_INTEGER("publish-keep", "N", "3", 0, 1000, struct build_arguments, publish.keep,
                   PUBLISH_KEEP_ABOUT),
    OPTION_DURATION("publish-timeout", "TIME", "2m", struct build_arguments, publish.timeout_ms,
                    PUBLISH_TIMEOUT_ABOUT),
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

static enum err build_once(const struct build_options *wanted, const struct publisher *publisher,
                           struct build_result *result, struct errmsg *msg)
{
    enum err rc = build_release(wanted, true, result, msg);

    failures_print("build", wanted->failures);
    if (rc == ERR_NONE && result->is_current) {
        printf("release %06" PRIu64 " is up to date\n", result->number);
    }
    fflush(stdout);
    return rc == ERR_NONE ? publisher_work(publisher, msg) : rc;
}

/* What a build said when it failed, so that the same is not said again at every turn. */
struct said {
    struct buffer failures;
    char reason[sizeof(struct errmsg)];
};

static void log_failure(struct said *said, const struct buffer *failures, const struct errmsg *msg)
{
    if (strcmp(said->reason, msg->text) == 0 &&
        slice_equal(buffer_slice(&said->failures), buffer_slice(failures))) {
        return;
    }
    failures_log(failures);
    log_error("build_failed", "reason=\"%s\"", msg->text);
    buffer_clear(&said->failures);
    buffer_append_slice(&said->failures, buffer_slice(failures));
    snprintf(said->reason, sizeof said->reason, "%s", msg->text);
}

/* One turn: a build when it is needed, and then what is current is published; both log how they end. */
static enum err build_next(struct build_options *wanted, struct publisher *publisher,
                           struct said *said, struct build_result *result)
{
    struct errmsg msg;
    enum err published;
    enum err rc;

    buffer_clear(wanted->failures);
    rc = build_release(wanted, false, result, &msg);
    if (rc == ERR_NONE && !result->is_current) {
        log_info("release_built",
                 "release=%06" PRIu64 " rows=%" PRIu64 " bytes=%" PRIu64 " ms=%" PRId64,
                 result->number, result->row_count, result->file_bytes, result->elapsed_ms);
    }
    if (rc == ERR_NONE) {
        said->reason[0] = '\0';
        wanted->force = false;
        wanted->accepted = result->is_current ? wanted->accepted : 0;
    } else if (rc != ERR_INTERRUPTED) {
        log_failure(said, wanted->failures, &msg);
    }
    published = publisher_follow(publisher);
    return rc == ERR_NONE ? published : rc;
}

/* Follows the source. A turn that fails is tried again at the next one. */
static enum err build_forever(struct build_options *wanted, struct publisher *publisher,
                              int64_t every_ms, struct build_note *note)
{
    struct said said = {.reason = ""};

    buffer_init(&said.failures, CHECK_FAILURES_MAX);
    while (!interrupt_requested()) {
        struct build_result result;
        enum err rc;

        build_note_begin(note);
        rc = build_next(wanted, publisher, &said, &result);
        if (rc != ERR_INTERRUPTED) {
            build_note_end(note, rc, &result, wanted->failures);
        }
        if (!interrupt_requested()) {
            interrupt_sleep(every_ms);
        }
    }
    buffer_free(&said.failures);
    return ERR_NONE;
}

/* What the options name. */
struct named {
    unsigned accepted;
    char *definition;
    struct signing_key *sign;
    struct publisher publisher;
};

static enum err read_named(const struct build_arguments *given, struct named *out,
                           struct errmsg *msg)
{
    enum err rc = accept_parse(given->accept, &out->accepted, msg);

    if (rc == ERR_NONE) {
        rc = publisher_begin(&out->publisher, &given->publish, given->root, msg);
    }
    if (rc == ERR_NONE) {
        rc = definition_path(given->definition, &out->definition, msg);
    }
    if (rc == ERR_NONE && given->sign != NULL) {
        rc = signing_key_read(given->sign, &out->sign, msg);
    }
    return rc;
}

/* Builds once or, with --every, until it is stopped. */
static enum err build(const struct build_arguments *given, struct named *named,
                      struct buffer *failures, struct build_note *note, struct build_result *result,
                      struct errmsg *msg)
{
    struct build_options wanted = {
        .definition = named->definition,
        .source = given->source,
        .root = given->root,
        .keep = given->keep,
        .jobs = jobs_of(given->jobs),
        .retries = given->retries,
        .partition_rows = given->partition_rows,
        .force = given->force,
        .fresh = given->fresh,
        .accepted = named->accepted,
        .rehearse = rehearse,
        .failures = failures,
        .sign = named->sign,
    };

    return given->every_ms > 0 ? build_forever(&wanted, &named->publisher, given->every_ms, note)
                               : build_once(&wanted, &named->publisher, result, msg);
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct build_arguments *given = data;
    struct build_note note = {.path = given->metrics};
    struct build_result result = {.number = 0};
    struct named named = {.accepted = 0};
    struct buffer failures;
    enum err rc;

    (void)arguments;
    interrupt_catch();
    buffer_init(&failures, CHECK_FAILURES_MAX);
    build_note_begin(&note);
    rc = read_named(given, &named, msg);
    if (rc == ERR_NONE) {
        rc = build(given, &named, &failures, &note, &result, msg);
        rc = definition_advise(given->definition, rc, msg);
    }
    if (rc != ERR_NONE || given->every_ms == 0) {
        build_note_end(&note, rc, &result, &failures);
    }
    signing_key_free(named.sign);
    free(named.definition);
    buffer_free(&failures);
    return rc;
}

const struct command command_build = {
    .name = "build",
    .usage = "--source URL --root DIR [options]",
    .about = "makes a release from the source and activates it",
    .description =
        "Opens one consistent snapshot of the source, writes every collection of the definition "
        "into columnar partitions (changed copies of those of the last release, where that has the "
        "same definition and most row groups are as they were; --fresh writes them from nothing), "
        "checks the finished release (docs/definition.md, checks), and "
        "renames it into place. A build that fails leaves the root as it was; one that a check "
        "refuses ends with exit code 3. With --every it follows the source; --force then means "
        "the first build, --accept the first one that passes. With --publish what is current then "
        "goes into a bucket, from which nodes pull it; it needs rclone, which finds credentials "
        "and region in its environment (docs/operations.md).",
    .options = options,
    .given_size = sizeof(struct build_arguments),
    .work = work,
};
