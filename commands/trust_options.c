#include "commands/trust_options.h"

enum err trust_from_options(const struct option_texts *files, struct trust *out, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    *out = (struct trust){.count = 0};
    for (unsigned i = 0; rc == ERR_NONE && i < files->count; i++) {
        rc = trust_add_file(out, files->items[i], msg);
    }
    return rc;
}
