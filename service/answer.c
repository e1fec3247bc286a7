#include "service/answer.h"

#include "base/log.h"
#include "service/action.h"
#include "service/allow.h"
#include "service/ask.h"
#include "service/page.h"
#include "service/plain.h"
#include "service/url.h"

enum { ARENA_BLOCK_SIZE = 256 << 10 };

void answerer_init(struct answerer *answerer)
{
    *answerer = (struct answerer){.plan = NULL};
    head_writer_init(&answerer->heads);
    arena_init(&answerer->arena, ARENA_BLOCK_SIZE);
    arena_init(&answerer->row_arena, ARENA_BLOCK_SIZE);
}

void answerer_free(struct answerer *answerer)
{
    reader_close(answerer->reader);
    plan_drop(answerer->plan);
    head_writer_free(&answerer->heads);
    arena_free(&answerer->arena);
    arena_free(&answerer->row_arena);
}

enum err answerer_serve(struct answerer *answerer, struct plan *plan, struct errmsg *msg)
{
    struct reader *reader;
    enum err rc = reader_open(plan->release, &reader, msg);

    if (rc != ERR_NONE) {
        plan_drop(plan);
        return rc;
    }
    reader_close(answerer->reader);
    plan_drop(answerer->plan);
    answerer->reader = reader;
    answerer->plan = plan;
    head_writer_name_release(&answerer->heads, plan->release_name,
                             plan->release->manifest->write_position);
    return ERR_NONE;
}

void answerer_log_failure(struct answerer *answerer, struct slice path, const struct errmsg *msg)
{
    time_t now = time(NULL);

    if (now == answerer->logged_time) {
        answerer->unlogged++;
        return;
    }
    log_error("answer_failed", "release=%s unlogged=%u route=%.*s reason=\"%s\"",
              answerer->plan->release_name, answerer->unlogged, SLICE_ARG(path), msg->text);
    answerer->logged_time = now;
    answerer->unlogged = 0;
}

static void answer_failure(struct answerer *answerer, const struct request *request,
                           const struct failure *failure, struct buffer *out)
{
    plain_answer(&answerer->heads, request, failure->status, failure->text, NULL, out);
}

/* The body of a page that was opened; what it cannot become is an error. */
static enum err append_body(const struct program *program, const struct page *page,
                            const struct head_writer *heads, struct buffer *out, struct errmsg *msg)
{
    enum err rc = program_run(program, &page->view, out, msg);

    if (rc == ERR_NONE && out->len - heads->body > ANSWER_SIZE_MAX) {
        rc = err_set(msg, ERR_LIMIT, "the answer has %zu bytes, more than the %d it may have",
                     out->len - heads->body, ANSWER_SIZE_MAX);
    }
    return rc;
}

static enum err answer_page(struct answerer *answerer, const struct request *request,
                            unsigned route_index, const struct ask *ask, struct buffer *out,
                            struct errmsg *msg)
{
    const struct plan *plan = answerer->plan;
    const struct route *route = &plan->release->definition->routes[route_index];
    const struct program *program = &plan->answers[route_index];
    struct head head = plain_head(request, 200, BODY_JSON, NULL);
    struct page page = {
        .reader = answerer->reader,
        .route = route,
        .row = &plan->rows[route_index],
        .ask = ask,
        .arena = &answerer->arena,
        .row_arena = &answerer->row_arena,
    };
    enum err rc = page_open(&page, program->vectors, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (route->listing < 0 && !page.found && route->missing.status != 0) {
        answer_failure(answerer, request, &route->missing, out);
        return ERR_NONE;
    }
    head_begin(&answerer->heads, &head, out);
    rc = append_body(program, &page, &answerer->heads, out, msg);
    if (rc != ERR_NONE) {
        head_undo(&answerer->heads, out);
        return rc;
    }
    head_end(&answerer->heads, request->method != METHOD_HEAD, out);
    return ERR_NONE;
}

static void answer_route(struct answerer *answerer, const struct request *request,
                         const struct route_match *match, struct slice query, struct buffer *out)
{
    const struct route *route = &answerer->plan->release->definition->routes[match->route];
    struct ask ask;
    struct errmsg msg;

    if (!ask_read(route, match, query, &answerer->arena, &ask)) {
        answer_failure(answerer, request, &route->invalid_key, out);
        return;
    }
    if (answer_page(answerer, request, match->route, &ask, out, &msg) != ERR_NONE) {
        answerer_log_failure(answerer, route->path, &msg);
        plain_answer(&answerer->heads, request, 503, slice_str("Error: this node cannot answer"),
                     NULL, out);
    }
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
    const struct definition *definition = answerer->plan->release->definition;
    struct url url = url_split(request->target);
    struct later *later = NULL;
    struct route_match match;
    bool found = route_find(answerer->plan->routes, url.path, route_method(request->method),
                            &answerer->arena, &match);

    if (request->method == METHOD_OPTIONS && slice_is(url.path, "*")) {
        answer_options(answerer, request, allow_all(definition), out);
    } else if (!found) {
        plain_answer(&answerer->heads, request, 404, slice_str("Error: not found"), NULL, out);
    } else if (request->method == METHOD_OPTIONS) {
        answer_options(answerer, request, match.methods, out);
    } else if (match.route < 0) {
        answer_wrong_method(answerer, request, match.methods, out);
    } else if (definition->routes[match.route].action != NULL) {
        later = action_start(answerer, request, &match, url.query, out);
    } else {
        answer_route(answerer, request, &match, url.query, out);
    }
    arena_reset(&answerer->arena);
    arena_reset(&answerer->row_arena);
    return later;
}

void answer_refusal(struct answerer *answerer, unsigned status, struct buffer *out)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {
        {413, "Error: the body is too large"},
        {414, "Error: the address is too long"},
        {431, "Error: the headers are too large"},
    };
    const char *text = "Error: bad request";
    struct head head = {.status = status, .type = BODY_TEXT, .is_close = true};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].status == status) {
            text = texts[i].text;
        }
    }
    plain_append(&answerer->heads, &head, slice_str(text), true, out);
}
