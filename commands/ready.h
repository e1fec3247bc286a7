/*
 * What comes before a release becomes the current one by the wish of an operator, and the options that
 * the commands which ask for it have in common.
 */
#ifndef VITRINE_COMMANDS_READY_H
#define VITRINE_COMMANDS_READY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/options.h"
#include "commands/trust_options.h"
#include "replica/release.h"

struct ready_arguments {
    const char *root;
    int64_t warm_bytes; /* a second, read to bring the release into memory; 0: none */
    struct option_texts trust;
    bool allow_foreign;
};

/* Fills the member `ready` of a command's arguments, a struct ready_arguments. */
#define READY_OPTIONS(type)                                                                        \
    OPTION_REQUIRED("root", "DIR", type, ready.root, "the folder with releases/ and current"),     \
        OPTION_SIZE("warm", "RATE", READY_WARM_DEFAULT, type, ready.warm_bytes, READY_WARM_ABOUT), \
        OPTION_TEXTS("trust", "PUB", type, ready.trust, TRUST_ABOUT),                              \
        OPTION_FLAG("allow-foreign", type, ready.allow_foreign,                                    \
                    "take a release of another definition than the current one")

#define READY_WARM_DEFAULT "500M"
#define READY_WARM_ABOUT                                                                           \
    "bytes a second that are read to bring the release into memory before it is served: 64M, 2G; " \
    "0 does without"

/*
 * Opens release NUMBER ("42", "000042") of the root, which must be signed as it and the command line
 * ask and be of the definition that is served, verifies every page of it, and brings it into the page
 * cache. *OUT is to be dropped when the release is the current one: it keeps the release from being
 * removed meanwhile. Errors as of which_release; one that is damaged is remembered as refused.
 */
MUST_CHECK enum err ready_release(const struct ready_arguments *given, const char *number,
                                  struct release **out, uint64_t *out_number, struct errmsg *msg);

#endif
