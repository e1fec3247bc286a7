#include "replica/transport.h"

#include <stddef.h>
#include <string.h>

#include "replica/transport_way.h"

static const struct transport_way *const ways[] = {&transport_s3, &transport_rsync};

enum err transport_open(const char *text, const struct transport_options *options,
                        struct transport **out, struct errmsg *msg)
{
    size_t i = 0;

    while (strncmp(text, ways[i]->scheme, strlen(ways[i]->scheme)) != 0) {
        i++; /* the last one takes everything */
    }
    return ways[i]->open(text, options, out, msg);
}

void transport_close(struct transport *transport)
{
    if (transport != NULL) {
        transport->way->close(transport);
    }
}

const char *transport_name(const struct transport *transport)
{
    return transport->text;
}

const char *transport_folder(const struct transport *transport)
{
    return transport->folder;
}

bool transport_has_differences(const struct transport *transport)
{
    return transport->way->has_differences;
}

enum err transport_newest(struct transport *transport, const char *into, const char *list,
                          struct transport_traffic *traffic, struct errmsg *msg)
{
    return transport->way->newest(transport, into, list, traffic, msg);
}

enum err transport_fetch(struct transport *transport, const struct transport_fetch *fetch,
                         struct transport_traffic *traffic, struct errmsg *msg)
{
    return transport->way->fetch(transport, fetch, traffic, msg);
}
