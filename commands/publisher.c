#include "commands/publisher.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "replica/root.h"
#include "replica/s3_place.h"

enum { TIMEOUT_LEAST_MS = 1000 }; /* rclone is told seconds */

enum err publisher_begin(struct publisher *publisher, const struct publish_arguments *given,
                         const char *root, struct errmsg *msg)
{
    struct s3_place place;
    enum err rc = ERR_NONE;

    *publisher = (struct publisher){
        .options = {
            .root = root, .to = given->to, .keep = given->keep, .timeout_ms = given->timeout_ms}};
    if (given->to != NULL && given->timeout_ms < TIMEOUT_LEAST_MS) {
        rc = err_set(msg, ERR_USAGE, "--publish-timeout: write at least 1s");
    } else if (given->to != NULL) {
        rc = s3_place_parse(given->to, &place, msg);
        if (rc == ERR_NONE) {
            s3_place_free(&place);
        }
    }
    return rc;
}

enum err publisher_work(const struct publisher *publisher, struct errmsg *msg)
{
    struct publish_result result;
    char bytes[32];
    enum err rc;

    if (publisher->options.to == NULL) {
        return ERR_NONE;
    }
    rc = publish_release(&publisher->options, &result, msg);
    if (rc != ERR_NONE) {
        return err_wrap(msg, rc, "publish");
    }
    if (result.is_current) {
        printf("release %06" PRIu64 " is published\n", result.number);
    } else {
        printf("release %06" PRIu64 " published in %.1f s: %u files, %u of them copied there; %s "
               "bytes sent, %u releases removed\n",
               result.number, (double)result.elapsed_ms / 1000.0, result.file_count,
               result.copied_count, grouped(bytes, result.sent_bytes), result.removed_count);
    }
    fflush(stdout);
    return ERR_NONE;
}

static void log_published(struct publisher *publisher, const struct publish_result *result)
{
    publisher->has_published = true;
    publisher->number = result->number;
    if (!result->is_current) {
        log_info("release_published",
                 "release=%06" PRIu64 " files=%u copied=%u sent=%" PRIu64 " removed=%u ms=%" PRId64,
                 result->number, result->file_count, result->copied_count, result->sent_bytes,
                 result->removed_count, result->elapsed_ms);
    }
    if (publisher->failure.text[0] != '\0') {
        log_info("publish_recovered", "release=%06" PRIu64, result->number);
        publisher->failure.text[0] = '\0';
    }
}

enum err publisher_follow(struct publisher *publisher)
{
    struct publish_result result;
    struct errmsg msg;
    uint64_t number;
    enum err rc;

    if (publisher->options.to == NULL || interrupt_requested() ||
        !root_current_number(publisher->options.root, &number) ||
        (publisher->has_published && publisher->number == number)) {
        return ERR_NONE;
    }
    rc = publish_release(&publisher->options, &result, &msg);
    if (rc == ERR_NONE) {
        log_published(publisher, &result);
    } else if (rc != ERR_INTERRUPTED && strcmp(publisher->failure.text, msg.text) != 0) {
        log_error("publish_failed", "reason=\"%s\"", msg.text);
        publisher->failure = msg;
    }
    return rc;
}
