#include "commands/repair_options.h"

enum { TIMEOUT_LEAST_MS = 1000 }; /* rsync counts in seconds */

enum err repair_options_read(const char *from, const char *ssh, int64_t timeout_ms,
                             const char *timeout_name, struct repair_options *out,
                             struct errmsg *msg)
{
    enum err rc;

    *out = (struct repair_options){.source = {.name = from}};
    if (timeout_ms < TIMEOUT_LEAST_MS) {
        return err_set(msg, ERR_USAGE, "%s: write at least 1s", timeout_name);
    }
    rc = transport_open(from, &(struct transport_options){.ssh = ssh, .timeout_ms = timeout_ms},
                        &out->transport, msg);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (transport_folder(out->transport) != NULL) { /* where all releases can be looked at */
        out->source.fetch = repair_from_root;
        out->source.context = (char *)transport_folder(out->transport);
    } else {
        out->source.fetch = repair_by_transport;
        out->source.context = out->transport;
    }
    return ERR_NONE;
}

void repair_options_free(struct repair_options *options)
{
    transport_close(options->transport);
}
