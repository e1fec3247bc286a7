#include "service/server.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uv.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/progress.h"
#include "replica/root.h"
#include "service/listener.h"
#include "service/loop.h"
#include "service/swap.h"

enum { SIGNALS = 3 };

struct server {
    const struct server_options *options;
    uv_loop_t control; /* signals and the swap */
    uv_signal_t signals[SIGNALS];
    struct swap swap;
    char address[ADDRESS_TEXT_MAX];
    int listen_fds[SERVER_THREADS_MAX]; /* -1: taken by its loop, or closed */
    unsigned thread_count;
    struct loop *loops[SERVER_THREADS_MAX];
    unsigned loop_count;
    bool is_stopping;
    bool is_opening; /* a release was being opened when the stop began */
};

/* ---- the end ---- */

static void begin_stop(struct server *server)
{
    if (server->is_stopping) {
        return;
    }
    server->is_stopping = true;
    server->is_opening = swap_stop(&server->swap);
    for (unsigned i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&server->signals[i], NULL);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;

    if (number == SIGHUP) {
        log_info("reload", "signal=%d", number);
        swap_reload(&server->swap);
        return;
    }
    log_info("stopping", "signal=%d", number);
    begin_stop(server);
    uv_stop(handle->loop);
}

static void stop_loops(struct server *server)
{
    for (unsigned i = 0; i < server->loop_count; i++) {
        if (server->loops[i]->has_thread) {
            loop_stop(server->loops[i]);
        }
    }
    for (unsigned i = 0; i < server->loop_count; i++) {
        loop_join(server->loops[i]);
        loop_close(server->loops[i]);
    }
    server->loop_count = 0;
}

/* ---- the start ---- */

static void on_plan(void *context, struct plan *plan)
{
    struct server *server = context;

    for (unsigned i = 0; i < server->loop_count; i++) {
        loop_offer(server->loops[i], plan_hold(plan));
    }
    plan_drop(plan);
}

/* A connection is a file descriptor; the soft limit is often 1024. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/*
 * A write to a broken connection is an error, no signal; a parent may have blocked the others. A
 * SIGHUP before there is anything to reload asks for nothing.
 */
static void prepare_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static enum err start_control(struct server *server, const char *dir, struct errmsg *msg)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    int result = uv_loop_init(&server->control);

    if (result != 0) {
        return err_set(msg, ERR_SYSTEM, "start an event loop: %s", uv_strerror(result));
    }
    for (unsigned i = 0; i < SIGNALS; i++) {
        uv_signal_init(&server->control, &server->signals[i]);
        server->signals[i].data = server;
        uv_signal_start(&server->signals[i], on_signal, numbers[i]);
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

static enum err start_loops(struct server *server, struct plan *plan, struct errmsg *msg)
{
    unsigned connections = server->options->connections;
    enum err rc = ERR_NONE;

    if (connections == 0) {
        connections = SERVER_CONNECTIONS_MAX;
    }
    for (unsigned i = 0; i < server->thread_count && rc == ERR_NONE; i++) {
        int fd = server->listen_fds[i];

        server->listen_fds[i] = -1;
        rc = loop_open(fd, (connections + server->thread_count - 1) / server->thread_count, plan,
                       &server->loops[i], msg);
        server->loop_count += rc == ERR_NONE;
    }
    for (unsigned i = 0; i < server->loop_count && rc == ERR_NONE; i++) {
        rc = loop_start(server->loops[i], msg);
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
    rc = plan_open(*dir, options->verify, plan, msg);
    if (rc == ERR_NONE) {
        log_info("release_opened", "release=%s verified=%s ms=%" PRId64, (*plan)->release_name,
                 options->verify ? "yes" : "no", monotonic_ms() - started_ms);
    }
    return rc;
}

/*
 * Verifying a large release may take minutes and cannot be interrupted. It only reads, so nothing
 * is lost when the process ends in the middle of it, instead of waiting for it.
 */
static void end_control(struct server *server)
{
    if (server->is_opening) {
        log_info("stopped", "opening=abandoned");
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
    rc = start_loops(server, plan, msg);
    if (rc == ERR_NONE) {
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
    server->swap.root = options->root;
    server->swap.verify = options->verify;
    server->swap.on_plan = on_plan;
    server->swap.context = server;
    return server;
}

/* The address is had first: a mistake in it is told before a large release is verified. */
enum err server_run(const struct server_options *options, struct errmsg *msg)
{
    struct server *server = server_make(options);
    struct plan *plan = NULL;
    char *dir = NULL;
    enum err rc;

    prepare_signals();
    raise_file_limit();
    rc = listeners_open(options->listen, server->thread_count, server->listen_fds, server->address,
                        msg);
    if (rc != ERR_NONE) {
        goto out;
    }
    rc = open_first(options, &dir, &plan, msg);
    if (rc == ERR_NONE) {
        rc = serve(server, dir, plan, msg);
    }
    for (unsigned i = 0; i < server->thread_count; i++) {
        if (server->listen_fds[i] >= 0) {
            close(server->listen_fds[i]);
        }
    }
out:
    free(server);
    free(dir);
    return rc;
}
