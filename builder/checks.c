#include "builder/checks.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "replica/manifest.h"
#include "replica/release.h"
#include "replica/root.h"

enum { GROUPED_MAX = 32 }; /* bytes of a count with commas */

struct checking {
    const struct checks_run *run;
    struct manifest *next; /* the release that is checked */
    struct manifest *last; /* NULL: there is nothing to compare with */
    unsigned failed;       /* bit 1 << CHECK_x: one of these failed */
    unsigned failure_count;
};

struct counts {
    uint64_t keys;
    uint64_t rows;
};

/* ---- failures ---- */

static bool is_accepted(const struct checking *checking, enum check check)
{
    return (checking->run->accepted & 1U << check) != 0;
}

static void note_failure(struct checking *checking, enum check check)
{
    checking->failed |= 1U << check;
    checking->failure_count++;
}

/* `; build with --accept shrink,requests` */
static void append_accept(const struct checking *checking, struct buffer *out)
{
    const char *separator = "";

    buffer_append_str(out, "build with --accept ");
    for (unsigned check = 0; check < CHECK_COUNT; check++) {
        if ((checking->failed & 1U << check) != 0) {
            buffer_printf(out, "%s%s", separator, check_name(check));
            separator = ",";
        }
    }
}

static enum err tell(const struct checking *checking, struct errmsg *msg)
{
    struct buffer advice;
    enum err rc;

    if (checking->failure_count == 0) {
        return ERR_NONE;
    }
    buffer_init(&advice, sizeof msg->text);
    append_accept(checking, &advice);
    rc = err_set(msg, ERR_REFUSED,
                 "%u check%s of the definition failed, so release %06" PRIu64
                 " is not published; mend the source or the definition, or %s to publish it all "
                 "the same",
                 checking->failure_count, checking->failure_count == 1 ? "" : "s",
                 checking->next->number, buffer_str(&advice));
    buffer_free(&advice);
    return rc;
}

/* ---- counts ---- */

static struct counts count(const struct manifest *manifest, struct slice collection)
{
    struct counts counts = {0};

    for (unsigned i = 0; i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];

        if (file->kind == FILE_PARTITION && slice_equal(file->collection, collection)) {
            counts.keys += file->key_count;
            counts.rows += file->row_count;
        }
    }
    return counts;
}

/* What a percentage of more or fewer is exceeded by, rounded up so that it is seen to be more. */
static double percent_of(uint64_t part, uint64_t whole)
{
    return ceil((double)part * 1000 / (double)whole) / 10;
}

static bool is_beyond(uint64_t part, uint64_t whole, unsigned percent)
{
    return percent != CHECK_ANY && (double)part * 100 > (double)whole * percent;
}

/* Compares how many UNIT there are NOW with how many there WERE. */
static void compare(struct checking *checking, const struct collection *collection,
                    const char *unit, uint64_t now, uint64_t was)
{
    const struct count_limits *limits = &collection->limits;
    bool is_fewer = now < was;
    enum check check = is_fewer ? CHECK_SHRINK : CHECK_GROWTH;
    unsigned allowed = is_fewer ? limits->shrink_percent : limits->growth_percent;
    uint64_t difference = is_fewer ? was - now : now - was;
    char now_text[GROUPED_MAX];
    char was_text[GROUPED_MAX];

    if (was == 0 || was < (uint64_t)limits->small || is_accepted(checking, check) ||
        !is_beyond(difference, was, allowed)) {
        return;
    }
    note_failure(checking, check);
    buffer_printf(checking->run->failures,
                  "collection %.*s has %s %s, %.1f %% %s than the %s of release %06" PRIu64
                  "; checks.%s allows %u %%\n",
                  SLICE_ARG(collection->name), grouped(now_text, now), unit,
                  percent_of(difference, was), is_fewer ? "fewer" : "more", grouped(was_text, was),
                  checking->last->number, check_name(check), allowed);
}

/* A collection without a key: whether that is meant is asked once, by `empty`. */
static bool refuse_empty(struct checking *checking, const struct collection *collection)
{
    if (collection->limits.accepts_empty) {
        return false;
    }
    if (!is_accepted(checking, CHECK_EMPTY)) {
        note_failure(checking, CHECK_EMPTY);
        buffer_printf(checking->run->failures,
                      "collection %.*s has no keys, which is rarely meant; import its tables "
                      "first, or write `checks: {empty: accept}` in it\n",
                      SLICE_ARG(collection->name));
    }
    return true;
}

static void check_counts(struct checking *checking, const struct collection *collection)
{
    struct counts now = count(checking->next, collection->name);
    struct counts was = {0};

    if (now.keys == 0 && refuse_empty(checking, collection)) {
        return;
    }
    if (checking->last != NULL) {
        was = count(checking->last, collection->name);
    }
    compare(checking, collection, "keys", now.keys, was.keys);
    if (now.rows != now.keys || was.rows != was.keys) { /* otherwise it is said already */
        compare(checking, collection, "rows", now.rows, was.rows);
    }
}

/*
 * The manifest of the current release, when it is one of this definition; otherwise *OUT is NULL. A
 * release that is damaged is no reason to refuse the one that takes its place; one that cannot be
 * read today is, because nobody would notice that nothing was compared.
 */
static enum err read_last(const struct checks_run *run, struct manifest **out, struct errmsg *msg)
{
    struct manifest *manifest = NULL;
    char *dir = NULL;
    char *path = NULL;
    enum err rc = root_current(run->root, &dir, msg);

    if (rc == ERR_NONE) {
        path = path_join(dir, MANIFEST_NAME);
        rc = file_exists(path) ? manifest_read(path, &manifest, msg)
                               : err_set(msg, ERR_CORRUPT, "%s is missing", path);
    }
    if (rc == ERR_CORRUPT) {
        log_warn("counts_not_compared", "reason=\"%s\"", msg->text);
    }
    if (rc == ERR_CORRUPT || rc == ERR_NOT_FOUND) {
        rc = ERR_NONE;
    }
    if (manifest != NULL && !slice_equal(manifest->definition_name, run->definition->name)) {
        manifest_free(manifest);
        manifest = NULL;
    }
    *out = manifest;
    free(path);
    free(dir);
    return rc;
}

/* ---- golden requests ---- */

static enum err check_requests(struct checking *checking, struct errmsg *msg)
{
    const struct checks_run *run = checking->run;
    size_t len = run->failures->len;
    enum err rc;

    if (run->rehearse == NULL || run->definition->checks.request_count == 0 ||
        is_accepted(checking, CHECK_REQUESTS)) {
        return ERR_NONE;
    }
    rc = run->rehearse(run->staging, run->failures, msg);
    for (; len < run->failures->len; len++) {
        if (run->failures->ptr[len] == '\n') {
            note_failure(checking, CHECK_REQUESTS);
        }
    }
    return rc;
}

enum err checks_run(const struct checks_run *run, struct errmsg *msg)
{
    struct checking checking = {.run = run};
    char *path = path_join(run->staging, MANIFEST_NAME);
    enum err rc = manifest_read(path, &checking.next, msg);

    if (rc == ERR_NONE) {
        rc = read_last(run, &checking.last, msg);
    }
    if (rc == ERR_NONE) {
        for (unsigned i = 0; i < run->definition->collection_count; i++) {
            check_counts(&checking, &run->definition->collections[i]);
        }
        rc = check_requests(&checking, msg);
    }
    if (rc == ERR_NONE) {
        rc = tell(&checking, msg);
    }
    manifest_free(checking.last);
    manifest_free(checking.next);
    free(path);
    return rc;
}
