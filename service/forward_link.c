#include "service/forward_link.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"

static uv_stream_t *stream(struct link *link)
{
    return (uv_stream_t *)&link->tcp;
}

/* ---- the end of a connection ---- */

static void link_detach(struct link *link)
{
    struct forwarder *forwarder = link->forwarder;

    if (link->previous != NULL) {
        link->previous->next = link->next;
    } else {
        forwarder->links = link->next;
    }
    if (link->next != NULL) {
        link->next->previous = link->previous;
    }
}

static void link_attach(struct link *link)
{
    struct forwarder *forwarder = link->forwarder;

    link->previous = NULL;
    link->next = forwarder->links;
    if (link->next != NULL) {
        link->next->previous = link;
    }
    forwarder->links = link;
}

static void on_link_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    struct forwarder *forwarder = link->forwarder;

    assert(link->state == LINK_CLOSING);
    link_detach(link);
    free(link);
    forwarder_check_closed(forwarder);
}

void forward_link_close(struct link *link)
{
    if (link->state == LINK_CLOSING) {
        return;
    }
    link->forwarder->connecting_count -= link->state == LINK_CONNECTING;
    link->forwarder->link_count--;
    link->state = LINK_CLOSING;
    uv_close((uv_handle_t *)&link->tcp, on_link_closed);
}

/* A BUSY connection ended without a whole answer. */
static void link_lose(struct link *link, bool may_repeat)
{
    struct forwarder *forwarder = link->forwarder;
    struct forward *forward = link->forward;

    forward_link_close(link);
    primary_answer_free(&forward->answer);
    primary_answer_init(&forward->answer);
    if (may_repeat && forward->is_repeatable && !forward->is_repeated) {
        forward->is_repeated = true;
        forwarder_requeue(forwarder, forward);
    } else {
        forwarder_fail(forwarder, forward);
    }
    forwarder_pump(forwarder);
}

/* ---- a request on a connection ---- */

static void link_idle(struct link *link)
{
    link->state = LINK_IDLE;
    link->forward = NULL;
    link->deadline_ms = uv_now(link->forwarder->uv) + FORWARD_IDLE_MS;
    link_detach(link);
    link_attach(link);
}

static void on_answer(struct link *link)
{
    struct forwarder *forwarder = link->forwarder;
    struct forward *forward = link->forward;

    if (forward->answer.keeps_alive && !link->is_writing) {
        link_idle(link);
    } else {
        forward_link_close(link);
    }
    forwarder_finish(forwarder, forward, FORWARD_ANSWERED);
    forwarder_pump(forwarder);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct link *link = handle->data;

    (void)suggested;
    *out = uv_buf_init(link->forwarder->input, FORWARD_INPUT_SIZE);
}

static void on_read(uv_stream_t *handle, ssize_t count, const uv_buf_t *buf)
{
    struct link *link = handle->data;

    if (link->state == LINK_CLOSING || count == 0) {
        return;
    }
    if (link->state != LINK_BUSY) {
        forward_link_close(link); /* it ended, or says what it was not asked */
    } else if (count < 0 ||
               !primary_answer_feed(&link->forward->answer, slice_of(buf->base, (size_t)count))) {
        link_lose(link, true);
    } else if (link->forward->answer.is_whole) {
        on_answer(link);
    }
}

/* A write that fails is seen by the reader, too, after an answer that may be there already. */
static void on_written(uv_write_t *request, int status)
{
    struct link *link = request->data;

    (void)status;
    link->is_writing = false;
}

bool forward_link_start(struct link *link, struct forward *forward)
{
    uv_buf_t buf = uv_buf_init((char *)forward->request.ptr, (unsigned)forward->request.len);
    int sent = uv_try_write(stream(link), &buf, 1);

    if (sent < 0 && sent != UV_EAGAIN) {
        return false;
    }
    sent = sent < 0 ? 0 : sent;
    link->state = LINK_BUSY;
    link->forward = forward;
    forward->is_sent = true;
    if ((size_t)sent < forward->request.len) {
        buf = uv_buf_init(buf.base + sent, (unsigned)forward->request.len - (unsigned)sent);
        link->write.data = link;
        link->is_writing = uv_write(&link->write, stream(link), &buf, 1, on_written) == 0;
    }
    return true;
}

/* ---- new connections ---- */

/* CONNECTING: goes on with the next address, or gives up. */
static void link_fail(struct link *link, int status)
{
    struct forwarder *forwarder = link->forwarder;
    bool is_late = uv_now(forwarder->uv) >= link->deadline_ms;

    forward_link_close(link);
    if (is_late || link->tries + 1 >= forwarder->address_count) {
        forwarder_give_up(forwarder, is_late ? "it does not answer" : uv_strerror(status));
    } else {
        forward_link_connect(forwarder, (link->address + 1) % forwarder->address_count,
                             link->tries + 1, link->deadline_ms);
    }
}

static void on_connected(uv_connect_t *request, int status)
{
    struct link *link = request->data;
    struct forwarder *forwarder = link->forwarder;

    if (link->state == LINK_CLOSING) {
        return;
    }
    if (status == 0) {
        uv_tcp_nodelay(&link->tcp, 1);
        status = uv_read_start(stream(link), on_alloc, on_read);
    }
    if (status != 0) {
        link_fail(link, status);
        return;
    }
    forwarder->connecting_count--;
    forwarder->address_preferred = link->address;
    link_idle(link);
    forwarder_pump(forwarder);
}

void forward_link_connect(struct forwarder *forwarder, unsigned address, unsigned tries,
                          uint64_t deadline_ms)
{
    struct link *link = memory_calloc(1, sizeof *link);
    int result = uv_tcp_init(forwarder->uv, &link->tcp);

    if (result != 0) {
        free(link);
        forwarder_give_up(forwarder, uv_strerror(result));
        return;
    }
    link->forwarder = forwarder;
    link->tcp.data = link;
    link->connect.data = link;
    link->state = LINK_CONNECTING;
    link->address = address;
    link->tries = tries;
    link->deadline_ms = deadline_ms;
    link_attach(link);
    forwarder->link_count++;
    forwarder->connecting_count++;
    result = uv_tcp_connect(&link->connect, &link->tcp,
                            (const struct sockaddr *)&forwarder->addresses[address], on_connected);
    if (result != 0) {
        link_fail(link, result);
    }
}

/* ---- time ---- */

void forward_link_check_time(struct link *link, uint64_t now_ms)
{
    if (link->state == LINK_BUSY && now_ms >= link->forward->deadline_ms) {
        link_lose(link, false);
    } else if (link->state == LINK_CONNECTING && now_ms >= link->deadline_ms) {
        link_fail(link, UV_ETIMEDOUT);
    } else if (link->state == LINK_IDLE && now_ms >= link->deadline_ms) {
        forward_link_close(link);
    }
}
