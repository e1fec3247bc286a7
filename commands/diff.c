#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/progress.h"
#include "commands/commands.h"
#include "commands/trust_options.h"
#include "commands/which_release.h"
#include "replica/diff.h"

enum { KEYS_TEXT_MAX = 64 << 20 };

struct diff_arguments {
    const char *root;
    struct option_texts trust;
    int64_t keys;
    bool json;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct diff_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_TEXTS("trust", "PUB", struct diff_arguments, trust, TRUST_ABOUT),
    OPTION_INTEGER("keys", "N", "0", 0, 1000000, struct diff_arguments, keys,
                   "list so many differing keys of each collection: + added, - removed, ~ changed"),
    OPTION_FLAG("json", struct diff_arguments, json, "print JSON, for programs"),
    OPTION_END,
};

/* A comparison on its way to stdout. */
struct report {
    const struct diff_arguments *given;
    struct release *releases[2];
    struct reader *readers[2];
    struct slice collection; /* the one that is compared */
    struct buffer keys;      /* those of it that are listed */
    int64_t key_count;
    bool has_collection; /* JSON: one was printed */
};

static void on_key(void *context, enum diff_kind kind, const struct key *key)
{
    static const char signs[] = {[DIFF_ADDED] = '+', [DIFF_REMOVED] = '-', [DIFF_CHANGED] = '~'};
    static const char *const names[] = {
        [DIFF_ADDED] = "added", [DIFF_REMOVED] = "removed", [DIFF_CHANGED] = "changed"};
    struct report *report = context;

    if (report->key_count++ >= report->given->keys) {
        return;
    }
    if (report->given->json) {
        buffer_printf(&report->keys,
                      "%s\n    {\"change\": \"%s\", \"key\": ", report->keys.len == 0 ? "" : ",",
                      names[kind]);
    } else {
        buffer_printf(&report->keys, "%.*s %c ", SLICE_ARG(report->collection), signs[kind]);
    }
    if (!key->is_text) {
        buffer_printf(&report->keys, "%" PRId64, key->integer);
    } else if (report->given->json) {
        json_write_string(&report->keys, key->text);
    } else {
        buffer_append_slice(&report->keys, key->text);
    }
    buffer_append_str(&report->keys, report->given->json ? "}" : "\n");
}

static void print_json(struct report *report, const struct diff *diff)
{
    printf("%s\n  {\"collection\": \"%.*s\", \"rows\": [%" PRIu64 ", %" PRIu64
           "], \"keys\": [%" PRIu64 ", %" PRIu64 "], \"added\": %" PRIu64 ", \"removed\": %" PRIu64
           ", \"changed\": %" PRIu64 ", \"first\": [%s]}",
           report->has_collection ? "," : "", SLICE_ARG(report->collection), diff->rows[0],
           diff->rows[1], diff->keys[0], diff->keys[1], diff->counts[DIFF_ADDED],
           diff->counts[DIFF_REMOVED], diff->counts[DIFF_CHANGED], buffer_str(&report->keys));
    report->has_collection = true;
}

static void print_line(const struct report *report, const struct diff *diff)
{
    char texts[7][32];

    printf("%-20.*s %14s %14s %12s %12s %10s %10s %10s\n", SLICE_ARG(report->collection),
           grouped(texts[0], diff->rows[0]), grouped(texts[1], diff->rows[1]),
           grouped(texts[2], diff->keys[0]), grouped(texts[3], diff->keys[1]),
           grouped(texts[4], diff->counts[DIFF_ADDED]),
           grouped(texts[5], diff->counts[DIFF_REMOVED]),
           grouped(texts[6], diff->counts[DIFF_CHANGED]));
}

static enum err compare(struct report *report, struct slice name, struct buffer *listed,
                        struct errmsg *msg)
{
    struct diff diff;
    enum err rc;

    report->collection = name;
    report->key_count = 0;
    buffer_clear(&report->keys);
    rc = diff_collection(report->readers[0], report->readers[1], name, on_key, report, &diff, msg);
    if (rc == ERR_NONE && report->keys.overflowed) {
        rc = err_set(msg, ERR_LIMIT, "the keys are too long to be listed; ask for fewer by --keys");
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    if (report->given->json) {
        print_json(report, &diff);
    } else {
        print_line(report, &diff);
        buffer_append_slice(listed, buffer_slice(&report->keys));
    }
    return ERR_NONE;
}

/* The collections of the first release, then those that only the second one has. */
static enum err compare_all(struct report *report, struct buffer *listed, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    for (unsigned side = 0; side < 2; side++) {
        const struct definition *definition = report->releases[side]->definition;
        const struct definition *other = report->releases[0]->definition;

        for (unsigned i = 0; rc == ERR_NONE && i < definition->collection_count; i++) {
            struct slice name = definition->collections[i].name;

            if (side == 0 || definition_collection(other, name) == NULL) {
                rc = compare(report, name, listed, msg);
            }
        }
    }
    return rc;
}

static enum err print_report(struct report *report, struct errmsg *msg)
{
    struct buffer listed;
    enum err rc;

    buffer_init(&listed, SIZE_MAX / 2);
    if (report->given->json) {
        printf("{\"before\": %" PRIu64 ", \"after\": %" PRIu64 ", \"collections\": [",
               report->releases[0]->manifest->number, report->releases[1]->manifest->number);
    } else {
        printf("%-20s %14s %14s %12s %12s %10s %10s %10s\n", "collection", "rows before", "after",
               "keys before", "after", "added", "removed", "changed");
    }
    rc = compare_all(report, &listed, msg);
    if (report->given->json) {
        puts(rc == ERR_NONE ? "\n]}" : "");
    } else {
        fputs(buffer_str(&listed), stdout);
    }
    buffer_free(&listed);
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct diff_arguments *given = data;
    struct report report = {.given = given};
    struct trust trust;
    struct release_check check = {.trust = &trust};
    enum err rc;

    buffer_init(&report.keys, KEYS_TEXT_MAX);
    check.root = given->root;
    rc = trust_from_options(&given->trust, &trust, msg);
    for (unsigned i = 0; rc == ERR_NONE && i < 2; i++) {
        rc = which_release(given->root, i < arguments->count ? arguments->items[i] : NULL, &check,
                           &report.releases[i], msg);
        if (rc == ERR_NONE) {
            rc = reader_open(report.releases[i], &report.readers[i], msg);
        }
    }
    if (rc == ERR_NONE) {
        rc = print_report(&report, msg);
    }
    for (unsigned i = 0; i < 2; i++) {
        reader_close(report.readers[i]);
        release_drop(report.releases[i]);
    }
    buffer_free(&report.keys);
    return rc;
}

const struct command command_diff = {
    .name = "diff",
    .usage = "--root DIR [--trust PUB] [--keys N] [--json] A [B]",
    .about = "compares release B (by default the current one) with A, key by key",
    .description = "Keys are compared by the hash of their rows. Where a collection has other "
                   "fields or orders in B than in A, all its keys count as changed.",
    .options = options,
    .least_arguments = 1,
    .most_arguments = 2,
    .gives_way = true,
    .given_size = sizeof(struct diff_arguments),
    .work = work,
};
