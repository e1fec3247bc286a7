/* Where good files come from, as a command line says it. */
#ifndef VITRINE_COMMANDS_REPAIR_OPTIONS_H
#define VITRINE_COMMANDS_REPAIR_OPTIONS_H

#include <stdint.h>

#include "base/err.h"
#include "replica/repair.h"
#include "replica/transport.h"

#define REPAIR_SOURCES                                                                             \
    "rsync://HOST[:PORT]/MODULE, ssh://[USER@]HOST[:PORT]/PATH, [USER@]HOST:PATH, "                \
    "s3://BUCKET[/PREFIX] or a path"
#define REPAIR_SSH_DEFAULT "ssh"
#define REPAIR_SSH_ABOUT "the remote shell and its options: \"ssh -i KEY\""
#define REPAIR_TIMEOUT_DEFAULT "30s"
#define REPAIR_TIMEOUT_ABOUT "give up when connecting, or silence, takes so long; at least 1s"

struct repair_options {
    struct transport *transport;
    struct repair_source source;
};

/*
 * Reads FROM, one of REPAIR_SOURCES, which must outlive OUT, as SSH must. ERR_USAGE tells what can be
 * written; TIMEOUT_NAME is what the option of TIMEOUT_MS is called.
 */
MUST_CHECK enum err repair_options_read(const char *from, const char *ssh, int64_t timeout_ms,
                                        const char *timeout_name, struct repair_options *out,
                                        struct errmsg *msg);
void repair_options_free(struct repair_options *options); /* accepts a zeroed one */

#endif
