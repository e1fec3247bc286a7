#include "service/action.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/clock.h"
#include "base/timestamp.h"
#include "service/answer.h"
#include "service/connection.h"
#include "service/plain.h"
#include "service/reply.h"
#include "service/take.h"

enum {
    JOB_BLOCK_SIZE = 4 << 10,
    JOB_BODY_MAX = 16 << 20,
    KEY_SECRET_MIN = 16, /* characters of a key that nobody should guess */
};

static const char retry_later[] = "Retry-After: 1\r\n";
static const char end_of_lines[] = "\r\n";

struct action_job {
    struct later later;
    struct write_job write;
    struct answerer *answerer; /* of the loop, which outlives its jobs */
    struct plan *plan;         /* owned: one reference */
    const struct route *route; /* in the plan */
    struct request request;    /* what is left of it: see keep_request */
    struct taken taken;
    struct errmsg reply_msg; /* why `reply` failed; otherwise empty */
    struct arena arena;
};

static struct action_job *job_of(struct write_job *write)
{
    return (struct action_job *)((char *)write - offsetof(struct action_job, write));
}

static void job_free(struct action_job *job)
{
    plan_drop(job->plan);
    buffer_free(&job->write.body);
    arena_free(&job->arena);
    free(job);
}

/* ---- on the writer's thread ---- */

/*
 * What is kept of an answer for its replays is header lines, an empty line, and the body: whoever was
 * given a session, and missed it, is given the same again.
 */
static void on_reply(struct write_job *write)
{
    struct action_job *job = job_of(write);

    write->status = write->action->status;
    buffer_append_slice(&write->body, job->taken.set_cookie);
    buffer_append_str(&write->body, end_of_lines);
    job->reply_msg.text[0] = '\0';
    if (reply_write(write, &write->body, &job->reply_msg) != ERR_NONE) {
        write->body.overflowed = true; /* the job fails as a whole */
    }
}

static void on_done(struct write_job *write)
{
    struct action_job *job = job_of(write);

    later_queue_add(job->answerer->ready, &job->later);
}

/* ---- the answer ---- */

/* The body of a kept answer; *LINES become its header lines. */
static struct slice split_kept(struct slice kept, struct slice *lines)
{
    size_t end = sizeof end_of_lines - 1;
    size_t at = 0;

    while (kept.len - at >= end && memcmp(kept.ptr + at, end_of_lines, end) != 0) {
        const char *line_end = memchr(kept.ptr + at, '\n', kept.len - at);

        at = line_end == NULL ? kept.len : (size_t)(line_end + 1 - kept.ptr);
    }
    *lines = slice_of(kept.ptr, at);
    return at + end <= kept.len ? slice_of(kept.ptr + at + end, kept.len - at - end)
                                : slice_of(NULL, 0);
}

static void answer_done(struct action_job *job, struct buffer *out)
{
    const struct write_job *write = &job->write;
    struct head_writer *heads = &job->answerer->heads;
    struct slice lines;
    struct slice body = split_kept(buffer_slice(&write->body), &lines);
    struct buffer extra;
    struct head head;

    buffer_init(&extra, lines.len + 256);
    buffer_append_slice(&extra, lines);
    if (write->position > 0) {
        buffer_printf(&extra, "Vitrine-Position: %" PRIu64 "\r\n", write->position);
    }
    if (write->is_replay) {
        buffer_append_str(&extra, "Idempotent-Replayed: true\r\n");
    }
    head = plain_head(&job->request, write->status, write->action->is_json ? BODY_JSON : BODY_TEXT,
                      buffer_str(&extra));
    head.is_from_source = true;
    if (write->status == 204) {
        head_alone(heads, &head, out);
    } else {
        plain_append(heads, &head, body, job->request.method != METHOD_HEAD, out);
    }
    buffer_free(&extra);
}

static void answer_text(struct answerer *answerer, const struct request *request, unsigned status,
                        struct slice text, const char *extra, struct buffer *out)
{
    plain_answer_of_source(&answerer->heads, request, status, text, extra, out);
}

static void answer_failure(struct answerer *answerer, const struct request *request,
                           const struct failure *failure, struct buffer *out)
{
    answer_text(answerer, request, failure->status, failure->text, NULL, out);
}

static void append_answer(struct action_job *job, struct buffer *out)
{
    const struct write_job *write = &job->write;
    const struct action *action = write->action;
    struct answerer *answerer = job->answerer;

    switch (write->outcome) {
    case WRITE_DONE:
        answer_done(job, out);
        return;
    case WRITE_MISSING:
        answer_failure(answerer, &job->request, &action->statements[write->statement].missing, out);
        return;
    case WRITE_INVALID:
        answer_failure(answerer, &job->request, &action->invalid, out);
        return;
    case WRITE_KEY_CONFLICT:
        answer_text(answerer, &job->request, 422,
                    slice_str("Error: this Idempotency-Key was used for another request"), NULL,
                    out);
        return;
    case WRITE_AWAY:
        answer_text(answerer, &job->request, 503, slice_str("Error: the source is away"),
                    retry_later, out);
        return;
    case WRITE_FAILED:
        answer_text(answerer, &job->request, 500, slice_str("Error: this request failed"), NULL,
                    out);
        return;
    }
}

/* The client is told nothing of it: it may name tables and values. */
static void log_failure(struct action_job *job)
{
    const struct errmsg *msg = job->reply_msg.text[0] != '\0' ? &job->reply_msg : &job->write.msg;

    answerer_log_failure(job->answerer, job->route->path, msg);
}

static void on_ready(struct later *later, struct buffer *out)
{
    struct action_job *job = (struct action_job *)later;

    writes_count(job->answerer->writes, writes_end_of(&job->write));
    if (job->write.outcome == WRITE_FAILED) {
        log_failure(job);
    }
    if (out != NULL) {
        job->request.keep_alive = later->keep_alive;
        append_answer(job, out);
    }
    job_free(job);
}

/* ---- the request ---- */

enum { KEY_NONE, KEY_VALID, KEY_INVALID };

static int look_at_key(const struct action *action, struct slice key)
{
    if (key.ptr == NULL || action->only_reads) {
        return KEY_NONE;
    }
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] <= ' ' || key.ptr[i] > '~') {
            return KEY_INVALID;
        }
    }
    return key.len > 0 && key.len <= WRITER_KEY_MAX ? KEY_VALID : KEY_INVALID;
}

static struct later *refuse_key(struct answerer *answerer, const struct request *request,
                                const char *text, struct buffer *out)
{
    answer_text(answerer, request, 400, slice_str(text), NULL, out);
    return NULL;
}

/*
 * Of what makes two requests with one key the same request. Without a session whoever knows the key and
 * asks the same is given the session that was made: such a key has to be long.
 */
static uint64_t fingerprint(const struct request *request, struct slice session)
{
    const struct slice parts[] = {request->target, session, request->body};
    XXH64_hash_t hash = (XXH64_hash_t)request->method;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        hash = XXH3_64bits_withSeed(parts[i].ptr == NULL ? "" : parts[i].ptr, parts[i].len,
                                    hash + parts[i].len);
    }
    return hash;
}

/* What values may be slices of, and what the answer needs; the rest is gone when this returns. */
static void keep_request(struct action_job *job, const struct request *request,
                         const struct route_match *match, struct route_match *kept)
{
    struct slice *headers = job->request.headers;

    job->request = *request;
    memset(headers, 0, sizeof job->request.headers);
    job->request.id = arena_copy(&job->arena, request->id);
    headers[HEADER_COOKIE] = arena_copy(&job->arena, request->headers[HEADER_COOKIE]);
    *kept = *match;
    for (unsigned i = 0; i < match->segment_count; i++) {
        kept->segments[i] = arena_copy(&job->arena, match->segments[i]);
    }
}

static struct action_job *job_make(struct answerer *answerer, const struct route *route)
{
    struct action_job *job = memory_calloc(1, sizeof *job);

    job->later.answer = on_ready;
    job->answerer = answerer;
    job->plan = plan_hold(answerer->served.plan);
    job->route = route;
    arena_init(&job->arena, JOB_BLOCK_SIZE);
    job->write.action = route->action;
    job->write.arena = &job->arena;
    job->write.reply = on_reply;
    job->write.done = on_done;
    job->write.now_ms = timestamp_now_ms();
    buffer_init(&job->write.body, JOB_BODY_MAX);
    return job;
}

static struct later *submit(struct action_job *job, const struct request *request, bool has_key)
{
    job->write.takes = job->taken.values;
    job->write.items = job->taken.items;
    if (has_key) {
        job->write.key = arena_copy(&job->arena, request->headers[HEADER_IDEMPOTENCY_KEY]);
        job->write.fingerprint = fingerprint(request, job->taken.session);
    }
    job->request.target = slice_of(NULL, 0);
    job->request.body = slice_of(NULL, 0);
    writer_submit(job->answerer->writes->writer, &job->write);
    return &job->later;
}

/* Whether REQUEST may write; otherwise the answer is appended. */
static bool admit(struct answerer *answerer, const struct request *request,
                  const struct address *peer, struct buffer *out)
{
    char line[40];
    unsigned retry_after_s;

    if (limits_admit(&answerer->writes->limits, peer, request->headers[HEADER_X_FORWARDED_FOR],
                     monotonic_ms(), &retry_after_s)) {
        return true;
    }
    writes_count(answerer->writes, WRITE_END_LIMITED);
    snprintf(line, sizeof line, "Retry-After: %u\r\n", retry_after_s);
    answer_text(answerer, request, 429, slice_str("Error: too many writes from this address"), line,
                out);
    return false;
}

static struct later *forward(struct answerer *answerer, const struct request *request,
                             const struct action *action, const struct address *peer,
                             struct buffer *out)
{
    bool has_key = request->headers[HEADER_IDEMPOTENCY_KEY].ptr != NULL;

    return relay_start(answerer, request, peer, has_key || action->only_reads, out);
}

/* One that cannot be told is that of nobody: it shares a limit with all of them. */
static struct address peer_of(const struct request *request)
{
    struct address peer = {{0}};

    if (request->connection != NULL && !connection_peer(request->connection, &peer)) {
        peer = (struct address){{0}};
    }
    return peer;
}

struct later *action_start(struct answerer *answerer, const struct request *request,
                           const struct route_match *match, struct slice query, struct buffer *out)
{
    const struct route *route = &answerer->served.plan->release->definition->routes[match->route];
    int key = look_at_key(route->action, request->headers[HEADER_IDEMPOTENCY_KEY]);
    struct address peer = peer_of(request);
    struct route_match kept;
    struct action_job *job;

    if (answerer->writes != NULL && !route->action->only_reads &&
        !admit(answerer, request, &peer, out)) {
        return NULL;
    }
    if (answerer->relay.forwarder != NULL) {
        return forward(answerer, request, route->action, &peer, out);
    }
    if (answerer->writes == NULL || answerer->writes->writer == NULL) {
        answer_text(answerer, request, 503, slice_str("Error: this node takes no writes"),
                    retry_later, out);
        return NULL;
    }
    if (key == KEY_INVALID) {
        return refuse_key(answerer, request,
                          "Error: an Idempotency-Key has 1 to 255 visible characters", out);
    }
    job = job_make(answerer, route);
    keep_request(job, request, match, &kept);
    query = arena_copy(&job->arena, query);
    if (!take_read(route, &job->request, &kept, query, &job->arena, &job->taken)) {
        writes_count(answerer->writes, WRITE_END_INVALID);
        answer_failure(answerer, request, job->taken.failure, out);
        job_free(job);
        return NULL;
    }
    if (key == KEY_VALID && job->taken.set_cookie.len > 0 &&
        request->headers[HEADER_IDEMPOTENCY_KEY].len < KEY_SECRET_MIN) {
        job_free(job);
        return refuse_key(answerer, request,
                          "Error: without a session, an Idempotency-Key has 16 to 255 characters",
                          out);
    }
    return submit(job, request, key == KEY_VALID);
}
