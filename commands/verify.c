#include <stdio.h>

#include "commands/commands.h"
#include "commands/failures.h"
#include "commands/trust_options.h"
#include "commands/which_release.h"
#include "commands/walk.h"
#include "replica/logical.h"
#include "replica/reader.h"
#include "service/rehearse.h"

struct verify_arguments {
    const char *root;
    const char *release;
    struct option_texts trust;
    bool requests;
    int64_t rate;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct verify_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_TEXT("release", "N", NULL, struct verify_arguments, release,
                "which release; by default the current one"),
    OPTION_TEXTS("trust", "PUB", struct verify_arguments, trust, TRUST_ABOUT),
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

/* "; signed by 1a2b..., not checked: no key is trusted here" */
static enum err print_result(const struct release *release, const struct release_check *check,
                             struct errmsg *msg)
{
    struct trust trust = *check->trust;
    struct signature signature;
    bool is_signed = false;
    enum err rc = trust_add_root(&trust, check->root, msg);

    if (rc == ERR_NONE) {
        rc = signature_read(release->dir, &is_signed, &signature, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    printf("%s: %u files verified; ", release->dir, release->manifest->file_count);
    if (!is_signed) {
        puts("not signed");
    } else {
        printf("signed by %s%s\n", signature.signer.text,
               trust.count > 0 ? "" : ", not checked: no key is trusted here");
    }
    return ERR_NONE;
}

static enum err verify(const struct verify_arguments *given, struct errmsg *msg)
{
    struct trust trust;
    struct release_check check = {.verify = given->rate == 0, .trust = &trust, .root = given->root};
    struct release *release = NULL;
    struct reader *reader = NULL;
    enum err rc = trust_from_options(&given->trust, &trust, msg);

    if (rc == ERR_NONE) {
        rc = which_release(given->root, given->release, &check, &release, msg);
    }
    if (rc == ERR_NONE && given->rate > 0) {
        rc = verify_at_leisure(release, (uint64_t)given->rate, msg);
    }
    if (rc == ERR_NONE) {
        rc = reader_open(release, &reader, msg);
    }
    if (rc == ERR_NONE) {
        rc = logical_verify(reader, msg);
    }
    if (rc == ERR_NONE) {
        rc = print_result(release, &check, msg);
    }
    if (rc == ERR_NONE && given->requests) {
        rc = check_requests(release, msg);
    }
    reader_close(reader);
    release_drop(release);
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct verify_arguments *given = data;

    (void)arguments;
    return verify(given, msg);
}

const struct command command_verify = {
    .name = "verify",
    .usage = "--root DIR [--release N] [--trust PUB] [--rate RATE] [--requests]",
    .about = "checks every page of a release, what it holds, and its signature",
    .options = options,
    .gives_way = true,
    .given_size = sizeof(struct verify_arguments),
    .work = work,
};
