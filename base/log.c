#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/timestamp.h"

static atomic_int lowest = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&lowest, (int)level);
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char line[2048];
    char when[TIMESTAMP_TEXT_LEN];
    struct timespec now;
    va_list args;
    int len;

    if ((int)level < atomic_load(&lowest)) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    timestamp_write(when, now.tv_sec * 1000LL + now.tv_nsec / 1000000);
    len = snprintf(line, sizeof line, "%.*s %s %s ", TIMESTAMP_TEXT_LEN, when, names[level], event);
    va_start(args, fmt);
    len += vsnprintf(line + len, sizeof line - (size_t)len, fmt, args);
    va_end(args);
    if (len > (int)sizeof line - 1) {
        len = (int)sizeof line - 1;
    }
    line[len] = '\n'; /* takes the place of the NUL */
    progress_pause();
    if (write(STDERR_FILENO, line, (size_t)len + 1) < 0) {
        len = 0; /* nowhere left to say it */
    }
    progress_resume();
}
