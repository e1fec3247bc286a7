/*
 * What a client of an action sends: the first line is a query, the second Cookie, the third
 * X-Forwarded-For, and the rest is the body.
 */
#include <stdlib.h>

#include "base/json.h"
#include "service/cookie.h"
#include "service/proxy.h"
#include "service/take.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TAKES = 9, MOST = 3 };

#define NAME(text)                                                                                 \
    {                                                                                              \
        .ptr = (text), .len = sizeof(text) - 1                                                     \
    }

static const struct take takes[TAKES] = {
    {.member = NAME("id"), .place = TAKE_QUERY, .rule = {.type = SCALAR_INTEGER}},
    {.member = NAME("s"),
     .place = TAKE_COOKIE,
     .rule = {.type = SCALAR_TEXT, .has_most = true, .most = SESSION_TOKEN_LEN},
     .is_session = true},
    {.member = NAME("t"), .place = TAKE_QUERY, .rule = {.type = SCALAR_TIMESTAMP}},
    {.member = NAME("n"),
     .place = TAKE_BODY,
     .rule = {.type = SCALAR_INTEGER, .has_least = true, .least = 1, .has_most = true, .most = 5}},
    {.member = NAME("r"), .place = TAKE_BODY, .rule = {.type = SCALAR_NUMBER}},
    {.member = NAME("b"), .place = TAKE_BODY, .rule = {.type = SCALAR_BOOLEAN}},
    {.member = NAME("x"),
     .place = TAKE_BODY,
     .rule = {.type = SCALAR_TEXT, .has_most = true, .most = 20}},
    {.member = NAME("l"),
     .place = TAKE_BODY,
     .shape = TAKE_LIST,
     .rule = {.type = SCALAR_TEXT, .has_most = true, .most = 5},
     .most_items = MOST},
    {.member = NAME("m"),
     .place = TAKE_BODY,
     .shape = TAKE_MAP,
     .names = {.type = SCALAR_INTEGER},
     .rule = {.type = SCALAR_TIMESTAMP},
     .most_items = MOST},
};

/* The bytes up to the next line feed, in memory of their own, so that a byte too far is found. */
static struct slice next_line(struct slice *rest)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    size_t taken = end == NULL ? len : len + 1;
    char *copy = memory_alloc(len);

    if (len > 0) {
        memcpy(copy, rest->ptr, len);
    }
    *rest = slice_of(rest->ptr + taken, rest->len - taken);
    return slice_of(copy, len);
}

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* What goes to a database is what the rules say. */
static void check(const struct taken *taken)
{
    for (unsigned i = 0; i < TAKES; i++) {
        const struct value *value = &taken->values[i];

        must(value->type != VALUE_TEXT ||
             (utf8_is_valid(value->text) && memchr(value->text.ptr, 0, value->text.len) == NULL &&
              value->text.len <= 4 * (size_t)takes[i].rule.most));
        must(taken->items[i].count <= MOST);
        for (unsigned k = 0; k < taken->items[i].count; k++) {
            must(taken->items[i].values[k].type != VALUE_NULL);
        }
    }
    must(taken->values[3].type == VALUE_NULL ||
         (taken->values[3].integer >= 1 && taken->values[3].integer <= 5));
    must(session_token_is(taken->values[1].text));
    must((taken->session.len == 0) == (taken->set_cookie.len > 0));
}

static void take(struct slice query, struct slice cookie, struct slice body)
{
    struct action action = {.takes = (struct take *)takes,
                            .take_count = TAKES,
                            .reads_body = true,
                            .invalid = {.status = 400}};
    struct route route = {.action = &action};
    struct request request = {.body = body, .headers = {[HEADER_COOKIE] = cookie}};
    struct route_match match = {.segment_count = 0};
    struct arena arena;
    struct taken taken;

    arena_init(&arena, 4096);
    if (take_read(&route, &request, &match, query, &arena, &taken)) {
        check(&taken);
    } else {
        must(taken.failure == &action.invalid);
    }
    arena_free(&arena);
}

/* Whatever a client that is not trusted writes, it is itself. */
static void forward(struct slice forwarded)
{
    static struct proxies proxies;
    struct address inside = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}};
    struct address outside = {{0x20, 0x01}};
    struct address client;
    struct errmsg msg;
    char text[ADDRESS_MAX];

    if (proxies.count == 0) {
        must(proxies_trust(&proxies, "10.0.0.0/8", &msg) == ERR_NONE);
    }
    client = proxies_client(&proxies, &inside, forwarded);
    address_write(&client, text);
    must(address_parse(slice_str(text), &inside) && address_equal(&inside, &client));
    client = proxies_client(&proxies, &outside, forwarded);
    must(address_equal(&client, &outside));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of((const char *)data, size);
    struct slice query = next_line(&rest);
    struct slice cookie = next_line(&rest);
    struct slice forwarded = next_line(&rest);
    char *body = memory_alloc(rest.len);

    if (rest.len > 0) {
        memcpy(body, rest.ptr, rest.len);
    }
    take(query, cookie, slice_of(body, rest.len));
    forward(forwarded);
    free((char *)query.ptr);
    free((char *)cookie.ptr);
    free((char *)forwarded.ptr);
    free(body);
    return 0;
}
