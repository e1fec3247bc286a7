#include "commands/accept.h"

#include "definition/checks.h"
#include "definition/wording.h"

enum { ADVICE_MAX = 200 };

static enum err refuse(struct slice name, struct errmsg *msg)
{
    struct slice names[CHECK_COUNT];
    struct buffer advice;
    enum err rc;

    for (unsigned check = 0; check < CHECK_COUNT; check++) {
        names[check] = slice_str(check_name(check));
    }
    buffer_init(&advice, ADVICE_MAX);
    wording_advice(&advice, name, names, CHECK_COUNT);
    rc = err_set(msg, ERR_USAGE, "--accept: there is no check %s; %s", wording_quote(name).text,
                 buffer_str(&advice));
    buffer_free(&advice);
    return rc;
}

static bool find(struct slice name, unsigned *bit)
{
    for (unsigned check = 0; check < CHECK_COUNT; check++) {
        if (slice_is(name, check_name(check))) {
            *bit = 1U << check;
            return true;
        }
    }
    return false;
}

enum err accept_parse(const char *text, unsigned *accepted, struct errmsg *msg)
{
    unsigned bits = 0;

    while (text != NULL) {
        const char *comma = strchr(text, ',');
        struct slice name =
            comma == NULL ? slice_str(text) : slice_of(text, (size_t)(comma - text));
        unsigned bit;

        if (!find(name, &bit)) {
            return refuse(name, msg);
        }
        bits |= bit;
        text = comma == NULL ? NULL : comma + 1;
    }
    *accepted = bits;
    return ERR_NONE;
}
