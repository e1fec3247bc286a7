#include "replica/rsync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buffer.h"
#include "base/command_line.h"
#include "base/cut_lines.h"
#include "base/file.h"
#include "base/number.h"
#include "base/process.h"
#include "replica/format.h"

enum {
    COMPLAINT_MAX = 512,
    STATUS_NO_SPACE = -1, /* found in its words, whatever the exit code */
    STATUS_MISSING = -2,
    STATUS_SILENT = 30,
    SILENCE_MORE_MS = 1000, /* so that rsync is the first to say what it knows */
};

/* ---- what it is asked ---- */

static void add_link(struct command_line *line, const struct rsync_link *link)
{
    int64_t seconds = (link->options.timeout_ms + 999) / 1000;

    command_line_add(line, "--timeout=%" PRId64, seconds);
    if (link->source->way == RSYNC_DAEMON) {
        command_line_add(line, "--contimeout=%" PRId64, seconds);
        command_line_add(line, "--no-motd");
    }
    if (link->source->way == RSYNC_SSH) {
        char port[16] = "";

        if (link->source->port != 0) {
            snprintf(port, sizeof port, " -p %u", link->source->port);
        }
        command_line_add(line, "--rsh=%s -o BatchMode=yes -o ConnectTimeout=%" PRId64 "%s",
                         link->options.ssh, seconds, port);
    }
    if (link->options.bwlimit != NULL) {
        command_line_add(line, "--bwlimit=%s", link->options.bwlimit);
    }
}

static void add_fetch(struct command_line *line, const struct rsync_link *link,
                      const struct transport_fetch *fetch)
{
    bool is_path = link->source->way == RSYNC_PATH;

    command_line_add(line, fetch->if_changed ? "--checksum" : "--ignore-times");
    if (fetch->delta) {
        command_line_add(line, "--no-whole-file");
        command_line_add(line, "--block-size=%d", FORMAT_PAGE_SIZE);
    } else {
        command_line_add(line, "--whole-file");
    }
    if (fetch->delta && fetch->basis != NULL) {
        command_line_add(line, "--copy-dest=%s", fetch->basis);
    }
    if (link->options.compress || (fetch->delta && !is_path)) {
        command_line_add(line, "--compress");
        command_line_add(line, "--compress-level=1");
    }
    if (fetch->may_be_missing) {
        command_line_add(line, "--ignore-missing-args");
    }
    command_line_add(line, "--perms");
    command_line_add(line, "--chmod=D755,F644");
    command_line_add(line, "--partial-dir=" TRANSPORT_PARTIAL_DIR);
    command_line_add(line, "--no-human-readable");
    command_line_add(line, "--info=progress2,stats2");
    command_line_add(line, "--from0");
    command_line_add(line, "--files-from=%s", fetch->list);
    command_line_add(line, "--");
    /* A path that begins otherwise could be taken for a host. */
    command_line_add(line, "%s%s/", is_path && link->source->base[0] != '/' ? "./" : "",
                     link->source->base);
    command_line_add(line, "%s%s/", fetch->into[0] == '/' ? "" : "./", fetch->into);
}

/* FROM/./NAME: rsync drops what stands before the "/./". (A daemon of rsync 3.5.0 does not find names
 * below a folder that is part of the address.) */
static enum err write_list(const struct transport_fetch *fetch, struct errmsg *msg)
{
    struct buffer text;
    enum err rc;

    buffer_init(&text, SIZE_MAX / 2);
    for (size_t at = 0; at < fetch->names.len;) {
        const char *name = fetch->names.ptr + at;
        size_t len = strlen(name) + 1;

        buffer_append_str(&text, fetch->from);
        buffer_append_str(&text, "/./");
        buffer_append(&text, name, len);
        at += len;
    }
    rc = file_write(fetch->list, buffer_slice(&text), msg);
    buffer_free(&text);
    return rc;
}

/* ---- what it says ---- */

struct talk {
    struct progress *progress;
    uint64_t done_before; /* by earlier fetches that share the progress */
    struct transport_traffic traffic;
    struct cut_lines out;
    struct cut_lines err;
    char complaint[COMPLAINT_MAX]; /* its first */
    bool no_space;
    bool missing;
};

/* The number that LINE begins with after PREFIX. */
static bool number_after(const char *line, const char *prefix, uint64_t *out)
{
    size_t len = strlen(prefix);
    const char *digits = line + len;
    int64_t number;

    if (strncmp(line, prefix, len) != 0 ||
        !parse_integer(slice_of(digits, strspn(digits, "0123456789")), &number)) {
        return false;
    }
    *out = (uint64_t)number;
    return true;
}

/* "      1234567  45%  ..." while it works, the sums at its end. */
static void on_line(void *context, char *line)
{
    struct talk *talk = context;
    const char *first = line + strspn(line, " ");
    uint64_t bytes;

    if (number_after(line, "Total bytes received: ", &bytes)) {
        talk->traffic.received = bytes;
    } else if (number_after(line, "Total bytes sent: ", &bytes)) {
        talk->traffic.sent = bytes;
    } else if (talk->progress != NULL && first > line && number_after(first, "", &bytes)) {
        uint64_t done = atomic_load(&talk->progress->done) - talk->done_before;

        progress_add(talk->progress, bytes > done ? bytes - done : 0);
    }
}

static void on_complaint(void *context, char *line)
{
    struct talk *talk = context;

    talk->no_space = talk->no_space || strstr(line, "No space left on device") != NULL ||
                     strstr(line, "Disk quota exceeded") != NULL;
    talk->missing = talk->missing || strstr(line, "No such file or directory") != NULL ||
                    strstr(line, "has vanished") != NULL;
    if (talk->complaint[0] == '\0' && line[0] != '\0') {
        const char *text = strncmp(line, "rsync: ", 7) == 0 ? line + 7 : line;

        snprintf(talk->complaint, sizeof talk->complaint, "%s", text);
        for (char *p = talk->complaint; *p != '\0'; p++) {
            *p = *p == '"' ? '\'' : *p; /* it will stand between quotes in the log */
        }
    }
}

static void on_stdout(void *context, struct slice bytes)
{
    struct talk *talk = context;

    cut_lines_feed(&talk->out, bytes, on_line, talk);
}

static void on_stderr(void *context, struct slice bytes)
{
    struct talk *talk = context;

    cut_lines_feed(&talk->err, bytes, on_complaint, talk);
}

/* ---- what that means ---- */

static const char goes_on[] = "the next attempt goes on where this one ended";
static const char begins_anew[] = "the next attempt begins anew";

static const struct meaning {
    int status;
    enum err code;
    const char *what;
    const char *advice;
} meanings[] = {
    {STATUS_NO_SPACE, ERR_LIMIT, "the disk of this machine is full",
     "make room; what had arrived is removed"},
    {STATUS_MISSING, ERR_NOT_FOUND, "it is not there",
     "is this a root with a current release? If that was just removed there, try again"},
    {1, ERR_SYSTEM, "rsync does not take its options", "install rsync 3.2.4 or later"},
    {2, ERR_SOURCE, "the two rsyncs do not understand each other",
     "install rsync 3.2.4 or later on both sides"},
    {4, ERR_SOURCE, "the rsync there cannot do this", "install rsync 3.2.4 or later there"},
    {5, ERR_SOURCE, "the rsync daemon refuses",
     "check the name of the module, who may connect, and the daemon's log"},
    {10, ERR_SOURCE, "nobody answers", "is the rsync daemon up, and the address right?"},
    {11, ERR_SYSTEM, "a file cannot be written", "check the disk and the rights of the root"},
    {12, ERR_SOURCE, "the transfer was cut", goes_on},
    {23, ERR_SOURCE, "some files were not sent",
     "check that they are there and may be read by whoever sends them"},
    {STATUS_SILENT, ERR_SOURCE, "silence for longer than --timeout", goes_on},
    {35, ERR_SOURCE, "no connection within --timeout", "is the machine up, and the address right?"},
    {126, ERR_SOURCE, "rsync cannot be run there", "check its rights"},
    {127, ERR_SOURCE, "rsync cannot be run there", "install it there"},
    {255, ERR_SOURCE, "ssh fails",
     "log in by hand once: the host key must be known, and the key be good without a password"},
};

static const struct meaning *find_meaning(int status)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].status == status) {
            return &meanings[i];
        }
    }
    return NULL;
}

static const char *advice_of(const struct meaning *meaning, const struct transport_fetch *fetch)
{
    return fetch->starts_anew && meaning->advice == goes_on ? begins_anew : meaning->advice;
}

static enum err explain(const struct talk *talk, const struct transport_fetch *fetch,
                        const char *source, int status, struct errmsg *msg)
{
    const struct meaning *meaning;
    char end[64];

    if (status == PROCESS_SILENT) {
        meaning = find_meaning(STATUS_SILENT);
        return err_set(msg, ERR_SOURCE, "fetch from %s: %s; %s", source, meaning->what,
                       advice_of(meaning, fetch));
    }
    if (talk->no_space) {
        meaning = find_meaning(STATUS_NO_SPACE);
    } else if (talk->missing && WIFEXITED(status) &&
               (WEXITSTATUS(status) == 3 || WEXITSTATUS(status) == 23 ||
                WEXITSTATUS(status) == 24)) {
        meaning = find_meaning(STATUS_MISSING);
    } else {
        meaning = WIFEXITED(status) ? find_meaning(WEXITSTATUS(status)) : NULL;
    }
    if (meaning == NULL) {
        return err_set(msg, ERR_SOURCE, "fetch from %s: rsync ended with %s%s%s; %s", source,
                       process_describe_end(status, end, sizeof end),
                       talk->complaint[0] == '\0' ? "" : ": ", talk->complaint,
                       fetch->starts_anew ? begins_anew : goes_on);
    }
    return err_set(msg, meaning->code, "fetch from %s: %s (%s); %s", source, meaning->what,
                   talk->complaint[0] == '\0' ? process_describe_end(status, end, sizeof end)
                                              : talk->complaint,
                   advice_of(meaning, fetch));
}

enum err rsync_fetch(const struct rsync_link *link, const struct transport_fetch *fetch,
                     struct transport_traffic *traffic, struct errmsg *msg)
{
    struct command_line line;
    struct talk talk = {.progress = fetch->progress};
    int status = 0;
    enum err rc = write_list(fetch, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    talk.done_before = fetch->progress == NULL ? 0 : atomic_load(&fetch->progress->done);
    command_line_begin(&line, "rsync");
    add_link(&line, link);
    add_fetch(&line, link, fetch);
    /* Its own --timeout does not see a peer that is gone: what it writes itself counts as life. */
    rc = process_run(&(struct process){.arguments = line.items,
                                       .on_stdout = on_stdout,
                                       .on_stderr = on_stderr,
                                       .context = &talk,
                                       .silence_ms = link->options.timeout_ms + SILENCE_MORE_MS},
                     &status, msg);
    command_line_free(&line);
    if (rc == ERR_NONE && status != 0) {
        rc = explain(&talk, fetch, link->source->text, status, msg);
    }
    traffic->received += talk.traffic.received;
    traffic->sent += talk.traffic.sent;
    return rc;
}
