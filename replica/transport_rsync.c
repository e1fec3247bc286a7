/* Releases of another root, by rsync. */
#include <stdlib.h>

#include "base/arena.h"
#include "replica/manifest.h"
#include "replica/rsync.h"
#include "replica/transport_way.h"

struct root_there {
    struct transport base;
    struct rsync_source source;
    struct rsync_link link;
};

static enum err open_root(const char *text, const struct transport_options *options,
                          struct transport **out, struct errmsg *msg)
{
    struct root_there *root = memory_calloc(1, sizeof *root);
    enum err rc = rsync_source_parse(text, &root->source, msg);

    if (rc != ERR_NONE) {
        free(root);
        return rc;
    }
    root->link = (struct rsync_link){.source = &root->source, .options = *options};
    root->base =
        (struct transport){.way = &transport_rsync,
                           .text = text,
                           .folder = root->source.way == RSYNC_PATH ? root->source.base : NULL};
    *out = &root->base;
    return ERR_NONE;
}

static void close_root(struct transport *transport)
{
    struct root_there *root = (struct root_there *)transport;

    rsync_source_free(&root->source);
    free(root);
}

static enum err fetch(struct transport *transport, const struct transport_fetch *fetch,
                      struct transport_traffic *traffic, struct errmsg *msg)
{
    struct root_there *root = (struct root_there *)transport;

    return rsync_fetch(&root->link, fetch, traffic, msg);
}

/* The manifest says which release it is: reading it through the link asks one thing only. */
static enum err newest(struct transport *transport, const char *into, const char *list,
                       struct transport_traffic *traffic, struct errmsg *msg)
{
    return fetch(transport,
                 &(struct transport_fetch){.from = "current",
                                           .into = into,
                                           .names = slice_of(MANIFEST_NAME, sizeof MANIFEST_NAME),
                                           .list = list,
                                           .if_changed = true},
                 traffic, msg);
}

const struct transport_way transport_rsync = {
    .scheme = "",
    .has_differences = true,
    .open = open_root,
    .close = close_root,
    .newest = newest,
    .fetch = fetch,
};
