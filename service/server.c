#include "service/server.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "replica/root.h"
#include "service/admin.h"
#include "service/cold.h"
#include "service/crowd.h"
#include "service/forward.h"
#include "service/held.h"
#include "service/listener.h"
#include "service/loop.h"
#include "service/scrubber.h"
#include "service/startup.h"
#include "service/status.h"
#include "service/swap.h"
#include "service/writes.h"

enum {
    SIGNALS = 4,
    SPREAD_AFTER_MS = 600000, /* when who ran before is gone, however long it drained */
};

struct server {
    const struct server_options *options;
    uv_loop_t control; /* signals and the swap */
    uv_signal_t signals[SIGNALS];
    uv_timer_t timer; /* until a leftover of who ran before is removed; draining: until the stop */
    struct swap swap;
    struct status status;
    struct writes writes;
    struct crowd *crowd;    /* of the loops, or NULL */
    struct held held;       /* by the clients of the loops */
    struct cold_pool *cold; /* NULL: the loops wait for the disk */
    struct scrubber scrubber;
    uv_async_t mended;                        /* the scrubber's word that files were replaced */
    struct plan *plan;                        /* that is served, one reference */
    _Atomic(const struct plan *) mended_plan; /* whose files were replaced */
    struct admin *admin;
    struct access_log *access; /* or NULL */
    char address[ADDRESS_TEXT_MAX];
    int listen_fds[SERVER_THREADS_MAX]; /* -1: taken by its loop, or closed */
    unsigned thread_count;
    struct loop *loops[SERVER_THREADS_MAX];
    unsigned loop_count;
    bool is_draining;
    bool is_stopping;
    bool is_opening;   /* a release was being opened when the stop began */
    bool is_repairing; /* a file was being repaired then */
};

/* ---- the end ---- */

/* New connections are another process's from now on. */
static void yield(const struct server *server, enum yield_to to)
{
    if (!listeners_are_passed(server->options->listen)) {
        listeners_yield(server->loops[0]->acceptor.fd, server->loop_count, to);
    }
}

static void begin_stop(struct server *server)
{
    if (server->is_stopping) {
        return;
    }
    server->is_stopping = true;
    if (server->is_draining) {
        yield(server, YIELD_TO_ONE);
    }
    status_stop(&server->status);
    uv_close((uv_handle_t *)&server->timer, NULL);
    server->is_opening = swap_stop(&server->swap);
    server->is_repairing = !scrubber_stop(&server->scrubber);
    for (unsigned i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&server->signals[i], NULL);
    }
    if (!server->is_repairing) { /* otherwise its thread may use it, until the process ends */
        uv_close((uv_handle_t *)&server->mended, NULL);
    }
}

static void on_drained(uv_timer_t *timer)
{
    begin_stop(timer->data);
    uv_stop(timer->loop);
}

/* Its loops go on accepting: there may be nobody else who does. */
static void begin_drain(struct server *server)
{
    server->is_draining = true;
    status_stop(&server->status);
    yield(server, YIELD_TO_ALL);
    for (unsigned i = 0; i < server->loop_count; i++) {
        loop_drain(server->loops[i]);
    }
    uv_timer_start(&server->timer, on_drained, (uint64_t)server->options->drain_ms, 0);
}

static void on_spread(uv_timer_t *timer)
{
    struct server *server = timer->data;

    listeners_spread(server->loops[0]->acceptor.fd);
}

static void reload(struct server *server)
{
    scrubber_hurry(&server->scrubber);
    swap_reload(&server->swap);
    if (release_is_replaced(server->plan->release)) {
        swap_reopen(&server->swap, server->plan->release->dir);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;

    if (number == SIGHUP || number == SIGUSR1) {
        log_info(number == SIGHUP ? "reload" : "reopen", "signal=%d", number);
        if (server->access != NULL) {
            access_log_reopen(server->access);
        }
        if (number == SIGHUP) {
            reload(server);
        }
        return;
    }
    if (server->options->drain_ms > 0 && !server->is_draining) {
        log_info("draining", "signal=%d ms=%" PRId64, number, server->options->drain_ms);
        begin_drain(server);
        return;
    }
    log_info("stopping", "signal=%d", number);
    begin_stop(server);
    uv_stop(handle->loop);
}

/*
 * The admin tells of the loops until they have ended. Writes and cold reads that are at work then have
 * nobody who waits for them; they are brought to their end before the loops they came from are closed.
 */
static void stop_loops(struct server *server)
{
    admin_stop(server->admin);
    for (unsigned i = 0; i < server->loop_count; i++) {
        if (server->loops[i]->has_thread) {
            loop_stop(server->loops[i]);
        }
    }
    for (unsigned i = 0; i < server->loop_count; i++) {
        loop_join(server->loops[i]);
    }
    admin_close(server->admin);
    server->admin = NULL;
    writes_close(&server->writes);
    cold_pool_close(server->cold);
    server->cold = NULL;
    for (unsigned i = 0; i < server->loop_count; i++) {
        loop_close(server->loops[i]);
    }
    server->loop_count = 0;
    access_log_close(server->access);
    server->access = NULL;
}

/* ---- the start ---- */

/* PLAN is served from now on, by the loops that there are. */
static void note_plan(struct server *server, struct plan *plan)
{
    plan_drop(server->plan);
    server->plan = plan_hold(plan);
    status_serve(&server->status, plan, timestamp_now_ms());
    scrubber_serve(&server->scrubber, plan);
}

static void on_plan(void *context, struct plan *plan)
{
    struct server *server = context;

    note_plan(server, plan);
    writes_define(&server->writes, plan->release->definition);
    if (server->cold != NULL) {
        cold_pool_serve(server->cold, plan_hold(plan));
    }
    for (unsigned i = 0; i < server->loop_count; i++) {
        loop_offer(server->loops[i], plan_hold(plan));
    }
    plan_drop(plan);
}

static void on_refused(void *context)
{
    struct server *server = context;

    status_refused(&server->status, server->swap.target, &server->swap.msg, timestamp_now_ms());
}

/* On the scrubber's thread, which ends before this handle is closed. */
static void on_mended(void *context, const struct plan *plan)
{
    struct server *server = context;

    atomic_store(&server->mended_plan, plan);
    uv_async_send(&server->mended);
}

static void on_mended_wake(uv_async_t *wake)
{
    struct server *server = wake->data;

    if (atomic_load(&server->mended_plan) == server->plan) { /* otherwise that has been done */
        swap_reopen(&server->swap, server->plan->release->dir);
    }
}

static enum err start_control(struct server *server, const char *dir, struct errmsg *msg)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    int result = uv_loop_init(&server->control);

    if (result != 0) {
        return err_set(msg, ERR_SYSTEM, "start an event loop: %s", uv_strerror(result));
    }
    for (unsigned i = 0; i < SIGNALS; i++) {
        uv_signal_init(&server->control, &server->signals[i]);
        server->signals[i].data = server;
        uv_signal_start(&server->signals[i], on_signal, numbers[i]);
    }
    server->timer.data = server;
    uv_timer_init(&server->control, &server->timer);
    server->mended.data = server;
    result = uv_async_init(&server->control, &server->mended, on_mended_wake);
    if (result != 0) {
        return err_set(msg, ERR_SYSTEM, "start an event loop: %s", uv_strerror(result));
    }
    return swap_start(&server->swap, &server->control, dir, msg);
}

static unsigned thread_count(const struct server_options *options)
{
    unsigned count = options->threads;

    if (count == 0) {
        count = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    }
    return count > SERVER_THREADS_MAX ? SERVER_THREADS_MAX : count;
}

/* Descriptors that clients leave: to the admin listener, and to the connections that forward. */
static unsigned spared(const struct server *server)
{
    return BOUNDS_SPARED +
           (server->options->primary == NULL ? 0 : FORWARD_LINKS_MAX * server->thread_count);
}

static enum err start_loops(struct server *server, struct plan *plan, struct errmsg *msg)
{
    struct bounds bounds = server->options->bounds;
    enum err rc = ERR_NONE;

    bounds.connections = (bounds.connections + server->thread_count - 1) / server->thread_count;
    bounds.spared = spared(server);
    if (server->options->connections_per_address > 0) {
        server->crowd =
            crowd_make(server->options->connections_per_address,
                       bounds.connections * server->thread_count, &server->options->proxies);
        bounds.crowd = server->crowd;
    }
    server->held.most = server->options->held_size;
    server->held.loop_count = server->thread_count;
    bounds.held = &server->held;
    if (server->options->cold_threads > 0) {
        rc = cold_pool_open(server->options->cold_threads, COLD_WAITING_MAX, plan, &server->cold,
                            msg);
    }
    for (unsigned i = 0; i < server->thread_count && rc == ERR_NONE; i++) {
        int fd = server->listen_fds[i];

        server->listen_fds[i] = -1;
        rc = loop_open(fd, &bounds, plan, &server->writes, server->cold, &server->loops[i], msg);
        server->loop_count += rc == ERR_NONE;
        if (rc == ERR_NONE) {
            server->loops[i]->answerer.gzip.is_off = server->options->no_gzip;
        }
    }
    for (unsigned i = 0; i < server->loop_count && rc == ERR_NONE; i++) {
        access_init(&server->loops[i]->access, server->access, &server->options->proxies);
        rc = loop_start(server->loops[i], msg);
    }
    if (rc == ERR_NONE && server->admin != NULL) {
        admin_set_loops(server->admin, server->loops, server->loop_count);
    }
    return rc;
}

/* A source that is away is no reason not to serve; a URL that is none is told at once. */
static enum err start_writes(struct server *server, const struct plan *plan, struct errmsg *msg)
{
    enum err rc;

    if (server->options->primary != NULL) {
        writes_forward(&server->writes, server->options->primary,
                       server->options->forward_timeout_ms);
        status_take_writes(&server->status, &server->writes);
    }
    if (server->options->source == NULL) {
        return ERR_NONE;
    }
    rc = writes_open(&server->writes, server->options->source, plan->release->definition, msg);
    if (rc == ERR_NONE) {
        status_take_writes(&server->status, &server->writes);
    }
    return rc;
}

static enum err start_scrubber(struct server *server, struct errmsg *msg)
{
    return server->options->scrub_bytes_per_second == 0 ? ERR_NONE
                                                        : scrubber_start(&server->scrubber, msg);
}

static enum err start_admin(struct server *server, struct errmsg *msg)
{
    char address[ADDRESS_TEXT_MAX];
    int fd = -1;
    enum err rc;

    if (server->options->admin == NULL) {
        return ERR_NONE;
    }
    rc = listeners_open(server->options->admin, 1, &fd, address, msg);
    if (rc == ERR_NONE) {
        rc = admin_open(fd, server->options, &server->status, server->access, &server->admin, msg);
    }
    if (rc == ERR_NONE) {
        log_info("admin_listening", "address=%s", address);
    }
    return rc;
}

static enum err open_first(const struct server_options *options, char **dir, struct plan **plan,
                           struct errmsg *msg)
{
    int64_t started_ms = monotonic_ms();
    enum err rc = root_current(options->root, dir, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    rc = plan_open(*dir, &options->check, plan, msg);
    if (rc == ERR_NONE) {
        log_info("release_opened", "release=%s verified=%s ms=%" PRId64, (*plan)->release_name,
                 options->check.verify ? "yes" : "no", monotonic_ms() - started_ms);
    }
    return rc;
}

/*
 * Verifying a large release, or fetching a file, may take minutes and cannot be interrupted. The one
 * only reads and the other may be killed at any moment, so nothing is lost when the process ends in
 * the middle of it, instead of waiting for it.
 */
static void end_control(struct server *server)
{
    if (server->is_opening || server->is_repairing) {
        log_info("stopped", "%s=abandoned", server->is_opening ? "opening" : "repair");
        _exit(0);
    }
    uv_run(&server->control, UV_RUN_DEFAULT);
    uv_loop_close(&server->control);
    swap_free(&server->swap);
}

/* Serves PLAN, the release in DIR, until a signal comes; drops the caller's reference. */
static enum err serve(struct server *server, const char *dir, struct plan *plan, struct errmsg *msg)
{
    enum err rc = start_control(server, dir, msg);

    if (rc != ERR_NONE) {
        plan_drop(plan);
        return rc;
    }
    rc = start_scrubber(server, msg);
    if (rc == ERR_NONE) {
        rc = start_writes(server, plan, msg);
    }
    if (rc == ERR_NONE) {
        rc = start_loops(server, plan, msg);
    }
    if (rc == ERR_NONE) {
        note_plan(server, plan);
        uv_timer_start(&server->timer, on_spread, SPREAD_AFTER_MS, 0);
        log_info("listening", "address=%s threads=%u release=%s", server->address,
                 server->thread_count, plan->release_name);
    }
    plan_drop(plan); /* each loop has its own reference */
    if (rc == ERR_NONE) {
        uv_run(&server->control, UV_RUN_DEFAULT);
    }
    begin_stop(server);
    stop_loops(server);
    end_control(server);
    if (rc == ERR_NONE) {
        log_info("stopped", "opening=none");
    }
    return rc;
}

static struct server *server_make(const struct server_options *options)
{
    struct server *server = memory_calloc(1, sizeof *server);

    server->options = options;
    server->thread_count = thread_count(options);
    for (unsigned i = 0; i < server->thread_count; i++) {
        server->listen_fds[i] = -1;
    }
    server->swap.root = options->root;
    server->swap.check = options->check;
    server->swap.on_plan = on_plan;
    server->swap.on_refused = on_refused;
    server->swap.context = server;
    server->scrubber.bytes_per_second = options->scrub_bytes_per_second;
    server->scrubber.every_ms = options->scrub_every_ms;
    server->scrubber.repair = options->repair;
    server->scrubber.status = &server->status;
    server->scrubber.on_mended = on_mended;
    server->scrubber.context = server;
    writes_init(&server->writes, options->write_rate, &options->proxies);
    status_init(&server->status, timestamp_now_ms(), options->max_age_ms);
    return server;
}

static void server_free(struct server *server)
{
    admin_close(server->admin);
    for (unsigned i = 0; i < server->thread_count; i++) {
        if (server->listen_fds[i] >= 0) {
            close(server->listen_fds[i]);
        }
    }
    writes_close(&server->writes);
    crowd_free(server->crowd);
    scrubber_free(&server->scrubber);
    status_free(&server->status);
    plan_drop(server->plan);
    access_log_close(server->access);
    free(server);
}

/* The addresses are had first: a mistake in them is told before a large release is verified. */
enum err server_run(const struct server_options *options, struct errmsg *msg)
{
    struct server *server = server_make(options);
    struct plan *plan = NULL;
    char *dir = NULL;
    enum err rc;

    startup_prepare();
    rc = listeners_open(options->listen, server->thread_count, server->listen_fds, server->address,
                        msg);
    if (rc == ERR_NONE && options->access.path != NULL) {
        rc = access_log_open(&options->access, &server->access, msg);
    }
    if (rc == ERR_NONE) {
        rc = start_admin(server, msg);
    }
    if (rc == ERR_NONE) {
        rc = open_first(options, &dir, &plan, msg);
    }
    if (rc == ERR_NONE) {
        rc = serve(server, dir, plan, msg);
    }
    server_free(server);
    free(dir);
    return rc;
}
