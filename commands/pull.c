#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "commands/commands.h"
#include "commands/ready.h"
#include "replica/pull.h"

enum {
    MOST_PAUSE_MS = 60000, /* between two attempts that failed, unless --every is longer */
    JITTER_PERCENT = 25,   /* so that a fleet does not come back all at once */
};

struct pull_arguments {
    const char *from;
    const char *root;
    const char *ssh;
    const char *bwlimit;
    const char *transfer;
    int64_t every_ms;
    int64_t timeout_ms;
    int64_t keep;
    int64_t warm_bytes;
    struct option_texts trust;
    bool compress;
    bool again;
};

static const struct option options[] = {
    OPTION_REQUIRED("from", "SOURCE", struct pull_arguments, from,
                    "the root of a builder or of another node: rsync://HOST[:PORT]/MODULE, "
                    "ssh://[USER@]HOST[:PORT]/PATH, [USER@]HOST:PATH or a path; or the bucket "
                    "that a builder publishes to: s3://BUCKET[/PREFIX]"),
    OPTION_REQUIRED("root", "DIR", struct pull_arguments, root,
                    "where releases/ and the link current are; made when missing"),
    OPTION_DURATION("every", "TIME", NULL, struct pull_arguments, every_ms,
                    "keep running and look so often for a new release; 0 looks once"),
    OPTION_TEXT("bwlimit", "RATE", NULL, struct pull_arguments, bwlimit,
                "most bytes a second to take: 500K, 20M, 1G; by default no limit"),
    OPTION_DURATION("timeout", "TIME", "30s", struct pull_arguments, timeout_ms,
                    "give up when connecting, or silence, takes so long; at least 1s. A bucket is "
                    "asked up to four times"),
    OPTION_INTEGER("keep", "N", "3", 2, 1000, struct pull_arguments, keep,
                   "releases to keep, the new one included"),
    OPTION_TEXTS("trust", "PUB", struct pull_arguments, trust, TRUST_ABOUT),
    OPTION_SIZE("warm", "RATE", READY_WARM_DEFAULT, struct pull_arguments, warm_bytes,
                READY_WARM_ABOUT),
    OPTION_FLAG("again", struct pull_arguments, again,
                "fetch a release again that was refused before; with --every, the first time"),
    OPTION_TEXT(
        "transfer", "MODE", "auto", struct pull_arguments, transfer,
        "auto: differences for files that share half of their pages with the one here, whole files "
        "otherwise; or always whole, or delta. A bucket has whole files only"),
    OPTION_FLAG("compress", struct pull_arguments, compress,
                "compress whole files on the way; differences always are. Not from a bucket"),
    OPTION_TEXT("ssh", "COMMAND", "ssh", struct pull_arguments, ssh,
                "the remote shell and its options: \"ssh -i KEY\""),
    OPTION_END,
};

static enum err read_transfer(const char *text, enum pull_transfer *out, struct errmsg *msg)
{
    static const char *const names[] = {
        [PULL_AUTO] = "auto", [PULL_WHOLE] = "whole", [PULL_DELTA] = "delta"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return ERR_NONE;
        }
    }
    return err_set(msg, ERR_USAGE, "--transfer: \"%s\" is none of auto, whole, delta", text);
}

/* Digits and a unit, as rsync takes them; it would read a number alone as kibibytes. */
static enum err check_rate(const char *text, struct errmsg *msg)
{
    size_t digits = text == NULL ? 0 : strspn(text, "0123456789");

    if (text == NULL || (digits > 0 && digits < 10 && text[0] != '0' && text[digits] != '\0' &&
                         strchr("KMG", text[digits]) != NULL && text[digits + 1] == '\0')) {
        return ERR_NONE;
    }
    return err_set(msg, ERR_USAGE, "--bwlimit: \"%s\" is not a rate; write 500K, 20M or 1G", text);
}

/* The keys are in TRUST then, which OUT points to. */
static enum err read_arguments(const struct pull_arguments *given, struct trust *trust,
                               struct pull_options *out, struct errmsg *msg)
{
    enum err rc = check_rate(given->bwlimit, msg);

    *out = (struct pull_options){.from = given->from,
                                 .root = given->root,
                                 .way = {.ssh = given->ssh,
                                         .bwlimit = given->bwlimit,
                                         .timeout_ms = given->timeout_ms,
                                         .compress = given->compress},
                                 .keep = given->keep,
                                 .again = given->again,
                                 .trust = trust,
                                 .warm_bytes = (uint64_t)given->warm_bytes};
    if (rc == ERR_NONE && given->timeout_ms < 1000) {
        rc = err_set(msg, ERR_USAGE, "--timeout: write at least 1s");
    }
    if (rc == ERR_NONE) {
        rc = read_transfer(given->transfer, &out->transfer, msg);
    }
    return rc == ERR_NONE ? trust_from_options(&given->trust, trust, msg) : rc;
}

static enum err pull_once(const struct pull_options *wanted, struct errmsg *msg)
{
    struct pull_result result;
    char bytes[32];
    char received[32];
    enum err rc = pull_release(wanted, &result, msg);

    if (rc == ERR_NONE && result.is_current) {
        printf("release %06" PRIu64 " is up to date\n", result.number);
    } else if (rc == ERR_NONE && (!result.is_held || result.is_fetched)) {
        printf("release %06" PRIu64 " in %.1f s: %u files, %u of them linked, %u as differences; "
               "%s bytes fetched, %s received\n",
               result.number, (double)result.elapsed_ms / 1000.0, result.file_count,
               result.linked_count, result.delta_count, grouped(bytes, result.fetched_bytes),
               grouped(received, result.received_bytes));
    }
    if (rc == ERR_NONE && result.is_held) {
        printf("release %06" PRIu64 " is not activated: %s\n", result.number, result.reason.text);
    }
    fflush(stdout);
    return rc;
}

/* PAUSE_MS, up to a quarter more or less. */
static int64_t with_jitter(int64_t pause_ms)
{
    int64_t span = pause_ms * JITTER_PERCENT / 100;
    uint32_t random = 0;

    if (span <= 0 || getrandom(&random, sizeof random, 0) != sizeof random) {
        return pause_ms;
    }
    return pause_ms - span + random % (2 * span + 1);
}

static void log_pulled(const struct pull_result *result)
{
    log_info("release_pulled",
             "release=%06" PRIu64 " files=%u linked=%u deltas=%u bytes=%" PRIu64
             " received=%" PRIu64 " sent=%" PRIu64 " ms=%" PRId64,
             result->number, result->file_count, result->linked_count, result->delta_count,
             result->fetched_bytes, result->received_bytes, result->sent_bytes, result->elapsed_ms);
}

/* What was said last, so that nothing is said twice in a row. */
struct said {
    struct errmsg failure; /* empty: the last attempt did not fail */
    struct errmsg held;    /* empty: the last release was not held back */
};

static void log_attempt(struct said *said, enum err rc, const struct pull_result *result,
                        const struct errmsg *msg)
{
    const char *held = rc == ERR_NONE && result->is_held ? result->reason.text : "";

    if (rc == ERR_INTERRUPTED) {
        return;
    }
    if (rc != ERR_NONE && strcmp(said->failure.text, msg->text) != 0) {
        log_error("pull_failed", "reason=\"%s\"", msg->text);
    }
    if (rc == ERR_NONE && said->failure.text[0] != '\0') {
        log_info("pull_recovered", "release=%06" PRIu64, result->number);
    }
    if (rc == ERR_NONE && (result->is_fetched || (!result->is_current && !result->is_held))) {
        log_pulled(result);
    }
    if (held[0] != '\0' && (result->is_fetched || strcmp(said->held.text, held) != 0)) {
        log_info("release_not_activated", "release=%06" PRIu64 " reason=\"%s\"", result->number,
                 held);
    }
    snprintf(said->failure.text, sizeof said->failure.text, "%s", rc == ERR_NONE ? "" : msg->text);
    if (rc == ERR_NONE) {
        snprintf(said->held.text, sizeof said->held.text, "%s", held);
    }
}

/* Follows the source. An attempt that fails is tried again later and later; a mistake in WANTED is not. */
static enum err pull_forever(const struct pull_options *wanted, int64_t every_ms,
                             struct errmsg *msg)
{
    struct pull_options next = *wanted;
    int64_t most_ms = every_ms > MOST_PAUSE_MS ? every_ms : MOST_PAUSE_MS;
    int64_t pause_ms = every_ms;
    struct said said = {.failure = {""}};

    while (!interrupt_requested()) {
        struct pull_result result;
        enum err rc = pull_release(&next, &result, msg);

        if (rc == ERR_USAGE) {
            return rc;
        }
        log_attempt(&said, rc, &result, msg);
        if (!interrupt_requested()) {
            interrupt_sleep(rc == ERR_NONE ? every_ms : with_jitter(pause_ms));
        }
        pause_ms = rc == ERR_NONE ? every_ms : pause_ms * 2 < most_ms ? pause_ms * 2 : most_ms;
        next.again = false;
    }
    return ERR_NONE;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct pull_arguments *given = data;
    struct pull_options wanted;
    struct trust trust;
    enum err rc;

    (void)arguments;
    interrupt_catch();
    rc = read_arguments(given, &trust, &wanted, msg);
    if (rc == ERR_NONE) {
        rc = given->every_ms > 0 ? pull_forever(&wanted, given->every_ms, msg)
                                 : pull_once(&wanted, msg);
    }
    return rc;
}

const struct command command_pull = {
    .name = "pull",
    .usage = "--from SOURCE --root DIR [options]",
    .about = "fetches the current release of another root and activates it",
    .description =
        "Asks the source which release is current there, fetches what this root does not hold, "
        "verifies every page, and activates it, unless this root is pinned or the release was "
        "rolled back here. Files that are here already become hard links. A transfer that was cut "
        "goes on at the next attempt. Whatever fails, the root serves what it had. It needs rsync "
        "on both sides; for a bucket rclone here, which finds credentials and region in its "
        "environment (docs/operations.md).",
    .options = options,
    .gives_way = true,
    .given_size = sizeof(struct pull_arguments),
    .work = work,
};
