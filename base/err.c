#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(struct errmsg *msg, int wanted)
{
    if (wanted >= (int)sizeof msg->text) {
        memcpy(msg->text + sizeof msg->text - 4, "...", 4);
    }
}

enum err err_set(struct errmsg *msg, enum err code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    mark_cut(msg, vsnprintf(msg->text, sizeof msg->text, fmt, args));
    va_end(args);
    return code;
}

enum err err_sys(struct errmsg *msg, int errnum, const char *fmt, ...)
{
    char what[sizeof msg->text];
    char reason[128];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return err_set(msg, ERR_SYSTEM, "%s: %s", what, strerror_r(errnum, reason, sizeof reason));
}

enum err err_wrap(struct errmsg *msg, enum err code, const char *fmt, ...)
{
    char phrase[sizeof msg->text];
    struct errmsg inner = *msg;
    va_list args;

    va_start(args, fmt);
    vsnprintf(phrase, sizeof phrase, fmt, args);
    va_end(args);
    return err_set(msg, code, "%s: %s", phrase, inner.text);
}

int err_exit_code(enum err code)
{
    switch (code) {
    case ERR_NONE:
        return 0;
    case ERR_USAGE:
        return 2;
    case ERR_REFUSED:
        return 3;
    case ERR_INTERRUPTED:
        return 130;
    default:
        return 1;
    }
}
