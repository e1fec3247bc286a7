#include "base/progress.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    FIRST_MS = 300,  /* work that ends sooner shows nothing */
    REDRAW_MS = 100, /* on a terminal */
    LOG_MS = 5000,   /* elsewhere */
    BAR_CELLS = 20,
    NUMBER_TEXT = 27,
    LINE_MAX_BYTES = 256,
    BOARD_BYTES = 4096,
};

char *grouped(char *text, uint64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, value);
    char *p = text;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            *p++ = ',';
        }
        *p++ = digits[i];
    }
    *p = '\0';
    return text;
}

/* What a moment of progress shows. */
struct moment {
    uint64_t done;
    uint64_t a_second;
    unsigned percent; /* when the total is known */
    uint64_t eta_s;
};

static struct moment look(const struct progress *progress, int64_t now_ms)
{
    struct moment moment = {.done = atomic_load(&progress->done)};
    uint64_t elapsed_ms =
        now_ms > progress->started_ms ? (uint64_t)(now_ms - progress->started_ms) : 1;
    double rate = (double)moment.done * 1000.0 / (double)elapsed_ms;

    moment.a_second = (uint64_t)rate;
    if (progress->total > 0 && moment.done < progress->total) {
        moment.percent = (unsigned)((double)moment.done * 100.0 / (double)progress->total);
        moment.eta_s = rate >= 1 ? (uint64_t)((double)(progress->total - moment.done) / rate) : 0;
    } else {
        moment.percent = 100;
    }
    return moment;
}

static int print_bar(char *line, size_t size, const struct progress *progress,
                     const struct moment *moment)
{
    char bar[BAR_CELLS + 1];
    char done[NUMBER_TEXT];
    char rate[NUMBER_TEXT];
    unsigned filled = moment->percent * BAR_CELLS / 100;

    grouped(done, moment->done);
    grouped(rate, moment->a_second);
    if (progress->total == 0) {
        return snprintf(line, size, "%s  %s %s  %s %s/s", progress->label, done, progress->unit,
                        rate, progress->unit);
    }
    memset(bar, ' ', BAR_CELLS);
    memset(bar, '=', filled);
    if (filled < BAR_CELLS) {
        bar[filled] = '>';
    }
    bar[BAR_CELLS] = '\0';
    return snprintf(line, size, "%s  [%s] %3u %%  %s %s  %s %s/s  eta %" PRIu64 " s",
                    progress->label, bar, moment->percent, done, progress->unit, rate,
                    progress->unit, moment->eta_s);
}

/* One write(2) to standard error, where the log goes too. */
static void put(const char *text, size_t size)
{
    if (write(STDERR_FILENO, text, size) < 0) {
        return; /* nobody looks */
    }
}

/* ---- on a terminal ---- */

/* The bars on the terminal, the cursor at the end of the last line drawn. */
static struct {
    pthread_mutex_t lock;
    struct progress *first;
    unsigned line_count; /* drawn */
} board = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A bar that wraps cannot be redrawn. */
static size_t line_width(void)
{
    struct winsize window = {0};
    size_t most = LINE_MAX_BYTES - 1;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 &&
        window.ws_col <= most) {
        most = window.ws_col - 1U;
    }
    return most;
}

/* All bars over those that were drawn before; what stood below them is gone. */
static void board_draw(int64_t now_ms)
{
    char text[BOARD_BYTES];
    size_t width = line_width();
    size_t len = 0;
    unsigned lines = 0;

    if (board.line_count > 1) {
        len += (size_t)snprintf(text, sizeof text, "\033[%uA", board.line_count - 1);
    }
    text[len++] = '\r';
    for (const struct progress *bar = board.first; bar != NULL; bar = bar->next) {
        struct moment moment = look(bar, now_ms);
        char line[LINE_MAX_BYTES];
        int line_len = print_bar(line, width + 1, bar, &moment);
        size_t shown = (size_t)line_len < width ? (size_t)line_len : width;

        if (now_ms - bar->started_ms < FIRST_MS) {
            continue;
        }
        if (len + shown + 16 > sizeof text) {
            break;
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s\033[K",
                                lines > 0 ? "\n" : "", (int)shown, line);
        lines++;
    }
    memcpy(text + len, "\033[J", 3);
    put(text, len + 3);
    board.line_count = lines;
}

static void board_add(struct progress *progress)
{
    struct progress **end = &board.first;

    pthread_mutex_lock(&board.lock);
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = progress;
    pthread_mutex_unlock(&board.lock);
}

static void board_remove(struct progress *progress)
{
    struct progress **at = &board.first;

    pthread_mutex_lock(&board.lock);
    while (*at != progress) {
        at = &(*at)->next;
    }
    *at = progress->next;
    if (board.line_count > 0) {
        board_draw(monotonic_ms());
    }
    pthread_mutex_unlock(&board.lock);
}

/* ---- what the owner calls ---- */

static int64_t first_ms(const struct progress *progress)
{
    return progress->started_ms + (progress->is_terminal ? FIRST_MS : LOG_MS);
}

void progress_begin(struct progress *progress, const char *label, const char *unit, uint64_t total)
{
    const char *term = getenv("TERM");

    progress->label = label;
    progress->unit = unit;
    progress->total = total;
    atomic_init(&progress->done, 0);
    progress->started_ms = monotonic_ms();
    progress->is_terminal = isatty(STDERR_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
    atomic_init(&progress->next_ms, first_ms(progress));
    progress->next = NULL;
    if (progress->is_terminal) {
        board_add(progress);
    }
}

static void show(const struct progress *progress, int64_t now_ms)
{
    struct moment moment = look(progress, now_ms);

    if (progress->is_terminal) {
        pthread_mutex_lock(&board.lock);
        board_draw(now_ms);
        pthread_mutex_unlock(&board.lock);
    } else if (progress->total > 0) {
        log_info("progress",
                 "what=\"%s\" done=%" PRIu64 " total=%" PRIu64 " unit=%s rate=%" PRIu64
                 " eta_s=%" PRIu64,
                 progress->label, moment.done, progress->total, progress->unit, moment.a_second,
                 moment.eta_s);
    } else {
        log_info("progress", "what=\"%s\" done=%" PRIu64 " unit=%s rate=%" PRIu64, progress->label,
                 moment.done, progress->unit, moment.a_second);
    }
}

void progress_add(struct progress *progress, uint64_t count)
{
    int64_t now_ms = monotonic_coarse_ms();
    int_fast64_t next_ms = atomic_load_explicit(&progress->next_ms, memory_order_relaxed);

    atomic_fetch_add_explicit(&progress->done, count, memory_order_relaxed);
    if (now_ms < next_ms) {
        return;
    }
    /* Of the threads that find it due, the one that moves the date draws. */
    if (atomic_compare_exchange_strong(&progress->next_ms, &next_ms,
                                       now_ms + (progress->is_terminal ? REDRAW_MS : LOG_MS))) {
        show(progress, now_ms);
    }
}

void progress_end(struct progress *progress)
{
    if (progress->is_terminal) {
        board_remove(progress);
    }
}

void progress_pause(void)
{
    char text[32];

    pthread_mutex_lock(&board.lock);
    if (board.line_count > 0) {
        int up = board.line_count > 1
                     ? snprintf(text, sizeof text, "\033[%uA", board.line_count - 1)
                     : 0;

        memcpy(text + up, "\r\033[J", 4);
        put(text, (size_t)up + 4);
        board.line_count = 0;
    }
}

void progress_resume(void)
{
    pthread_mutex_unlock(&board.lock);
}
