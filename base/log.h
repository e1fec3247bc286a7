/*
 * The log: one event, one line, key=value, on standard error.
 *
 *   2026-11-21T02:30:00.000Z info release_opened release=000042 ms=12
 *
 * error: a person must look; warn: handled but odd; info: life cycle.
 * Thread-safety: any thread may log; a line is one write(2).
 */
#ifndef VITRINE_BASE_LOG_H
#define VITRINE_BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below LEVEL are dropped; the start value is LOG_INFO. */
void log_set_level(enum log_level level);

/*
 * EVENT is one word; FMT gives "key=value key=value", values with blanks in double quotes. Control
 * characters of values are written as \n, \r, \t and \x1b: a database's message may have several lines.
 */
void log_line(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
