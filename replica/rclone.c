#include "replica/rclone.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cut_lines.h"

enum { COMPLAINT_MAX = 512 };

/* ---- what it is asked ---- */

/* The first of the variables that is set; NULL when none is. */
static const char *from_environment(const char *first, const char *second)
{
    const char *value = getenv(first);

    return value != NULL && value[0] != '\0' ? value : second == NULL ? NULL : getenv(second);
}

/* What its environment does not say already; an option on the line would hide that. */
static void add_defaults(struct command_line *line)
{
    const char *region = from_environment("AWS_REGION", "AWS_DEFAULT_REGION");

    if (getenv("RCLONE_S3_PROVIDER") == NULL) {
        command_line_add(line, "--s3-provider=%s",
                         getenv("RCLONE_S3_ENDPOINT") == NULL ? "AWS" : "Other");
    }
    if (getenv("RCLONE_S3_ENV_AUTH") == NULL && getenv("RCLONE_S3_ACCESS_KEY_ID") == NULL) {
        command_line_add(line, "--s3-env-auth");
    }
    if (getenv("RCLONE_S3_REGION") == NULL && region != NULL) { /* it does not look there itself */
        command_line_add(line, "--s3-region=%s", region);
    }
}

void rclone_begin(struct command_line *line, const char *verb,
                  const struct rclone_settings *settings)
{
    int64_t seconds = (settings->timeout_ms + 999) / 1000;

    command_line_begin(line, "rclone");
    command_line_add(line, "%s", verb);
    command_line_add(line, "--config=");
    add_defaults(line);
    command_line_add(line, "--s3-no-check-bucket"); /* it would make one that is missing */
    command_line_add(line, "--timeout=%" PRId64 "s", seconds);
    command_line_add(line, "--contimeout=%" PRId64 "s", seconds);
    command_line_add(line, "--retries=1");
    command_line_add(line, "--low-level-retries=2"); /* silence lasts this squared times as long */
    command_line_add(line, "--use-json-log");
    command_line_add(line, "--stats=1s");
    command_line_add(line, "--stats-log-level=NOTICE");
    if (settings->bwlimit != NULL) {
        command_line_add(line, "--bwlimit=%s", settings->bwlimit);
    }
}

/* ---- what it says, and what that means ---- */

static const struct meaning {
    const char *words; /* in what it prints */
    enum err code;
    const char *what;
    const char *advice;
} meanings[] = {
    {"no space left on device", ERR_LIMIT, "the disk of this machine is full",
     "make room; what had arrived is removed"},
    {"remaining disk space", ERR_LIMIT, "the disk of this machine is full",
     "make room; what had arrived is removed"},
    {"disk quota exceeded", ERR_LIMIT, "the disk of this machine is full",
     "make room; what had arrived is removed"},
    {"NoSuchBucket", ERR_NOT_FOUND, "there is no such bucket",
     "make it, or look at its name and at RCLONE_S3_ENDPOINT"},
    {"directory not found", ERR_NOT_FOUND, "there is no such bucket",
     "make it, or look at its name and at RCLONE_S3_ENDPOINT"},
    {"NoCredentialProviders", ERR_SOURCE, "there are no credentials",
     "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role"},
    {"RequestTimeTooSkewed", ERR_SOURCE, "the clock of this machine is wrong", "set it"},
    {"AuthorizationHeaderMalformed", ERR_SOURCE, "the bucket is in another region",
     "set AWS_REGION"},
    {"BucketRegionError", ERR_SOURCE, "the bucket is in another region", "set AWS_REGION"},
    {"PermanentRedirect", ERR_SOURCE, "the bucket is in another region", "set AWS_REGION"},
    {"Forbidden", ERR_SOURCE, "it does not let us in",
     "look at the credentials, and whether they may list the bucket and use what is below the "
     "prefix"},
    {"AccessDenied", ERR_SOURCE, "it does not let us in",
     "look at the credentials, and whether they may list the bucket and use what is below the "
     "prefix"},
    {"InvalidAccessKeyId", ERR_SOURCE, "it does not know our key", "look at the credentials"},
    {"SignatureDoesNotMatch", ERR_SOURCE, "the secret does not fit our key",
     "look at the credentials"},
    {"ExpiredToken", ERR_SOURCE, "our credentials are too old", "get new ones"},
    {"custom CA bundle", ERR_SYSTEM, "rclone cannot use AWS_CA_BUNDLE",
     "unset it for this program and name the file in RCLONE_CA_CERT"},
    {"x509:", ERR_SOURCE, "its certificate is not trusted",
     "name the file of the authority in RCLONE_CA_CERT"},
    {"corrupted on transfer", ERR_SOURCE, "an object there is not what was put",
     "where the bucket encrypts with KMS, set RCLONE_S3_SERVER_SIDE_ENCRYPTION=aws:kms; otherwise "
     "try again"},
    {"unknown flag", ERR_SYSTEM, "rclone does not take its options",
     "install rclone 1.60 or later"},
    {"permission denied", ERR_SYSTEM, "a file cannot be read or written",
     "look at the rights of the root"},
    {"read-only file system", ERR_SYSTEM, "a file cannot be written", "look at the disk"},
    {"input/output error", ERR_SYSTEM, "a file cannot be read or written", "look at the disk"},
    {"i/o timeout", ERR_SOURCE, "silence for longer than the time-out",
     "files that had arrived are not sent again"},
    {"timeout awaiting response", ERR_SOURCE, "silence for longer than the time-out",
     "files that had arrived are not sent again"},
    {"connection refused", ERR_SOURCE, "nobody answers",
     "look at the network and at RCLONE_S3_ENDPOINT"},
    {"no such host", ERR_SOURCE, "nobody answers", "look at the network and at RCLONE_S3_ENDPOINT"},
    {"RequestError", ERR_SOURCE, "the connection was lost",
     "files that had arrived are not sent again"},
    {"unexpected EOF", ERR_SOURCE, "the connection was lost",
     "files that had arrived are not sent again"},
};

struct talk {
    struct rclone_run *run;
    uint64_t done_before; /* by earlier runs that share the progress */
    struct cut_lines lines;
    const struct meaning *meaning; /* of the complaint; NULL: of none of the lines */
    char complaint[COMPLAINT_MAX];
};

static const struct meaning *find_meaning(const char *text)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (strstr(text, meanings[i].words) != NULL) {
            return &meanings[i];
        }
    }
    return NULL;
}

/*
 * As one line without quotes, which it will stand between, without numbers for S3's support, and without
 * what a terminal would obey: a server may have written it.
 */
static void copy_complaint(char *out, const char *text)
{
    size_t len = 0;
    const char *end = strstr(text, ", request id:");

    for (const char *p = text; *p != '\0' && p != end && len < COMPLAINT_MAX - 1; p++) {
        char c = *p == '"' ? '\'' : (*p > 0 && *p < ' ') || *p == '\x7f' ? ' ' : *p;

        if (c != ' ' || (len > 0 && out[len - 1] != ' ')) {
            out[len++] = c;
        }
    }
    out[len] = '\0';
}

/* The first that can be understood is told, otherwise the first. */
static void complain(struct talk *talk, const char *text)
{
    const struct meaning *meaning = find_meaning(text);

    if (talk->complaint[0] == '\0' || (talk->meaning == NULL && meaning != NULL)) {
        copy_complaint(talk->complaint, text);
        talk->meaning = meaning;
    }
}

static void take_stats(struct talk *talk, const json_t *stats)
{
    struct rclone_run *run = talk->run;
    json_int_t bytes = json_integer_value(json_object_get(stats, "bytes"));

    if (bytes > 0) {
        run->bytes = (uint64_t)bytes;
    }
    if (run->progress != NULL) {
        uint64_t done = atomic_load(&run->progress->done) - talk->done_before;

        progress_add(run->progress, run->bytes > done ? run->bytes - done : 0);
    }
}

static void on_line(void *context, char *line)
{
    struct talk *talk = context;
    json_t *entry = json_loads(line, 0, NULL);
    const char *level = json_string_value(json_object_get(entry, "level"));
    const char *text = json_string_value(json_object_get(entry, "msg"));
    const json_t *stats = json_object_get(entry, "stats");

    if (stats != NULL) {
        take_stats(talk, stats);
    } else if (entry == NULL && line[0] != '{' && line[0] != '\0') { /* said before it could log */
        complain(talk, line);
    } else if (level != NULL && text != NULL && strcmp(level, "error") == 0) {
        complain(talk, text);
    }
    json_decref(entry);
}

static void on_stderr(void *context, struct slice bytes)
{
    struct talk *talk = context;

    cut_lines_feed(&talk->lines, bytes, on_line, talk);
}

static void on_stdout(void *context, struct slice bytes)
{
    const struct talk *talk = context;

    if (talk->run->on_stdout != NULL) {
        talk->run->on_stdout(talk->run->context, bytes);
    }
}

static enum err explain(const struct talk *talk, int status, struct errmsg *msg)
{
    const struct meaning *meaning = talk->meaning;
    const char *what = talk->run->what;
    char end[64];

    if (meaning == NULL) {
        return err_set(msg, ERR_SOURCE, "%s: rclone ended with %s%s%s", what,
                       process_describe_end(status, end, sizeof end),
                       talk->complaint[0] == '\0' ? "" : ": ", talk->complaint);
    }
    return err_set(msg, meaning->code, "%s: %s (%s); %s", what, meaning->what, talk->complaint,
                   meaning->advice);
}

enum err rclone_run(const struct command_line *line, struct rclone_run *run, struct errmsg *msg)
{
    struct talk talk = {.run = run};
    int status = 0;
    enum err rc;

    run->bytes = 0;
    talk.done_before = run->progress == NULL ? 0 : atomic_load(&run->progress->done);
    rc = process_run(&(struct process){.arguments = line->items,
                                       .on_stdout = on_stdout,
                                       .on_stderr = on_stderr,
                                       .context = &talk},
                     &status, msg);
    if (rc == ERR_NOT_FOUND) {
        return err_set(msg, ERR_SYSTEM,
                       "there is no program rclone, which talks to s3:// buckets; apt install "
                       "rclone");
    }
    return rc == ERR_NONE && status != 0 ? explain(&talk, status, msg) : rc;
}
