#include "base/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum {
    FIRST_MS = 300,  /* work that ends sooner shows nothing */
    REDRAW_MS = 100, /* on a terminal */
    LOG_MS = 5000,   /* elsewhere */
    BAR_CELLS = 20,
    NUMBER_TEXT = 27,
    LINE_MAX_BYTES = 256,
};

int64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* The same clock, some ms late, for a fifth of the price: progress_add asks for every row. */
static int64_t coarse_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

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

static void draw(const struct progress *progress, const struct moment *moment)
{
    static const char erase_rest[] = "\033[K";
    char line[LINE_MAX_BYTES];
    struct winsize window = {0};
    size_t most = sizeof line - sizeof erase_rest;
    int len;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 &&
        window.ws_col < most) {
        most = window.ws_col; /* a bar that wraps cannot be redrawn */
    }
    line[0] = '\r';
    len = 1 + print_bar(line + 1, most, progress, moment);
    if ((size_t)len > most) {
        len = (int)most;
    }
    memcpy(line + len, erase_rest, sizeof erase_rest - 1);
    put(line, (size_t)len + sizeof erase_rest - 1);
}

static void show(const struct progress *progress, int64_t now_ms)
{
    struct moment moment = look(progress, now_ms);

    if (progress->is_terminal) {
        draw(progress, &moment);
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
    int64_t now_ms = coarse_ms();
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
    bool was_drawn = atomic_load(&progress->next_ms) != first_ms(progress);

    if (progress->is_terminal && was_drawn) {
        put("\r\033[K", 4);
    }
}
