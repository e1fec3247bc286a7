#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/progress.h"
#include "base/timestamp.h"
#include "commands/commands.h"
#include "commands/trust_options.h"
#include "replica/release.h"
#include "replica/root.h"
#include "replica/root_state.h"

enum { LINE_MAX_BYTES = 64 << 10 };

struct releases_arguments {
    const char *root;
    struct option_texts trust;
    bool json;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct releases_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_TEXTS("trust", "PUB", struct releases_arguments, trust,
                 "say which are not signed by a key in this file; see also DIR/trusted.pub"),
    OPTION_FLAG("json", struct releases_arguments, json, "print JSON, for programs"),
    OPTION_END,
};

/* What is known of one release. */
struct line {
    uint64_t number;
    bool is_current;
    bool is_pinned;
    const struct root_mark *mark;    /* NULL: neither refused nor rolled back */
    const struct manifest *manifest; /* NULL: damaged */
    const char *damage;
    const char *distrust; /* NULL: signed by a key that is trusted, or none is */
    uint64_t bytes;
    uint64_t rows;
};

static void count_files(struct line *line)
{
    for (unsigned i = 0; i < line->manifest->file_count; i++) {
        const struct manifest_file *file = &line->manifest->files[i];

        line->bytes += file->size_bytes;
        line->rows += file->kind == FILE_PARTITION ? file->row_count : 0;
    }
}

/* ---- the table ---- */

/* "12 s", "5 min", "3 h", "2 d" */
static void write_age(char *text, size_t size, int64_t built_ms)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    int64_t seconds = time(NULL) - built_ms / 1000;
    unsigned unit = 0;

    seconds = seconds < 0 ? 0 : seconds;
    while (unit < 3 && seconds < 2 * units[unit].seconds) {
        unit++;
    }
    snprintf(text, size, "%" PRId64 " %s", seconds / units[unit].seconds, units[unit].name);
}

/* "current, pinned, rolled back: prices are zero" */
static void write_states(struct buffer *out, const struct line *line)
{
    const char *comma = "";

    if (line->is_current) {
        buffer_printf(out, "%scurrent", comma);
        comma = ", ";
    }
    if (line->is_pinned) {
        buffer_printf(out, "%spinned", comma);
        comma = ", ";
    }
    if (line->mark != NULL) {
        buffer_printf(out, "%s%s: %.*s", comma, mark_name(line->mark->kind),
                      SLICE_ARG(line->mark->reason));
        comma = ", ";
    }
    if (line->damage != NULL) {
        buffer_printf(out, "%sdamaged: %s", comma, line->damage);
        comma = ", ";
    }
    if (line->distrust != NULL) {
        buffer_printf(out, "%snot trusted: %s", comma, line->distrust);
    }
}

static void print_line(const struct line *line, struct buffer *states)
{
    char name[RELEASE_NAME_MAX];
    char when[TIMESTAMP_TEXT_LEN] = "";
    char age[32] = "";
    char bytes[32] = "";
    char rows[32] = "";

    if (line->manifest != NULL) {
        timestamp_write(when, line->manifest->built_ms);
        write_age(age, sizeof age, line->manifest->built_ms);
        grouped(bytes, line->bytes);
        grouped(rows, line->rows);
    }
    buffer_clear(states);
    write_states(states, line);
    printf("%-8s  %-19.19s  %8s  %16s  %14s%s%s\n", release_name(name, line->number), when, age,
           bytes, rows, states->len > 0 ? "  " : "", buffer_str(states));
}

/* ---- JSON ---- */

static void write_member(struct buffer *out, const char *name, struct slice text)
{
    buffer_printf(out, ", \"%s\": ", name);
    json_write_string(out, utf8_is_valid(text) ? text : slice_str("not valid UTF-8"));
}

static void print_json(const struct line *line, struct buffer *out, bool is_last)
{
    char when[TIMESTAMP_TEXT_LEN];

    buffer_clear(out);
    buffer_printf(out, "  {\"release\": %" PRIu64 ", \"current\": %s, \"pinned\": %s", line->number,
                  line->is_current ? "true" : "false", line->is_pinned ? "true" : "false");
    if (line->mark != NULL) {
        timestamp_write(when, line->mark->at_ms);
        write_member(out, "mark", slice_str(mark_name(line->mark->kind)));
        write_member(out, "reason", line->mark->reason);
        write_member(out, "marked_at", slice_of(when, sizeof when));
    }
    if (line->damage != NULL) {
        write_member(out, "damaged", slice_str(line->damage));
    }
    if (line->distrust != NULL) {
        write_member(out, "not_trusted", slice_str(line->distrust));
    }
    if (line->manifest != NULL) {
        timestamp_write(when, line->manifest->built_ms);
        write_member(out, "built_at", slice_of(when, sizeof when));
        buffer_printf(
            out, ", \"bytes\": %" PRIu64 ", \"rows\": %" PRIu64 ", \"content\": \"%016" PRIx64 "\"",
            line->bytes, line->rows, line->manifest->content_hash);
    }
    printf("%s}%s\n", buffer_str(out), is_last ? "" : ",");
}

/* ---- the list ---- */

struct list {
    const struct releases_arguments *given;
    struct trust trust;
    struct root_state state;
    uint64_t *numbers;
    unsigned count;
    bool has_current;
    uint64_t current;
};

static bool is_trusted(const struct list *list, const char *dir, struct errmsg *why)
{
    const struct release_check check = {.trust = &list->trust};
    struct manifest *manifest = NULL;
    enum err rc = release_read_manifest(dir, &check, &manifest, why);

    manifest_free(manifest);
    return rc == ERR_NONE;
}

static void print_release(const struct list *list, unsigned index, struct buffer *text)
{
    uint64_t number = list->numbers[index];
    char *dir = root_release_dir(list->given->root, number);
    struct release *release = NULL;
    struct errmsg msg;
    struct errmsg distrust;
    struct errmsg ignored; /* what is wrong with the release is told by MSG */
    uint64_t hash;
    struct line line = {.number = number,
                        .is_current = list->has_current && list->current == number,
                        .is_pinned = list->state.is_pinned && list->state.pinned == number};

    if (release_open(dir, &(struct release_check){.verify = false}, &release, &msg) == ERR_NONE) {
        line.manifest = release->manifest;
        count_files(&line);
        line.distrust = is_trusted(list, dir, &distrust) ? NULL : distrust.text;
    } else {
        line.damage = msg.text;
    }
    if (root_content(list->given->root, number, &hash, &ignored) == ERR_NONE) {
        line.mark = root_state_mark(&list->state, number, hash);
    }
    if (list->given->json) {
        print_json(&line, text, index + 1 == list->count);
    } else {
        print_line(&line, text);
    }
    release_drop(release);
    free(dir);
}

static void print_list(const struct list *list)
{
    struct buffer text;

    buffer_init(&text, LINE_MAX_BYTES);
    if (list->given->json) {
        puts("[");
    } else {
        printf("%-8s  %-19s  %8s  %16s  %14s  %s\n", "release", "built (UTC)", "age", "bytes",
               "rows", "state");
    }
    for (unsigned i = 0; i < list->count; i++) {
        print_release(list, i, &text);
    }
    if (list->given->json) {
        puts("]");
    }
    buffer_free(&text);
}

static enum err show(const struct releases_arguments *given, struct errmsg *msg)
{
    struct list list = {.given = given};
    enum err rc = trust_from_options(&given->trust, &list.trust, msg);

    if (rc == ERR_NONE) {
        rc = trust_add_root(&list.trust, given->root, msg);
    }
    if (rc == ERR_NONE) {
        rc = root_state_read(given->root, &list.state, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    list.has_current = root_current_number(given->root, &list.current);
    rc = root_releases(given->root, &list.numbers, &list.count, msg);
    if (rc == ERR_NONE && list.count == 0) {
        rc =
            err_set(msg, ERR_NOT_FOUND, "%s: no releases here; `vitrine build --root %s` makes one",
                    given->root, given->root);
    }
    if (rc == ERR_NONE) {
        print_list(&list);
    }
    free(list.numbers);
    root_state_free(&list.state);
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct releases_arguments *given = data;

    (void)arguments;
    return show(given, msg);
}

const struct command command_releases = {
    .name = "releases",
    .usage = "--root DIR [--trust PUB] [--json]",
    .about = "lists the releases of a root with their state",
    .description =
        "A state is current, pinned, refused or rolled back, with the reason. Files that "
        "are missing or have another size make a release damaged; `vitrine verify` reads "
        "all of it. Where keys are trusted, one that they did not sign is not trusted.",
    .options = options,
    .given_size = sizeof(struct releases_arguments),
    .work = work,
};
