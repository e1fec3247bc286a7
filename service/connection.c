#include "service/connection.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "service/held.h"
#include "service/later.h"
#include "service/loop.h"
#include "service/outgoing.h"

static uv_stream_t *stream(struct connection *connection)
{
    return (uv_stream_t *)&connection->tcp;
}

static size_t queued(struct connection *connection)
{
    return uv_stream_get_write_queue_size(stream(connection));
}

static void set_deadline(struct connection *connection, int64_t after_ms)
{
    const struct loop *loop = connection->loop;
    uint64_t deadline_ms = uv_now(&loop->uv) + (uint64_t)after_ms;

    if (loop->is_stopping && deadline_ms > loop->stop_deadline_ms) {
        deadline_ms = loop->stop_deadline_ms;
    }
    connection->deadline_ms = deadline_ms;
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;

    assert(connection->state == CONNECTION_CLOSING);
    held_leave(connection);
    loop_remove(connection->loop, connection);
    http_free(&connection->http);
    unread_free(&connection->unread);
    free(connection);
}

void connection_close(struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSING) {
        return;
    }
    connection->state = CONNECTION_CLOSING;
    if (connection->later != NULL) {
        later_forget(connection->later);
        connection->later = NULL;
    }
    held_close(connection);
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct connection *connection = request->data;

    if (connection->state == CONNECTION_CLOSING) {
        return;
    }
    assert(connection->state == CONNECTION_FINISHING);
    if (status < 0 || connection->peer_ended) {
        connection_close(connection);
        return;
    }
    connection->has_ended = true;
    set_deadline(connection, CONNECTION_LINGER_MS);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    const struct connection *connection = handle->data;
    bool is_full = connection->state == CONNECTION_READING && held_is_full(connection->loop);

    (void)suggested; /* no room at all has on_read called with UV_ENOBUFS, and nothing read */
    *out = uv_buf_init(connection->loop->input, is_full ? 0 : LOOP_INPUT_SIZE);
}

static void on_read(uv_stream_t *handle, ssize_t count, const uv_buf_t *buf);

static void read_start(struct connection *connection)
{
    int result;

    if (connection->peer_ended) {
        return;
    }
    result = uv_read_start(stream(connection), on_alloc, on_read);
    if (result != 0 && result != UV_EALREADY) {
        connection_close(connection);
    }
}

/* Nothing is answered any more; libuv shuts down after the writes that are queued. */
static void finish(struct connection *connection)
{
    assert(connection->state == CONNECTION_READING || connection->state == CONNECTION_BLOCKED);
    connection->state = CONNECTION_FINISHING;
    set_deadline(connection, connection->loop->bounds.send_ms);
    unread_free(&connection->unread);
    http_free(&connection->http);
    held_note(connection);
    connection->shutdown.data = connection;
    if (uv_shutdown(&connection->shutdown, stream(connection), on_shutdown) != 0) {
        connection_close(connection);
        return;
    }
    read_start(connection);
}

/* ---- writing ---- */

static void go_on(struct connection *connection);

static void on_written(uv_write_t *request, int status)
{
    struct connection *connection = outgoing_end(request);

    if (connection->state == CONNECTION_CLOSING) {
        return;
    }
    if (status < 0) {
        connection_close(connection);
        return;
    }
    held_note(connection);
    if (connection->state == CONNECTION_BLOCKED && queued(connection) == 0) {
        go_on(connection);
    } else if (connection->state == CONNECTION_READING && connection->peer_ended &&
               queued(connection) == 0) {
        connection_close(connection);
    }
}

/*
 * Sends the loop's output. With IS_DEFERRED the callback of a write comes in any case, in a later
 * turn of the loop, so that one busy client does not keep the others waiting.
 */
static void send_output(struct connection *connection, bool is_deferred)
{
    if (!outgoing_send(stream(connection), &connection->loop->out, is_deferred, on_written,
                       &connection->unsent)) {
        connection_close(connection);
    }
}

/* ---- requests ---- */

/* Each answer is the last of its connection. */
static bool is_ending(const struct loop *loop)
{
    return loop->is_draining || loop->is_stopping;
}

/* Counts an answer; false when there were enough for now. */
static bool has_turn(struct connection *connection)
{
    if (connection->turn != connection->loop->turn) {
        connection->turn = connection->loop->turn;
        connection->turn_answers = 0;
    }
    return ++connection->turn_answers < CONNECTION_TURN_MAX;
}

static bool on_request(void *context, struct request *request)
{
    struct connection *connection = context;
    struct loop *loop = connection->loop;
    struct later *later;

    if (is_ending(loop)) {
        request->keep_alive = false;
    }
    connection->has_answered = true;
    request->connection = connection;
    request->id = request_id(&loop->ids, request->headers[HEADER_X_REQUEST_ID]);
    later = loop->answers.request(loop->answers.context, request, &loop->out);
    if (later != NULL) {
        later->connection = connection;
        connection->later = later;
        return false;
    }
    return has_turn(connection) && loop->out.len + queued(connection) <= CONNECTION_QUEUED_MAX;
}

static void on_continue(void *context)
{
    struct connection *connection = context;

    buffer_append_str(&connection->loop->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static bool wants_body(void *context, const struct request *request)
{
    const struct loop_answers *answers = &((struct connection *)context)->loop->answers;

    return answers->wants_body != NULL && answers->wants_body(answers->context, request);
}

static const struct http_handler handler = {
    .on_request = on_request,
    .on_continue = on_continue,
    .wants_body = wants_body,
};

/* What it was called is not known: it may not have come so far. */
static void refuse(struct connection *connection, unsigned status)
{
    struct loop *loop = connection->loop;

    loop->refused = connection;
    loop->answers.refusal(loop->answers.context, status, request_id(&loop->ids, slice_of(NULL, 0)),
                          &loop->out);
}

/* A deadline belongs to a stage of a request; single bytes do not move it. */
static void renew_deadline(struct connection *connection)
{
    const struct bounds *bounds = &connection->loop->bounds;
    const int64_t allowed_ms[] = {
        [STAGE_IDLE] = bounds->idle_ms,
        [STAGE_HEAD] = bounds->head_ms,
        [STAGE_BODY] = bounds->body_ms,
    };
    enum http_stage stage = connection->http.stage;

    if (connection->has_answered || stage != connection->timed_stage) {
        set_deadline(connection, allowed_ms[stage]);
        connection->timed_stage = stage;
        connection->has_answered = false;
    }
}

static void block(struct connection *connection)
{
    connection->state = CONNECTION_BLOCKED;
    uv_read_stop(stream(connection));
}

/* Goes on in a later turn of the loop if there is no memory for an answer in this one. */
static bool put_off(struct connection *connection)
{
    if (!held_is_full(connection->loop)) {
        return false;
    }
    block(connection);
    if (!outgoing_call(stream(connection), on_written, &connection->unsent)) {
        connection_close(connection);
    }
    return true;
}

/* The last request that was read is answered later. REST, behind it, is parsed after that. */
static void wait_for_later(struct connection *connection, struct slice rest)
{
    connection->state = CONNECTION_WAITING;
    set_deadline(connection, connection->loop->bounds.idle_ms);
    if (rest.len > 0) {
        uv_read_stop(stream(connection));
        unread_keep(&connection->unread, rest);
    }
}

/* Parses BYTES, answers the requests in them and sends the answers. */
static void feed(struct connection *connection, struct slice bytes)
{
    struct loop *loop = connection->loop;
    size_t taken;
    enum feed_result result;
    struct slice rest;

    connection->is_fresh = false;
    result = http_feed(&connection->http, bytes, &taken);
    rest = slice_of(bytes.ptr + taken, bytes.len - taken);
    if (result == FEED_REFUSED) {
        refuse(connection, connection->http.status);
    }
    if (connection->later != NULL) {
        wait_for_later(connection, rest);
    } else if (result == FEED_PAUSED) {
        block(connection);
        unread_keep(&connection->unread, rest);
    }
    send_output(connection, connection->state == CONNECTION_BLOCKED);
    loop_reset_output(loop);
    held_look(connection);
    if (connection->state == CONNECTION_CLOSING || connection->state == CONNECTION_WAITING) {
        return;
    }
    if (result == FEED_LAST || result == FEED_REFUSED) {
        finish(connection);
        return;
    }
    renew_deadline(connection);
    if (connection->state == CONNECTION_READING && queued(connection) > CONNECTION_QUEUED_MAX) {
        block(connection);
    }
}

/* Everything is answered: goes on with the bytes that were left, or with reading. */
static void go_on(struct connection *connection)
{
    struct slice bytes;

    if (put_off(connection)) {
        return;
    }
    connection->state = CONNECTION_READING;
    bytes = unread_begin(&connection->unread);
    if (bytes.len > 0) {
        feed(connection, bytes);
        unread_end(&connection->unread);
        held_note(connection);
    }
    if (connection->state != CONNECTION_READING) {
        return;
    }
    renew_deadline(connection);
    if (!connection->peer_ended) {
        read_start(connection);
    } else if (queued(connection) == 0) {
        connection_close(connection);
    }
}

void connection_answer_later(struct connection *connection)
{
    struct loop *loop = connection->loop;
    struct later *later = connection->later;
    bool keep_alive = !connection->http.is_last && !is_ending(loop);

    assert(connection->state == CONNECTION_WAITING);
    connection->later = NULL;
    connection->has_answered = true;
    later->keep_alive = keep_alive;
    loop_answer_later(loop, later);
    send_output(connection, false);
    loop_reset_output(loop);
    held_look(connection);
    if (connection->state == CONNECTION_CLOSING) {
        return;
    }
    connection->state = CONNECTION_READING;
    if (!keep_alive) {
        finish(connection);
    } else if (queued(connection) > CONNECTION_QUEUED_MAX) {
        block(connection);
    } else {
        go_on(connection);
    }
}

static void on_ended(struct connection *connection)
{
    connection->peer_ended = true;
    if (connection->state == CONNECTION_WAITING) {
        return;
    }
    if (connection->state == CONNECTION_FINISHING ? !connection->has_ended
                                                  : queued(connection) > 0) {
        return; /* the answers that wait are written first */
    }
    connection_close(connection);
}

/* FINISHING: COUNT bytes came for nobody, and what is behind them need not be copied to be dropped. */
static void drop(struct connection *connection, size_t count)
{
    ssize_t more = 0;
    int fd;

    if (uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0) {
        more = recv(fd, NULL, CONNECTION_DROPPED_MAX, MSG_TRUNC | MSG_DONTWAIT);
    }
    connection->dropped += count + (more > 0 ? (size_t)more : 0);
    if (connection->dropped > CONNECTION_DROPPED_MAX) {
        connection_close(connection);
    }
}

static void on_read(uv_stream_t *handle, ssize_t count, const uv_buf_t *buf)
{
    struct connection *connection = handle->data;

    if (connection->state == CONNECTION_CLOSING || count == 0) {
        return;
    }
    if (count == UV_ENOBUFS) {
        put_off(connection);
    } else if (count == UV_EOF) {
        on_ended(connection);
    } else if (count < 0) {
        connection_close(connection);
    } else if (connection->state == CONNECTION_READING) {
        feed(connection, slice_of(buf->base, (size_t)count));
    } else if (connection->state == CONNECTION_FINISHING) {
        drop(connection, (size_t)count);
    } else if (connection->state == CONNECTION_WAITING) {
        uv_read_stop(stream(connection));
        unread_keep(&connection->unread, slice_of(buf->base, (size_t)count));
        held_look(connection);
    }
}

bool connection_accept(struct loop *loop, int fd, uint64_t member)
{
    struct connection *connection = memory_calloc(1, sizeof *connection);

    connection->loop = loop;
    connection->member = member;
    connection->tcp.data = connection;
    connection->state = CONNECTION_READING;
    connection->is_fresh = true;
    http_init(&connection->http, &handler, connection);
    connection->http.body_max = loop->bounds.body_size;
    if (uv_tcp_init(&loop->uv, &connection->tcp) != 0) {
        http_free(&connection->http);
        free(connection);
        return false;
    }
    loop_add(loop, connection);
    set_deadline(connection, loop->bounds.first_ms);
    if (uv_tcp_open(&connection->tcp, fd) == 0) {
        read_start(connection);
    } else {
        close(fd);
        connection_close(connection);
    }
    return true;
}

/* ---- time ---- */

void connection_stop(struct connection *connection)
{
    if (connection->is_fresh) {
        set_deadline(connection, CONNECTION_FRESH_MS);
    } else if (connection->state == CONNECTION_READING && connection->http.stage == STAGE_IDLE) {
        finish(connection);
    } else if (connection->state == CONNECTION_WAITING ||
               connection->deadline_ms > connection->loop->stop_deadline_ms) {
        connection->deadline_ms = connection->loop->stop_deadline_ms;
    }
}

/* The client is told, unless it does not read either. */
static void cut(struct connection *connection)
{
    struct loop *loop = connection->loop;

    if (connection->state != CONNECTION_READING || connection->http.stage == STAGE_IDLE ||
        queued(connection) > 0) {
        connection_close(connection);
        return;
    }
    refuse(connection, 408);
    send_output(connection, false);
    loop_reset_output(loop);
    if (connection->state != CONNECTION_CLOSING) {
        finish(connection);
    }
}

void connection_check_time(struct connection *connection)
{
    size_t left = queued(connection);

    if (connection->state == CONNECTION_WAITING && !connection->loop->is_stopping) {
        return;
    }
    if (left != connection->queued_seen) {
        connection->queued_seen = left;
        if (left > 0) {
            set_deadline(connection, connection->loop->bounds.send_ms);
        } else if (connection->state == CONNECTION_READING) {
            connection->has_answered = true; /* only now has it all of its answer */
            renew_deadline(connection);
        }
    }
    if (uv_now(&connection->loop->uv) >= connection->deadline_ms) {
        cut(connection);
    }
}
