#include "service/answer.h"

#include <assert.h>

#include "base/log.h"
#include "service/action.h"
#include "service/allow.h"
#include "service/ask.h"
#include "service/bounds.h"
#include "service/cold.h"
#include "service/etag.h"
#include "service/many.h"
#include "service/page.h"
#include "service/parts.h"
#include "service/plain.h"
#include "service/url.h"

enum { ARENA_BLOCK_SIZE = 256 << 10 };

void answerer_init(struct answerer *answerer)
{
    *answerer = (struct answerer){.answer_size = BOUNDS_ANSWER_MAX};
    head_writer_init(&answerer->heads);
    gzip_init(&answerer->gzip);
    arena_init(&answerer->arena, ARENA_BLOCK_SIZE);
    arena_init(&answerer->row_arena, ARENA_BLOCK_SIZE);
}

void answerer_free(struct answerer *answerer)
{
    served_close(&answerer->served);
    head_writer_free(&answerer->heads);
    gzip_free(&answerer->gzip);
    arena_free(&answerer->arena);
    arena_free(&answerer->row_arena);
}

void answerer_exchange(struct answerer *answerer, struct served *served)
{
    struct served before = answerer->served;
    const struct plan *plan = served->plan;

    answerer->served = *served;
    *served = before;
    head_writer_name_release(&answerer->heads,
                             &(struct head_release){
                                 .name = plan->release_name,
                                 .position = plan->release->manifest->write_position,
                                 .built_ms = plan->release->manifest->built_ms,
                             });
}

enum err answerer_serve(struct answerer *answerer, struct plan *plan, struct errmsg *msg)
{
    struct served served;
    enum err rc = served_open(plan, &served, msg);

    if (rc == ERR_NONE) {
        answerer_exchange(answerer, &served);
        served_close(&served);
    }
    return rc;
}

void answerer_log_failure(struct answerer *answerer, struct slice path, const struct errmsg *msg)
{
    time_t now = time(NULL);

    if (answerer->pass == PASS_TOUCH) {
        return; /* the next pass fails, too */
    }
    if (now == answerer->logged_time) {
        answerer->unlogged++;
        return;
    }
    log_error("answer_failed", "release=%s unlogged=%u route=%.*s reason=\"%s\"",
              answerer->served.plan->release_name, answerer->unlogged, SLICE_ARG(path), msg->text);
    answerer->logged_time = now;
    answerer->unlogged = 0;
}

/* What the route says for a key that is none, or is not there; kept as long as its answers. */
static void answer_failure(struct answerer *answerer, const struct request *request,
                           unsigned route_index, const struct failure *failure, struct buffer *out)
{
    struct head head = plain_head(request, failure->status, BODY_TEXT, NULL);

    head.cache = answerer->served.plan->caches[route_index];
    plain_append(&answerer->heads, &head, failure->text, request->method != METHOD_HEAD, out);
}

/* Of an answer from files; its ETag is the caller's matter. */
static struct head file_head(const struct answerer *answerer, const struct request *request,
                             unsigned route_index)
{
    struct head head = plain_head(request, 200, BODY_JSON, NULL);

    head.cache = answerer->served.plan->caches[route_index];
    head.has_etag = true;
    return head;
}

/* Whether the client has the answer already; then HEAD becomes one that says no more than that. */
static bool is_unchanged(const struct request *request, struct head *head)
{
    struct slice list = request->headers[HEADER_IF_NONE_MATCH];
    enum etag_match match;

    if (list.ptr == NULL) {
        return false;
    }
    match = etag_find(list, head->etag, gzip_is_accepted(request->headers[HEADER_ACCEPT_ENCODING]));
    if (match == ETAG_DIFFERS) {
        return false;
    }
    head->status = 304;
    head->is_gzip = match == ETAG_IS_GZIP;
    return true;
}

/*
 * Begins the body of the answer with HEAD, whose ETag is known; returns false when the client has it
 * already, and there is no more to be said.
 */
static bool begin_body(struct answerer *answerer, const struct request *request, struct head *head,
                       struct buffer *out)
{
    if (is_unchanged(request, head)) {
        head_alone(&answerer->heads, head, out);
        return false;
    }
    head_begin(&answerer->heads, head, out);
    return true;
}

static struct slice written_body(const struct head_writer *heads, const struct buffer *out)
{
    return slice_of(out->ptr + heads->body, out->len - heads->body);
}

/* Has the answer with HEAD, which ends OUT, begin again in gzip, if the client takes that and it pays. */
static void pack(struct answerer *answerer, const struct request *request, struct head *head,
                 struct buffer *out)
{
    struct slice list = request->headers[HEADER_ACCEPT_ENCODING];
    struct slice packed;

    if (list.len > 0 && out->len - answerer->heads.body >= GZIP_SIZE_MIN &&
        gzip_is_accepted(list) &&
        gzip_pack(&answerer->gzip, written_body(&answerer->heads, out), &packed)) {
        head_undo(&answerer->heads, out);
        head->is_gzip = true;
        head_begin(&answerer->heads, head, out);
        buffer_append_slice(out, packed);
    }
}

enum tag_time { TAG_FIRST, TAG_LAST }; /* whether the ETag is known before the body */

/*
 * Ends the body that was begun with HEAD. RC says how it went; what it cannot become, and what is too
 * large, is taken back, and an error.
 */
static enum err end_body(struct answerer *answerer, const struct request *request,
                         struct head *head, enum tag_time tag_time, enum err rc, struct buffer *out,
                         struct errmsg *msg)
{
    struct head_writer *heads = &answerer->heads;
    size_t size = out->len - heads->body;

    if (rc == ERR_NONE && size > answerer->answer_size) {
        rc = err_set(msg, ERR_LIMIT, "the answer has %zu bytes, more than the %zu it may have",
                     size, answerer->answer_size);
    }
    if (rc != ERR_NONE) {
        head_undo(heads, out);
        return rc;
    }
    if (tag_time == TAG_LAST) {
        head_set_etag(heads, head->etag, out);
        if (is_unchanged(request, head)) {
            head_undo(heads, out);
            head_alone(heads, head, out);
            return ERR_NONE;
        }
    }
    pack(answerer, request, head, out);
    head_end(heads, request->method != METHOD_HEAD, out);
    return ERR_NONE;
}

static struct page page_of(struct answerer *answerer, unsigned route_index, const struct ask *ask)
{
    const struct plan *plan = answerer->served.plan;

    return (struct page){
        .reader = answerer->served.reader,
        .route = &plan->release->definition->routes[route_index],
        .row = &plan->rows[route_index],
        .ask = ask,
        .arena = &answerer->arena,
        .row_arena = &answerer->row_arena,
    };
}

/* A page of a listing. */
static enum err answer_listing(struct answerer *answerer, const struct request *request,
                               unsigned route_index, struct page *page, struct buffer *out,
                               struct errmsg *msg)
{
    struct head head = file_head(answerer, request, route_index);
    enum err rc;

    head_begin(&answerer->heads, &head, out);
    rc = program_run(&answerer->served.plan->answers[route_index], &page->view, out, msg);
    head.etag = etag_of_key(answerer->served.plan->etag_seeds[route_index], page->ask, true,
                            etag_join(page->shown, page->view.total));
    return end_body(answerer, request, &head, TAG_LAST, rc, out, msg);
}

static enum err answer_page(struct answerer *answerer, const struct request *request,
                            unsigned route_index, const struct ask *ask, struct buffer *out,
                            struct errmsg *msg)
{
    const struct program *program = &answerer->served.plan->answers[route_index];
    struct head head = file_head(answerer, request, route_index);
    struct page page = page_of(answerer, route_index, ask);
    enum err rc = page_open(&page, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (page.route->listing >= 0) {
        return answer_listing(answerer, request, route_index, &page, out, msg);
    }
    if (!page.found && page.route->missing.status != 0) {
        answer_failure(answerer, request, route_index, &page.route->missing, out);
        return ERR_NONE;
    }
    head.etag = etag_of_key(answerer->served.plan->etag_seeds[route_index], ask, page.found,
                            page.found ? page.group.content_hash : 0);
    if (!begin_body(answerer, request, &head, out)) {
        return ERR_NONE;
    }
    rc = page_read(&page, program->vectors, msg);
    if (rc == ERR_NONE) {
        rc = program_run(program, &page.view, out, msg);
    }
    return end_body(answerer, request, &head, TAG_FIRST, rc, out, msg);
}

/* A route with parts. */
static enum err answer_parts(struct answerer *answerer, const struct request *request,
                             const struct route_match *match, struct slice query,
                             const struct ask *ask, struct buffer *out, struct errmsg *msg)
{
    const struct plan *plan = answerer->served.plan;
    unsigned route_index = (unsigned)match->route;
    struct head head = file_head(answerer, request, route_index);
    const struct failure *missing;
    struct parts parts;
    enum err rc = parts_open(&plan->parts[route_index],
                             &plan->release->definition->routes[route_index], match, query, ask,
                             answerer->served.reader, &answerer->arena, &parts, &missing, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (missing != NULL) {
        answer_failure(answerer, request, route_index, missing, out);
        return ERR_NONE;
    }
    head.etag = parts_etag(&parts, plan->etag_seeds[route_index]);
    if (!begin_body(answerer, request, &head, out)) {
        return ERR_NONE;
    }
    rc = parts_append(&parts, out, msg);
    return end_body(answerer, request, &head, TAG_FIRST, rc, out, msg);
}

/* A route by many keys. */
static enum err answer_many(struct answerer *answerer, const struct request *request,
                            const struct route_match *match, struct slice query, struct buffer *out,
                            struct errmsg *msg)
{
    unsigned route_index = (unsigned)match->route;
    struct head head = file_head(answerer, request, route_index);
    struct ask ask = {.page = 1};
    struct page page = page_of(answerer, route_index, &ask);
    struct many many;
    const struct failure *failure = many_read(page.route, query, &answerer->arena, &many);
    enum err rc;

    if (failure != NULL) {
        answer_failure(answerer, request, route_index, failure, out);
        return ERR_NONE;
    }
    ask_read_page(page.route, match, query, &answerer->arena, &ask);
    ask.key_text = many.text;
    head_begin(&answerer->heads, &head, out);
    rc = many_append(&many, &answerer->served.plan->answers[route_index], &page, &ask, out, msg);
    head.etag = etag_of_key(answerer->served.plan->etag_seeds[route_index], &ask, true, page.shown);
    return end_body(answerer, request, &head, TAG_LAST, rc, out, msg);
}

/*
 * 503 has a proxy ask another node, and take this one for dead when that happens often: it is for what is
 * wrong with this node alone. An answer that is too large is that everywhere.
 */
static void answer_error(struct answerer *answerer, const struct request *request, enum err rc,
                         struct buffer *out)
{
    bool is_too_large = rc == ERR_LIMIT;

    plain_answer(&answerer->heads, request, is_too_large ? 500 : 503,
                 slice_str(is_too_large ? "Error: the answer is too large"
                                        : "Error: this node cannot answer"),
                 NULL, out);
}

static struct later *answer_route(struct answerer *answerer, const struct request *request,
                                  const struct route_match *match, struct slice query,
                                  struct buffer *out)
{
    const struct route *route = &answerer->served.plan->release->definition->routes[match->route];
    struct ask ask;
    struct errmsg msg;
    enum err rc;

    reader_begin(answerer->served.reader, answerer->cold == NULL || answerer->pass != PASS_FIRST);
    if (route->most_keys > 0) {
        rc = answer_many(answerer, request, match, query, out, &msg);
    } else if (!ask_read(route, match, query, &answerer->arena, &ask)) {
        answer_failure(answerer, request, (unsigned)match->route, &route->invalid_key, out);
        return NULL;
    } else if (route->part_count > 0) {
        rc = answer_parts(answerer, request, match, query, &ask, out, &msg);
    } else {
        rc = answer_page(answerer, request, (unsigned)match->route, &ask, out, &msg);
    }
    if (rc == ERR_COLD) {
        return cold_start(answerer, request, out);
    }
    if (rc != ERR_NONE) {
        answerer_log_failure(answerer, route->path, &msg);
        answer_error(answerer, request, rc, out);
    }
    return NULL;
}

/*
 * One that was left to the pool as a read, and is an action in the release that is served by now: it
 * is not run, for the connection waits for an answer, not for something that will answer.
 */
static struct later *answer_action(struct answerer *answerer, const struct request *request,
                                   const struct route_match *match, struct slice query,
                                   struct buffer *out)
{
    if (answerer->pass == PASS_FIRST) {
        return action_start(answerer, request, match, query, out);
    }
    plain_answer(&answerer->heads, request, 503, slice_str("Error: the release has changed"),
                 "Retry-After: 1\r\n", out);
    return NULL;
}

static void answer_options(struct answerer *answerer, const struct request *request,
                           unsigned methods, struct buffer *out)
{
    char lines[ALLOW_LINES_MAX];
    struct head head = plain_head(request, 204, BODY_TEXT, lines);

    allow_preflight(methods, lines);
    head_alone(&answerer->heads, &head, out);
}

static void answer_wrong_method(struct answerer *answerer, const struct request *request,
                                unsigned methods, struct buffer *out)
{
    char line[ALLOW_LINES_MAX];

    allow_line(methods, line);
    plain_answer(&answerer->heads, request, 405, slice_str("Error: method not allowed"), line, out);
}

/* The routes that answer METHOD; ROUTE_METHODS: none do. */
static enum route_method route_method(enum request_method method)
{
    static const enum route_method methods[] = {
        [METHOD_GET] = ROUTE_GET,         [METHOD_HEAD] = ROUTE_GET,
        [METHOD_OPTIONS] = ROUTE_METHODS, [METHOD_POST] = ROUTE_POST,
        [METHOD_PUT] = ROUTE_PUT,         [METHOD_PATCH] = ROUTE_PATCH,
        [METHOD_DELETE] = ROUTE_DELETE,   [METHOD_OTHER] = ROUTE_METHODS,
    };

    return methods[method];
}

struct later *answer_request(struct answerer *answerer, const struct request *request,
                             struct buffer *out)
{
    const struct definition *definition = answerer->served.plan->release->definition;
    struct url url = url_split(request->target);
    struct later *later = NULL;
    struct route_match match;
    bool found = route_find(answerer->served.plan->routes, url.path, route_method(request->method),
                            &answerer->arena, &match);

    answerer->route = found ? match.route : -1;
    if (request->method == METHOD_OPTIONS && slice_is(url.path, "*")) {
        answer_options(answerer, request, allow_all(definition), out);
    } else if (!found) {
        plain_answer(&answerer->heads, request, 404, slice_str("Error: not found"), NULL, out);
    } else if (request->method == METHOD_OPTIONS) {
        answer_options(answerer, request, match.methods, out);
    } else if (match.route < 0) {
        answer_wrong_method(answerer, request, match.methods, out);
    } else if (definition->routes[match.route].action != NULL) {
        later = answer_action(answerer, request, &match, url.query, out);
    } else {
        later = answer_route(answerer, request, &match, url.query, out);
    }
    arena_reset(&answerer->arena);
    arena_reset(&answerer->row_arena);
    return later;
}

bool answer_wants_body(struct answerer *answerer, const struct request *request)
{
    const struct plan *plan = answerer->served.plan;
    const struct writes *writes = answerer->writes;
    bool is_written =
        answerer->relay.forwarder != NULL || (writes != NULL && writes->writer != NULL);
    struct route_match match;
    bool found = is_written && route_find(plan->routes, url_split(request->target).path,
                                          route_method(request->method), &answerer->arena, &match);

    arena_reset(&answerer->arena);
    return found && match.route >= 0 &&
           plan->release->definition->routes[match.route].action != NULL;
}

void answer_again(struct answerer *answerer, const struct request *request, struct buffer *out)
{
    struct later *later;

    answerer->pass = PASS_AGAIN;
    later = answer_request(answerer, request, out);
    answerer->pass = PASS_FIRST;
    assert(later == NULL);
    (void)later;
}

void answer_refusal(struct answerer *answerer, unsigned status, struct slice id, struct buffer *out)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {
        {408, "Error: the request took too long"},
        {413, "Error: the body is too large"},
        {414, "Error: the address is too long"},
        {417, "Error: the only expectation that is met is 100-continue"},
        {431, "Error: the headers are too large"},
        {501, "Error: the only transfer coding that is read is chunked"},
    };
    const char *text = "Error: bad request";
    struct head head = {.status = status, .type = BODY_TEXT, .is_close = true, .id = id};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].status == status) {
            text = texts[i].text;
        }
    }
    plain_append(&answerer->heads, &head, slice_str(text), true, out);
}
