#include "service/proxy.h"

enum err proxies_trust(struct proxies *proxies, const char *text, struct errmsg *msg)
{
    enum err rc;

    if (proxies->count == PROXIES_MAX) {
        return err_set(msg, ERR_USAGE, "more than %d networks of proxies", PROXIES_MAX);
    }
    rc = network_parse(text, &proxies->trusted[proxies->count], msg);
    if (rc == ERR_NONE) {
        proxies->count++;
    }
    return rc;
}

bool proxies_hold(const struct proxies *proxies, const struct address *address)
{
    for (unsigned i = 0; i < proxies->count; i++) {
        if (network_holds(&proxies->trusted[i], address)) {
            return true;
        }
    }
    return false;
}

/* Takes the last entry off LIST; false when nothing is left. */
static bool last_entry(struct slice *list, struct slice *entry)
{
    const char *comma;

    if (list->len == 0) {
        return false;
    }
    comma = memrchr(list->ptr, ',', list->len);
    if (comma == NULL) {
        *entry = slice_trim(*list);
        list->len = 0;
    } else {
        size_t at = (size_t)(comma - list->ptr);

        *entry = slice_trim(slice_of(comma + 1, list->len - at - 1));
        list->len = at;
    }
    return true;
}

static bool is_port(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return text.len > 0 && text.len <= 5;
}

/* An address; some proxies add the port: "192.0.2.1:4711", "[2001:db8::1]:4711". */
static bool parse_entry(struct slice entry, struct address *out)
{
    const char *end = entry.len == 0 ? NULL : memrchr(entry.ptr, ':', entry.len);
    struct slice host = entry;
    struct slice port = slice_of("", 0);

    if (address_parse(entry, out)) {
        return true;
    }
    if (end != NULL) {
        host = slice_of(entry.ptr, (size_t)(end - entry.ptr));
        port = slice_of(end + 1, entry.len - host.len - 1);
    }
    if (entry.len > 2 && entry.ptr[0] == '[') {
        if (entry.ptr[entry.len - 1] == ']') {
            return address_parse(slice_of(entry.ptr + 1, entry.len - 2), out);
        }
        return host.len > 2 && host.ptr[host.len - 1] == ']' && is_port(port) &&
               address_parse(slice_of(host.ptr + 1, host.len - 2), out);
    }
    return is_port(port) && address_parse(host, out) && address_is_v4(out) &&
           memchr(host.ptr, ':', host.len) == NULL;
}

struct address proxies_client(const struct proxies *proxies, const struct address *peer,
                              struct slice forwarded)
{
    struct address client = *peer;
    struct address before;
    struct slice entry;

    while (proxies_hold(proxies, &client) && last_entry(&forwarded, &entry) &&
           parse_entry(entry, &before)) {
        client = before;
    }
    return client;
}
