/*
 * The bytes of a connection: cut in two at a place that the first byte gives, parsed, routed, and the
 * parameters read; everything that happens to a request before a file is touched. The same bytes in one
 * piece must give the same requests.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "definition/definition.h"
#include "service/ask.h"
#include "service/etag.h"
#include "service/gzip.h"
#include "service/http.h"
#include "service/many.h"
#include "service/request_id.h"
#include "service/route.h"
#include "service/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] = "name: fuzz\n"
                           "collections:\n"
                           "  books:\n"
                           "    key: {column: isbn, type: text}\n"
                           "    rows: SELECT isbn, id, title FROM books\n"
                           "    fields: {title: text, id: integer}\n"
                           "    orders: {oldest: [id], newest: [-id]}\n"
                           "  loans:\n"
                           "    key: id\n"
                           "    rows: SELECT id, title FROM loans\n"
                           "    fields: {title: text}\n"
                           "    listings: {by_id: [title]}\n"
                           "routes:\n"
                           "  - get: /books/:isbn\n"
                           "    from: books\n"
                           "    key: {path: isbn}\n"
                           "    order: {query: sort, default: oldest}\n"
                           "    page: {query: page, default: 1}\n"
                           "    count: {query: count, default: 5, most: 10000}\n"
                           "    answer: $rows\n"
                           "  - get: /loan\n"
                           "    from: loans\n"
                           "    key: {query: id}\n"
                           "    answer: $row\n"
                           "  - get: /books/all/loans\n"
                           "    from: loans\n"
                           "    listing: by_id\n"
                           "    answer: $rows\n"
                           "  - get: /many/loans\n"
                           "    from: loans\n"
                           "    keys: {query: ids, most: 9}\n"
                           "  - get: /many/books\n"
                           "    from: books\n"
                           "    keys: {query: ids, most: 9}\n"
                           "    count: 3\n";

struct target {
    struct definition *definition;
    struct arena arena;
    struct route_table *routes;
    struct arena scratch;
    uint64_t seen; /* a hash of what the requests were */
};

static void see(struct target *target, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        target->seen = (target->seen ^ (unsigned char)bytes.ptr[i]) * 1099511628211U;
    }
    target->seen = (target->seen + (bytes.ptr != NULL)) * 1099511628211U;
}

static bool is_equal(const struct key *a, const struct key *b)
{
    return a->is_text ? slice_equal(a->text, b->text) : a->integer == b->integer;
}

/* Many keys are as many as there may be, and no two are equal. */
static void check_many(struct target *target, const struct route *route, struct slice query)
{
    struct many many;

    if (many_read(route, query, &target->scratch, &many) != NULL) {
        return;
    }
    for (unsigned i = 0; i < many.count; i++) {
        see(target, many.keys[i].text);
        for (unsigned j = 0; j < i; j++) {
            if (is_equal(&many.keys[i].key, &many.keys[j].key)) {
                abort();
            }
        }
    }
    if (many.count == 0 || many.count > route->most_keys) {
        abort();
    }
}

/* What is read of a request that a cache or a browser makes. */
static void look_at_headers(const struct request *request)
{
    static struct request_ids ids;
    struct slice list = request->headers[HEADER_IF_NONE_MATCH];
    struct slice id = request_id(&ids, request->headers[HEADER_X_REQUEST_ID]);

    if (id.len == 0 || id.len > REQUEST_ID_MAX || memchr(id.ptr, '"', id.len) != NULL) {
        abort();
    }
    if (list.ptr != NULL) {
        etag_find(list, 0x0123456789abcdefU, true);
    }
    gzip_is_accepted(request->headers[HEADER_ACCEPT_ENCODING]);
}

static bool on_request(void *context, struct request *request)
{
    struct target *target = context;
    struct url url = url_split(request->target);
    struct route_match match;
    struct ask ask;

    if (route_find(target->routes, url.path, ROUTE_GET, &target->scratch, &match) &&
        match.route >= 0) {
        const struct route *route = &target->definition->routes[match.route];

        if (route->most_keys > 0) {
            check_many(target, route, url.query);
        } else if (ask_read(route, &match, url.query, &target->scratch, &ask) &&
                   (ask.page == 0 || ask.count == 0 || ask.count > route->most_count)) {
            abort();
        }
    }
    arena_reset(&target->scratch);
    see(target, request->target);
    see(target, request->body);
    look_at_headers(request);
    for (unsigned i = 0; i < REQUEST_HEADERS; i++) {
        see(target, request->headers[i]);
    }
    return request->target.len % 2 == 0; /* some requests pause the parser */
}

static void on_continue(void *context)
{
    (void)context;
}

static const struct http_handler handler = {.on_request = on_request, .on_continue = on_continue};

static struct target *target_get(void)
{
    static struct target target;
    struct errmsg msg;

    if (target.definition == NULL) {
        if (definition_parse("fuzz", slice_str(text), &target.definition, &msg) != ERR_NONE) {
            abort();
        }
        arena_init(&target.arena, 4096);
        arena_init(&target.scratch, 65536);
        target.routes = route_table_make(target.definition, &target.arena);
    }
    return &target;
}

/* The bytes stand in memory of their own, so that a byte too far is found. */
static enum feed_result feed(struct http *http, const uint8_t *data, size_t size)
{
    char *copy = memory_alloc(size);
    struct slice rest = slice_of(memcpy(copy, data, size), size);
    enum feed_result result = FEED_PAUSED;

    while (result == FEED_PAUSED) {
        size_t taken;

        result = http_feed(http, rest, &taken);
        if (taken > rest.len) {
            abort();
        }
        rest = slice_of(rest.ptr + taken, rest.len - taken);
    }
    free(copy);
    return result;
}

/* The requests in DATA when it comes in two pieces, the first of CUT bytes. */
static uint64_t parse(const uint8_t *data, size_t size, size_t cut)
{
    struct target *target = target_get();
    struct http http;

    target->seen = 0;
    http_init(&http, &handler, target);
    if (feed(&http, data, cut) == FEED_TAKEN) {
        feed(&http, data + cut, size - cut);
    }
    http_free(&http);
    return target->seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t cut;

    if (size < 1) {
        return 0;
    }
    cut = data[0] < size ? data[0] : size - 1;
    if (parse(data + 1, size - 1, cut) != parse(data + 1, size - 1, size - 1)) {
        abort();
    }
    return 0;
}
