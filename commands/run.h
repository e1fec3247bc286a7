/*
 * vitrine run, in two parts: run.c builds and serves, run_data.c sees to it that there is data.
 */
#ifndef VITRINE_COMMANDS_RUN_H
#define VITRINE_COMMANDS_RUN_H

#include <stdint.h>

#include "base/err.h"
#include "definition/definition.h"

struct run_options {
    const char *definition;
    const char *source;
    const char *root;
    const char *data;
    int64_t scale;
    const char *listen;
    const char *admin; /* NULL: nowhere */
    int64_t every_ms;
    int64_t threads; /* 0: what serve takes by itself */
    int64_t write_rate;
    int64_t body_size;
    const char *accept;
    const char *sign;
};

/*
 * Imports into the source when it does not exist yet and DEFINITION has something to import: the
 * exports of --data, or sample exports that are generated for it. Whatever interrupts that, the source does not exist before it is complete.
 * The root exists. ERR_INTERRUPTED when we were asked to stop meanwhile.
 */
MUST_CHECK enum err run_prepare_source(const struct run_options *options,
                                       const struct definition *definition, struct errmsg *msg);

#endif
