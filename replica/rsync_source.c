/* The ways to write where another root is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/number.h"
#include "replica/rsync.h"

static const char daemon_scheme[] = "rsync://";
static const char ssh_scheme[] = "ssh://";

static enum err unreadable(const char *text, const char *why, struct errmsg *msg)
{
    return err_set(
        msg, ERR_USAGE,
        "a source is written as rsync://HOST[:PORT]/MODULE, ssh://[USER@]HOST[:PORT]/PATH, "
        "[USER@]HOST:PATH, s3://BUCKET[/PREFIX] or a path; \"%s\" %s",
        text, why);
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A host that begins with a dash would be read as an option by ssh. */
static bool host_is_safe(struct slice host)
{
    const char *at = memchr(host.ptr, '@', host.len);
    size_t begin = at == NULL ? 0 : (size_t)(at - host.ptr) + 1;

    return host.len > begin && host.ptr[0] != '-' && host.ptr[begin] != '-' &&
           memchr(host.ptr, ' ', host.len) == NULL;
}

/* TEXT without the slashes at its end, on the heap; "/" stays. */
static char *trimmed(const char *text)
{
    char *copy = memory_copy_str(text);
    size_t len = strlen(copy);

    while (len > 1 && copy[len - 1] == '/') {
        copy[--len] = '\0';
    }
    return copy;
}

static enum err parse_daemon(struct rsync_source *out, struct errmsg *msg)
{
    const char *host = out->text + strlen(daemon_scheme);
    const char *slash = strchr(host, '/');

    if (slash == NULL || slash[1] == '\0' || slash[1] == '/') {
        return unreadable(out->text, "names no module", msg);
    }
    if (!host_is_safe(slice_of(host, (size_t)(slash - host)))) {
        return unreadable(out->text, "names no host", msg);
    }
    out->way = RSYNC_DAEMON;
    out->base = trimmed(out->text);
    return ERR_NONE;
}

/* ssh://USER@HOST:PORT/PATH is USER@HOST:/PATH to rsync, and the port an option of ssh. */
static enum err parse_ssh(struct rsync_source *out, struct errmsg *msg)
{
    const char *host = out->text + strlen(ssh_scheme);
    const char *slash = strchr(host, '/');
    size_t host_len = slash == NULL ? 0 : (size_t)(slash - host);
    const char *colon = memrchr(host, ':', host_len);
    const char *bracket = memrchr(host, ']', host_len); /* of an IPv6 address, full of colons */
    int64_t port;
    char *base;

    if (slash == NULL) {
        return unreadable(out->text, "names no path", msg);
    }
    if (colon != NULL && (bracket == NULL || colon > bracket)) {
        if (!parse_integer(slice_of(colon + 1, (size_t)(slash - colon) - 1), &port) || port < 1 ||
            port > 65535) {
            return unreadable(out->text, "has a port that is no number from 1 to 65535", msg);
        }
        out->port = (unsigned)port;
        host_len = (size_t)(colon - host);
    }
    if (!host_is_safe(slice_of(host, host_len))) {
        return unreadable(out->text, "names no host", msg);
    }
    if (asprintf(&base, "%.*s:%s", (int)host_len, host, slash) < 0) {
        abort();
    }
    out->base = trimmed(base);
    free(base);
    out->way = RSYNC_SSH;
    return ERR_NONE;
}

/* As rsync reads it: a colon before the first slash ends a host. */
static enum err parse_plain(struct rsync_source *out, struct errmsg *msg)
{
    const char *colon = strchr(out->text, ':');
    const char *slash = strchr(out->text, '/');

    if (colon == NULL || (slash != NULL && slash < colon)) {
        out->way = RSYNC_PATH;
        out->base = trimmed(out->text);
        return ERR_NONE;
    }
    if (colon[1] == ':' || strstr(out->text, "://") != NULL) {
        return unreadable(out->text, "is none of them", msg);
    }
    if (!host_is_safe(slice_of(out->text, (size_t)(colon - out->text))) || colon[1] == '\0') {
        return unreadable(out->text, "names no host or no path", msg);
    }
    out->way = RSYNC_SSH;
    out->base = trimmed(out->text);
    return ERR_NONE;
}

enum err rsync_source_parse(const char *text, struct rsync_source *out, struct errmsg *msg)
{
    struct rsync_source source = {.text = text};
    enum err rc;

    if (text[0] == '\0' || text[0] == '-') {
        return unreadable(text, "is none of them", msg);
    }
    if (begins_with(text, daemon_scheme)) {
        rc = parse_daemon(&source, msg);
    } else if (begins_with(text, ssh_scheme)) {
        rc = parse_ssh(&source, msg);
    } else {
        rc = parse_plain(&source, msg);
    }
    if (rc == ERR_NONE) {
        *out = source;
    }
    return rc;
}

void rsync_source_free(struct rsync_source *source)
{
    free(source->base);
}
