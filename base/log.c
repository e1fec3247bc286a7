#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/timestamp.h"

enum {
    LINE_SIZE = 2048, /* with its end */
    ESCAPE_MAX = 4,   /* characters that stand for a byte */
};

static atomic_int lowest = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&lowest, (int)level);
}

/* What stands in a line for C, which is not NUL; returns its length. */
static size_t escape(char c, char out[ESCAPE_MAX])
{
    static const char named[] = "\nn\rr\tt"; /* a byte and its letter */
    static const char digits[] = "0123456789abcdef";
    unsigned char byte = (unsigned char)c;
    const char *name;

    if (byte >= ' ' && byte != 0x7f) {
        out[0] = c;
        return 1;
    }
    out[0] = '\\';
    name = strchr(named, c);
    if (name != NULL) {
        out[1] = name[1];
        return 2;
    }
    out[1] = 'x';
    out[2] = digits[byte >> 4];
    out[3] = digits[byte & 15];
    return 4;
}

/* Writes TEXT as a line to OUT, as far as there is room; returns its length. */
static size_t write_line(const char *text, char out[LINE_SIZE])
{
    char stands[ESCAPE_MAX];
    size_t len = 0;

    for (; *text != '\0'; text++) {
        size_t added = escape(*text, stands);

        if (LINE_SIZE - 1 - len < added) {
            break;
        }
        memcpy(out + len, stands, added);
        len += added;
    }
    out[len] = '\n';
    return len + 1;
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    static const char *const names[] = {"info", "warn", "error"};
    char text[LINE_SIZE];
    char line[LINE_SIZE];
    char when[TIMESTAMP_TEXT_LEN];
    va_list args;
    size_t size;
    int len;

    if ((int)level < atomic_load(&lowest)) {
        return;
    }
    timestamp_write(when, timestamp_now_ms());
    len = snprintf(text, sizeof text, "%.*s %s %s ", TIMESTAMP_TEXT_LEN, when, names[level], event);
    va_start(args, fmt);
    vsnprintf(text + len, sizeof text - (size_t)len, fmt, args);
    va_end(args);
    size = write_line(text, line);
    progress_pause();
    if (write(STDERR_FILENO, line, size) < 0) {
        size = 0; /* nowhere left to say it */
    }
    progress_resume();
}
