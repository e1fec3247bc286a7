#include "service/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/priority.h"
#include "service/connection.h"
#include "service/crowd.h"
#include "service/held.h"
#include "service/traffic.h"

enum {
    OUTPUT_SLACK = 64 << 10, /* heads */
    OUTPUT_MAX = CONNECTION_QUEUED_MAX + BOUNDS_ANSWER_MAX + OUTPUT_SLACK,
};

void loop_add(struct loop *loop, struct connection *connection)
{
    connection->next = loop->connections;
    if (loop->connections != NULL) {
        loop->connections->previous = connection;
    }
    loop->connections = connection;
    loop->connection_count++;
}

static void close_handles(struct loop *loop)
{
    if (!loop->is_closed) {
        loop->is_closed = true;
        later_queue_mute(&loop->ready);
        forwarder_close(loop->answerer.relay.forwarder);
        uv_close((uv_handle_t *)&loop->wake, NULL);
        uv_close((uv_handle_t *)&loop->tick, NULL);
        uv_close((uv_handle_t *)&loop->sleep, NULL);
    }
}

void loop_remove(struct loop *loop, struct connection *connection)
{
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        loop->connections = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    loop->connection_count--;
    crowd_leave(loop->bounds.crowd, connection->member);
    acceptor_resume(&loop->acceptor);
    if (loop->is_stopping && loop->connection_count == 0) {
        close_handles(loop);
    }
}

void loop_reset_output(struct loop *loop)
{
    access_sent(&loop->access, meter_sent(&loop->meter));
    if (loop->out.capacity > LOOP_OUTPUT_KEPT) {
        buffer_free(&loop->out);
    }
    buffer_clear(&loop->out);
}

/* Whether there is room for a connection from PEER; *MEMBER is its place among those of its address. */
static bool has_room(struct loop *loop, const struct sockaddr *peer, uint64_t *member)
{
    struct address address;

    *member = 0;
    if (loop->connection_count >= loop->bounds.connections) {
        return false;
    }
    if (loop->bounds.crowd != NULL && address_from_socket(peer, &address) &&
        !crowd_enter(loop->bounds.crowd, &address, member)) {
        loop->crowded_count++;
        return false;
    }
    return true;
}

static void on_connection(void *context, int fd, const struct sockaddr *peer)
{
    struct loop *loop = context;
    uint64_t member;

    if (has_room(loop, peer, &member)) {
        if (connection_accept(loop, fd, member)) {
            meter_add(&loop->meter.accepted, 1);
            return;
        }
        crowd_leave(loop->bounds.crowd, member);
    }
    loop->refused_count++;
    meter_add(&loop->meter.refused, 1);
    close(fd);
}

static void on_sleep(uv_prepare_t *sleep)
{
    struct loop *loop = sleep->data;

    loop->meter.is_stale = true;
    loop->turn++;
}

static void on_tick(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    uint64_t states[METER_STATES] = {0};
    struct connection *next;

    for (struct connection *at = loop->connections; at != NULL; at = next) {
        next = at->next;
        connection_check_time(at);
        states[connection_state(at)]++;
    }
    held_check(loop);
    for (unsigned i = 0; i < METER_STATES; i++) {
        atomic_store_explicit(&loop->meter.states[i], states[i], memory_order_relaxed);
    }
    if (loop->acceptor.is_paused) {
        log_warn("accepting_paused", "open=%u reason=\"no file descriptor is left for them\"",
                 loop->connection_count);
        acceptor_resume(&loop->acceptor);
    }
    if (loop->access.log != NULL) {
        access_flush(&loop->access);
    }
    if (!loop->is_stopping) {
        changeover_look(&loop->changeover);
    }
    if (loop->refused_count > 0) {
        log_warn("connections_refused", "count=%u by_address=%u open=%u most=%u",
                 loop->refused_count, loop->crowded_count, loop->connection_count,
                 loop->bounds.connections);
        loop->refused_count = 0;
        loop->crowded_count = 0;
    }
    if (loop->outstayed_count > 0) {
        log_warn("connections_outstayed", "count=%u held=%zu most=%zu", loop->outstayed_count,
                 atomic_load(&loop->bounds.held->bytes), loop->bounds.held->most);
        loop->outstayed_count = 0;
    }
}

/* The client of LATER is gone. */
static void note_lost(struct loop *loop, struct later *later)
{
    if (later->kept != NULL) {
        access_answered_later(&loop->access, later->kept, 0, 0);
        access_sent(&loop->access, 0);
    }
}

static void answer_ready(struct loop *loop)
{
    struct later *next;

    for (struct later *at = later_queue_take(&loop->ready); at != NULL; at = next) {
        next = at->next;
        if (at->connection == NULL) {
            note_lost(loop, at);
            at->answer(at, NULL);
        } else {
            connection_answer_later(at->connection);
        }
    }
}

/* No answer from the plan before is half written: each is written where its request is read. */
static void on_served(void *context, struct served *served)
{
    struct loop *loop = context;

    answerer_exchange(&loop->answerer, served);
    meter_serve(&loop->meter, loop->answerer.served.plan->release->definition);
}

static void begin_stop(struct loop *loop)
{
    struct connection *next;

    loop->is_stopping = true;
    loop->stop_deadline_ms = uv_now(&loop->uv) + LOOP_STOP_MS;
    acceptor_close(&loop->acceptor);
    changeover_offer(&loop->changeover, NULL); /* nobody is left to be served another release */
    for (struct connection *at = loop->connections; at != NULL; at = next) {
        next = at->next;
        connection_stop(at);
    }
    if (loop->connection_count == 0) {
        close_handles(loop);
    }
}

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;

    if (!loop->is_stopping) {
        changeover_look(&loop->changeover);
    }
    answer_ready(loop);
    loop->is_draining = atomic_load(&loop->drain_asked);
    if (atomic_load(&loop->stop_asked) && !loop->is_stopping) {
        begin_stop(loop);
    }
}

/* The handles cannot fail on their own; what can is the socket, and memory for the loop. */
static enum err init_handles(struct loop *loop, int listen_fd, struct errmsg *msg)
{
    int result = uv_loop_init(&loop->uv);

    if (result != 0) {
        return err_set(msg, ERR_SYSTEM, "start an event loop: %s", uv_strerror(result));
    }
    loop->acceptor.on_connection = on_connection;
    loop->acceptor.context = loop;
    loop->acceptor.spared = loop->bounds.spared;
    loop->wake.data = loop;
    loop->tick.data = loop;
    loop->sleep.data = loop;
    result = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (result != 0) {
        uv_loop_close(&loop->uv);
        return err_set(msg, ERR_SYSTEM, "start an event loop: %s", uv_strerror(result));
    }
    uv_timer_init(&loop->uv, &loop->tick);
    uv_timer_start(&loop->tick, on_tick, LOOP_TICK_MS, LOOP_TICK_MS);
    uv_prepare_init(&loop->uv, &loop->sleep);
    uv_prepare_start(&loop->sleep, on_sleep);
    result = acceptor_open(&loop->acceptor, &loop->uv, listen_fd);
    if (result != 0) {
        begin_stop(loop);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        uv_loop_close(&loop->uv);
        return err_set(msg, ERR_SYSTEM, "listen: %s", uv_strerror(result));
    }
    return ERR_NONE;
}

/* The answer that begins at BEFORE in OUT was appended by the route of TALLY. */
static void note_answer(struct loop *loop, struct tally *tally, size_t before,
                        const struct buffer *out)
{
    meter_answered(&loop->meter, tally, loop->answerer.heads.status, out->len - before);
}

static struct later *answer_from_plan(void *context, const struct request *request,
                                      struct buffer *out)
{
    struct loop *loop = context;
    size_t before = out->len;
    struct later *later;
    struct tally *tally;

    meter_begin(&loop->meter);
    later = answer_request(&loop->answerer, request, out);
    tally = meter_tally(&loop->meter, loop->answerer.route);
    if (later != NULL) {
        later->mark = (struct meter_mark){.tally = tally, .started_ns = loop->meter.started_ns};
        later->kept = loop->access.log == NULL ? NULL : access_keep(&loop->access, request);
        return later;
    }
    note_answer(loop, tally, before, out);
    if (loop->access.log != NULL) {
        access_answered(&loop->access, request, loop->answerer.heads.status, out->len - before);
    }
    return NULL;
}

static bool plan_wants_body(void *context, const struct request *request)
{
    struct loop *loop = context;

    return answer_wants_body(&loop->answerer, request);
}

static void refuse_from_plan(void *context, unsigned status, struct slice id, struct buffer *out)
{
    struct loop *loop = context;
    size_t before = out->len;

    meter_begin(&loop->meter);
    answer_refusal(&loop->answerer, status, id, out);
    note_answer(loop, meter_tally(&loop->meter, -1), before, out);
    if (loop->access.log != NULL) {
        access_refused(&loop->access, loop->refused, id, status, out->len - before);
    }
}

void loop_answer_later(struct loop *loop, struct later *later)
{
    struct meter_mark mark = later->mark;
    struct access_kept *kept = later->kept;
    size_t before = loop->out.len;

    later->answer(later, &loop->out);
    if (mark.tally != NULL) {
        meter_resume(&loop->meter, &mark);
        note_answer(loop, mark.tally, before, &loop->out);
    }
    if (kept != NULL) {
        access_answered_later(&loop->access, kept, loop->answerer.heads.status,
                              loop->out.len - before);
    }
}

static struct loop *loop_make(const struct bounds *bounds)
{
    struct loop *loop = memory_calloc(1, sizeof *loop);

    loop->bounds = *bounds;
    atomic_init(&loop->connection_count, 0);
    loop->changeover =
        (struct changeover){.on_served = on_served, .context = loop, .uv = &loop->uv};
    changeover_init(&loop->changeover);
    atomic_init(&loop->drain_asked, false);
    atomic_init(&loop->stop_asked, false);
    request_ids_init(&loop->ids);
    buffer_init(&loop->out, OUTPUT_MAX);
    answerer_init(&loop->answerer);
    loop->answerer.answer_size = bounds->answer_size;
    meter_init(&loop->meter);
    access_init(&loop->access, NULL, NULL);
    later_queue_init(&loop->ready, &loop->wake);
    return loop;
}

/* Its uv loop has ended, or never began. */
static void loop_free(struct loop *loop)
{
    answer_ready(loop);
    later_queue_free(&loop->ready);
    answerer_free(&loop->answerer);
    meter_free(&loop->meter);
    access_free(&loop->access);
    buffer_free(&loop->out);
    free(loop);
}

enum err loop_open_with(int listen_fd, const struct bounds *bounds,
                        const struct loop_answers *answers, struct loop **out, struct errmsg *msg)
{
    struct loop *loop = loop_make(bounds);
    enum err rc = init_handles(loop, listen_fd, msg);

    if (rc != ERR_NONE) {
        loop_free(loop);
        return rc;
    }
    loop->answers = *answers;
    *out = loop;
    return ERR_NONE;
}

enum err loop_open(int listen_fd, const struct bounds *bounds, struct plan *plan,
                   struct writes *writes, struct cold_pool *cold, struct loop **out,
                   struct errmsg *msg)
{
    struct loop *loop = loop_make(bounds);
    enum err rc;

    loop->answerer.writes = writes;
    loop->answerer.cold = cold;
    loop->answerer.ready = &loop->ready;
    rc = answerer_serve(&loop->answerer, plan_hold(plan), msg);
    if (rc != ERR_NONE) {
        close(listen_fd);
    } else {
        rc = init_handles(loop, listen_fd, msg);
    }
    if (rc != ERR_NONE) {
        loop_free(loop);
        return rc;
    }
    if (writes != NULL && writes->primary != NULL) {
        loop->answerer.relay = (struct relay){
            .primary = writes->primary,
            .forwarder = forwarder_open(&loop->uv, writes->primary, writes->forward_timeout_ms),
        };
    }
    meter_serve(&loop->meter, plan->release->definition);
    loop->answers = (struct loop_answers){.request = answer_from_plan,
                                          .wants_body = plan_wants_body,
                                          .refusal = refuse_from_plan,
                                          .context = loop};
    *out = loop;
    return ERR_NONE;
}

static void run(void *argument)
{
    struct loop *loop = argument;

    priority_short_turns();
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

enum err loop_start(struct loop *loop, struct errmsg *msg)
{
    int result = uv_thread_create(&loop->thread, run, loop);

    if (result != 0) {
        return err_set(msg, ERR_SYSTEM, "start a thread: %s", uv_strerror(result));
    }
    loop->has_thread = true;
    return ERR_NONE;
}

void loop_offer(struct loop *loop, struct plan *plan)
{
    changeover_offer(&loop->changeover, plan);
    uv_async_send(&loop->wake);
}

void loop_drain(struct loop *loop)
{
    atomic_store(&loop->drain_asked, true);
    uv_async_send(&loop->wake);
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stop_asked, true);
    uv_async_send(&loop->wake);
}

void loop_add_traffic(const struct loop *loop, struct traffic *traffic)
{
    traffic->connections += atomic_load_explicit(&loop->connection_count, memory_order_relaxed);
    traffic->cold_reads += atomic_load_explicit(&loop->answerer.cold_reads, memory_order_relaxed);
    traffic->cold_refusals +=
        atomic_load_explicit(&loop->answerer.cold_refusals, memory_order_relaxed);
    if (loop->bounds.held != NULL) {
        traffic->held_bytes = atomic_load(&loop->bounds.held->bytes);
    }
    traffic_add(traffic, &loop->meter);
}

void loop_join(struct loop *loop)
{
    if (loop->has_thread) {
        uv_thread_join(&loop->thread);
        loop->has_thread = false;
    }
}

void loop_close(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    if (!loop->is_closed) { /* its thread never ran */
        begin_stop(loop);
    }
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    changeover_close(&loop->changeover);
    loop_free(loop);
}
