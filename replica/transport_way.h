/*
 * What one way of transport brings: the operations of transport.h behind a table.
 *
 * A way embeds struct transport as the first member of its own struct. A new one is one table and one
 * line in the list of transport.c.
 */
#ifndef VITRINE_REPLICA_TRANSPORT_WAY_H
#define VITRINE_REPLICA_TRANSPORT_WAY_H

#include "replica/transport.h"

struct transport_way {
    const char *scheme; /* of the texts that it takes: "s3://"; "": what no other way takes */
    bool has_differences;
    enum err (*open)(const char *text, const struct transport_options *options,
                     struct transport **out, struct errmsg *msg);
    void (*close)(struct transport *transport);
    enum err (*newest)(struct transport *transport, const char *into, const char *list,
                       struct transport_traffic *traffic, struct errmsg *msg);
    enum err (*fetch)(struct transport *transport, const struct transport_fetch *fetch,
                      struct transport_traffic *traffic, struct errmsg *msg);
};

struct transport {
    const struct transport_way *way;
    const char *text;
    const char *folder; /* NULL unless it is one of this machine */
};

extern const struct transport_way transport_rsync;
extern const struct transport_way transport_s3;

#endif
