#include "service/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "base/arena.h"
#include "base/log.h"

enum { NS_PER_MS = 1000000 };

/* What a loop handed over at once. */
struct portion {
    struct portion *next;
    struct buffer text;
    uint64_t line_count;
};

struct access_log {
    struct access_log_options options;
    uv_thread_t thread;
    uv_mutex_t lock; /* held for a few instructions only, never while something is written */
    uv_cond_t work;
    uv_cond_t end;
    struct portion *first; /* this and the rest: under the lock */
    struct portion *last;
    size_t waiting_bytes;
    uint64_t written;
    uint64_t dropped;
    bool is_reopening;
    bool is_closing;
    bool has_ended;
    int fd;          /* of the thread, as the next two */
    bool has_failed; /* which was told */
    bool is_torn;    /* the file ends within a line: the disk was full there */
};

static bool is_stdout(const struct access_log *log)
{
    return strcmp(log->options.path, "-") == 0;
}

static enum err open_file(const char *path, int *fd, struct errmsg *msg)
{
    *fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    return *fd >= 0 ? ERR_NONE : err_sys(msg, errno, "open the access log %s", path);
}

/* Whether the file at PATH, open as FD, ends within a line; of what has no end: no. */
static bool ends_within_line(const char *path, int fd)
{
    struct stat stat;
    char last = '\n';
    int read_fd;

    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size == 0) {
        return false;
    }
    read_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (read_fd < 0) {
        return false;
    }
    if (pread(read_fd, &last, 1, stat.st_size - 1) != 1) {
        last = '\n';
    }
    close(read_fd);
    return last != '\n';
}

/* ---- the thread ---- */

static void reopen(struct access_log *log)
{
    struct errmsg msg;
    int fd;

    if (is_stdout(log)) {
        return;
    }
    if (open_file(log->options.path, &fd, &msg) != ERR_NONE) {
        log_error("access_log_not_reopened", "reason=\"%s\"", msg.text);
        return;
    }
    close(log->fd);
    log->fd = fd;
    log->is_torn = ends_within_line(log->options.path, fd);
}

/* As far as that goes: returns how many bytes of TEXT were written. */
static size_t write_text(struct access_log *log, struct slice text)
{
    size_t at = 0;

    while (at < text.len) {
        ssize_t count = write(log->fd, text.ptr + at, text.len - at);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            if (!log->has_failed) {
                log_error("access_log_not_written", "path=%s reason=\"%s\"", log->options.path,
                          strerror(errno));
            }
            log->has_failed = true;
            break;
        }
        at += (size_t)count;
    }
    if (at > 0) {
        log->is_torn = text.ptr[at - 1] != '\n';
    }
    return at;
}

static uint64_t count_lines(struct slice text)
{
    uint64_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += text.ptr[i] == '\n';
    }
    return count;
}

/*
 * Returns how many of its lines were written. One that was torn stays as it is, on a line of its own:
 * its rest may come when the file is another.
 */
static uint64_t write_portion(struct access_log *log, const struct portion *portion)
{
    struct slice text = buffer_slice(&portion->text);

    if (log->is_torn && write_text(log, slice_of("\n", 1)) == 0) {
        return 0;
    }
    text.len = write_text(log, text);
    if (text.len < portion->text.len) {
        return count_lines(text);
    }
    log->has_failed = false;
    return portion->line_count;
}

/* Under the lock, which it gives up while it writes. */
static void write_first(struct access_log *log)
{
    struct portion *portion = log->first;
    uint64_t written;

    log->first = portion->next;
    uv_mutex_unlock(&log->lock);
    written = write_portion(log, portion);
    uv_mutex_lock(&log->lock);
    log->waiting_bytes -= portion->text.len;
    log->written += written;
    log->dropped += portion->line_count - written;
    buffer_free(&portion->text);
    free(portion);
}

static void run(void *argument)
{
    struct access_log *log = argument;

    uv_mutex_lock(&log->lock);
    while (log->first != NULL || !log->is_closing) {
        if (log->is_reopening) {
            log->is_reopening = false;
            uv_mutex_unlock(&log->lock);
            reopen(log);
            uv_mutex_lock(&log->lock);
        } else if (log->first != NULL) {
            write_first(log);
        } else {
            uv_cond_wait(&log->work, &log->lock);
        }
    }
    log->has_ended = true;
    uv_cond_signal(&log->end);
    uv_mutex_unlock(&log->lock);
}

/* ---- its owner, and the loops ---- */

static void log_free(struct access_log *log)
{
    if (!is_stdout(log)) {
        close(log->fd);
    }
    uv_cond_destroy(&log->work);
    uv_cond_destroy(&log->end);
    uv_mutex_destroy(&log->lock);
    free(log);
}

enum err access_log_open(const struct access_log_options *options, struct access_log **out,
                         struct errmsg *msg)
{
    struct access_log *log;
    int fd = STDOUT_FILENO;
    int result;
    enum err rc = strcmp(options->path, "-") == 0 ? ERR_NONE : open_file(options->path, &fd, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    log = memory_calloc(1, sizeof *log);
    log->options = *options;
    log->fd = fd;
    log->is_torn = !is_stdout(log) && ends_within_line(options->path, fd);
    uv_mutex_init(&log->lock);
    uv_cond_init(&log->work);
    uv_cond_init(&log->end);
    result = uv_thread_create(&log->thread, run, log);
    if (result != 0) {
        log_free(log);
        return err_set(msg, ERR_SYSTEM, "start a thread: %s", uv_strerror(result));
    }
    *out = log;
    return ERR_NONE;
}

const struct access_log_options *access_log_options(const struct access_log *log)
{
    return &log->options;
}

/* Under the lock. */
static void append(struct access_log *log, struct buffer *text, uint64_t line_count)
{
    struct portion *portion = memory_alloc(sizeof *portion);

    *portion = (struct portion){.text = *text, .line_count = line_count};
    if (log->first == NULL) {
        log->first = portion;
    } else {
        log->last->next = portion;
    }
    log->last = portion;
    log->waiting_bytes += text->len;
    uv_cond_signal(&log->work);
}

void access_log_add(struct access_log *log, struct buffer *text, uint64_t line_count)
{
    bool has_room;

    uv_mutex_lock(&log->lock);
    has_room = text->len <= ACCESS_LOG_WAITING_MAX - log->waiting_bytes;
    if (has_room) {
        append(log, text, line_count);
    } else {
        log->dropped += line_count;
    }
    uv_mutex_unlock(&log->lock);
    if (has_room) {
        buffer_init(text, text->max);
    } else {
        buffer_clear(text);
    }
}

void access_log_drop(struct access_log *log, uint64_t line_count)
{
    uv_mutex_lock(&log->lock);
    log->dropped += line_count;
    uv_mutex_unlock(&log->lock);
}

void access_log_reopen(struct access_log *log)
{
    uv_mutex_lock(&log->lock);
    log->is_reopening = true;
    uv_cond_signal(&log->work);
    uv_mutex_unlock(&log->lock);
}

void access_log_look(struct access_log *log, uint64_t *written, uint64_t *dropped)
{
    uv_mutex_lock(&log->lock);
    *written = log->written;
    *dropped = log->dropped;
    uv_mutex_unlock(&log->lock);
}

void access_log_close(struct access_log *log)
{
    uint64_t deadline_ns = uv_hrtime() + (uint64_t)ACCESS_LOG_CLOSE_MS * NS_PER_MS;
    uint64_t now_ns;
    bool has_ended;

    if (log == NULL) {
        return;
    }
    uv_mutex_lock(&log->lock);
    log->is_closing = true;
    uv_cond_signal(&log->work);
    while (!log->has_ended && (now_ns = uv_hrtime()) < deadline_ns) {
        uv_cond_timedwait(&log->end, &log->lock, deadline_ns - now_ns);
    }
    has_ended = log->has_ended;
    uv_mutex_unlock(&log->lock);
    if (!has_ended) {
        log_warn("access_log_abandoned", "path=%s", log->options.path);
        return;
    }
    uv_thread_join(&log->thread);
    log_free(log);
}
