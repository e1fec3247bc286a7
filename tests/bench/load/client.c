#include "client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "schedule.h"

enum {
    READ_SIZE = 65536,
    EVENTS = 256,
    CHECK_NS = 10000000, /* between two looks for what takes too long */
    PAUSE_NS = 1000000,  /* of a closed loop after a refused connection */
    LEAD_NS = 10000000,  /* from the start of an open loop to its first request */
};

enum state { CLOSED, OPENING, IDLE, BUSY };

struct connection {
    int fd; /* -1: closed */
    enum state state;
    unsigned route;
    int64_t due_ns; /* of its request */
    int64_t sent_ns;
    int64_t free_ns; /* since when it has none */
    struct answer answer;
};

struct client {
    struct client_options options;
    struct mix *mix;
    struct tally *tally;
    struct schedule schedule;
    struct connection *connections;
    struct connection **free; /* a ring: those without a request, the longest idle first */
    unsigned free_at;
    unsigned free_count;
    int epoll_fd;
    uint64_t started;   /* requests that have a connection */
    uint64_t completed; /* answered or failed */
    char request[MIX_REQUEST_MAX];
    char data[READ_SIZE];
};

static volatile sig_atomic_t is_stopped;

void client_stop(void)
{
    is_stopped = 1;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* ---- connections ---- */

static void put_free(struct client *client, struct connection *connection)
{
    unsigned at = (client->free_at + client->free_count++) % client->options.connections;

    connection->free_ns = now_ns();
    client->free[at] = connection;
}

static struct connection *take_free(struct client *client)
{
    struct connection *connection = client->free[client->free_at];

    client->free_at = (client->free_at + 1) % client->options.connections;
    client->free_count--;
    return connection;
}

static void close_connection(struct connection *connection)
{
    if (connection->fd >= 0) {
        close(connection->fd); /* leaves epoll by itself */
    }
    connection->fd = -1;
    connection->state = CLOSED;
}

/* Begins to connect; false when that failed at once. */
static bool open_connection(struct client *client, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int one = 1;
    int rc;

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connection->fd < 0) {
        die("socket");
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    rc = connect(connection->fd, (const struct sockaddr *)&client->options.address,
                 sizeof client->options.address);
    if (rc < 0 && errno != EINPROGRESS) {
        close_connection(connection);
        return false;
    }
    connection->state = rc == 0 ? IDLE : OPENING;
    event.events |= rc == 0 ? 0 : EPOLLOUT;
    if (epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) < 0) {
        die("epoll_ctl");
    }
    return true;
}

/* ---- requests ---- */

static void begin(struct client *client, struct connection *connection);

static bool is_open_loop(const struct client *client)
{
    return client->options.rate > 0;
}

static bool has_more(const struct client *client)
{
    uint64_t most = client->options.requests_max;

    return is_open_loop(client) ? client->started < client->schedule.total
                                : most == 0 || client->started < most;
}

static int64_t next_due_ns(const struct client *client)
{
    return is_open_loop(client) ? schedule_due_ns(&client->schedule, client->started) : now_ns();
}

/* What a connection does that has come free. */
static void go_on(struct client *client, struct connection *connection)
{
    if (!is_stopped && has_more(client) && client->free_count == 0 &&
        next_due_ns(client) <= now_ns() && connection->state == IDLE) {
        connection->free_ns = now_ns();
        begin(client, connection);
    } else {
        put_free(client, connection);
    }
}

static void fail(struct client *client, struct connection *connection, enum failure failure)
{
    if (failure == FAILURE_CONNECT) { /* of a request that was not made yet */
        (void)mix_next(client->mix, client->request, &connection->route);
    }
    client->tally->routes[connection->route].failures[failure]++;
    client->completed++;
    close_connection(connection);
    put_free(client, connection);
    if (failure == FAILURE_CONNECT && !is_open_loop(client)) {
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
}

static void send_request(struct client *client, struct connection *connection)
{
    size_t size = mix_next(client->mix, client->request, &connection->route);

    connection->state = BUSY;
    connection->sent_ns = now_ns();
    answer_reset(&connection->answer);
    /* A request is smaller than an empty socket buffer. */
    if (send(connection->fd, client->request, size, MSG_NOSIGNAL) != (ssize_t)size) {
        fail(client, connection, FAILURE_CUT);
    }
}

/* Gives the next request to a connection that has none. */
static void begin(struct client *client, struct connection *connection)
{
    connection->due_ns = next_due_ns(client);
    client->started++;
    if (connection->free_ns <= connection->due_ns) {
        histogram_add(&client->tally->late, now_ns() - connection->due_ns);
    }
    if (connection->state == CLOSED && !open_connection(client, connection)) {
        fail(client, connection, FAILURE_CONNECT);
    } else if (connection->state == OPENING) {
        connection->sent_ns = now_ns();
    } else {
        send_request(client, connection);
    }
}

static void on_answer(struct client *client, struct connection *connection)
{
    struct counts *counts = &client->tally->routes[connection->route];
    const struct answer *answer = &connection->answer;
    int64_t now = now_ns();

    histogram_add(&counts->latency, now - connection->due_ns);
    histogram_add(&client->tally->service, now - connection->sent_ns);
    counts->statuses[answer->status / 100 < 6 ? answer->status / 100 : 0]++;
    counts->body_bytes += answer->body_size;
    client->completed++;
    connection->state = IDLE;
    if (client->options.is_fresh) {
        close_connection(connection);
    } else if (answer->is_last) {
        close_connection(connection);
        client->tally->reopened++;
    }
    go_on(client, connection);
}

/* ---- events ---- */

static void on_bytes(struct client *client, struct connection *connection, size_t size)
{
    struct answer *answer = &connection->answer;
    size_t taken = answer_take(answer, client->data, size);

    if (answer->state == ANSWER_MALFORMED) {
        fail(client, connection, FAILURE_MALFORMED);
    } else if (taken < size) {
        fail(client, connection, FAILURE_LENGTH);
    } else if (answer->state == ANSWER_DONE) {
        on_answer(client, connection);
    }
}

static void on_end(struct client *client, struct connection *connection)
{
    if (connection->state == BUSY) {
        fail(client, connection, FAILURE_CUT);
    } else {
        close_connection(connection);
        client->tally->reopened++;
    }
}

static void on_readable(struct client *client, struct connection *connection)
{
    ssize_t size = recv(connection->fd, client->data, sizeof client->data, 0);

    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0) {
        on_end(client, connection);
    } else if (connection->state == BUSY) {
        on_bytes(client, connection, (size_t)size);
    } else { /* what nobody asked for belongs to the last answer */
        client->tally->routes[connection->route].failures[FAILURE_LENGTH]++;
        close_connection(connection);
    }
}

/* 0, or why a connection could not be opened; from now on only bytes are waited for. */
static int end_opening(struct client *client, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int error = 0;
    socklen_t size = sizeof error;

    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
    return error;
}

static void on_opened(struct client *client, struct connection *connection)
{
    if (end_opening(client, connection) != 0) {
        fail(client, connection, FAILURE_CONNECT);
    } else {
        send_request(client, connection);
    }
}

static void on_event(struct client *client, struct connection *connection)
{
    if (connection->state == OPENING) {
        on_opened(client, connection);
    } else {
        on_readable(client, connection);
    }
}

static void check_timeouts(struct client *client)
{
    int64_t limit_ns = now_ns() - (int64_t)(client->options.timeout * 1e9);

    for (unsigned i = 0; i < client->options.connections; i++) {
        struct connection *connection = &client->connections[i];

        if ((connection->state == BUSY || connection->state == OPENING) &&
            connection->sent_ns < limit_ns) {
            fail(client, connection,
                 connection->state == OPENING ? FAILURE_CONNECT : FAILURE_TIMEOUT);
        }
    }
}

/* ---- the run ---- */

/* Gives free connections what is due; returns how long there is nothing more to give. */
static int64_t send_due(struct client *client)
{
    /* Not more than there are connections now: one that fails comes back to the ring. */
    for (unsigned left = client->free_count; left > 0 && has_more(client); left--) {
        int64_t wait_ns = next_due_ns(client) - now_ns();

        if (wait_ns > 0) {
            return wait_ns < CHECK_NS ? wait_ns : CHECK_NS;
        }
        begin(client, take_free(client));
    }
    return client->free_count > 0 && has_more(client) ? 0 : CHECK_NS;
}

/* After the stop of an open loop nothing more becomes due, but what was is still sent. */
static void cut_schedule(struct client *client)
{
    client->schedule.total = schedule_due_count(&client->schedule, now_ns());
    if (client->schedule.total < client->started) {
        client->schedule.total = client->started;
    }
}

static bool is_over(const struct client *client, int64_t end_ns)
{
    uint64_t most = client->options.requests_max;

    if (is_open_loop(client)) {
        return client->completed >= client->schedule.total ||
               now_ns() >= end_ns + (int64_t)(client->options.timeout * 1e9);
    }
    return is_stopped || now_ns() >= end_ns || (most != 0 && client->completed >= most);
}

static void count_timeout(struct client *client, unsigned route)
{
    client->tally->routes[route].failures[FAILURE_TIMEOUT]++;
    client->completed++;
}

/* What an open loop owes at its end: requests without an answer, and those never sent. */
static void count_rest(struct client *client)
{
    for (unsigned i = 0; i < client->options.connections; i++) {
        if (client->connections[i].state == BUSY) {
            count_timeout(client, client->connections[i].route);
        }
    }
    while (client->completed < client->schedule.total) {
        unsigned route;

        (void)mix_next(client->mix, client->request, &route);
        count_timeout(client, route);
    }
}

static void turn(struct client *client)
{
    struct epoll_event events[EVENTS];
    struct timespec wait = {.tv_nsec = send_due(client)};
    int ready = epoll_pwait2(client->epoll_fd, events, EVENTS, &wait, NULL);

    for (int i = 0; i < ready; i++) {
        struct connection *connection = events[i].data.ptr;

        if (connection->fd >= 0) {
            on_event(client, connection);
        }
    }
}

double client_run(struct client *client)
{
    int64_t start_ns = now_ns() + (is_open_loop(client) ? LEAD_NS : 0);
    int64_t end_ns = start_ns + (int64_t)(client->options.seconds * 1e9);
    int64_t check_ns = start_ns;
    bool is_cut = false;

    client->schedule = schedule_make(start_ns, client->options.rate, client->options.seconds);
    if (client->options.requests_max != 0 &&
        client->options.requests_max < client->schedule.total) {
        client->schedule.total = client->options.requests_max;
    }
    while (!is_over(client, end_ns)) {
        turn(client);
        if (is_stopped && !is_cut) {
            is_cut = true;
            cut_schedule(client);
            end_ns = now_ns();
        }
        if (now_ns() >= check_ns + CHECK_NS) {
            check_ns = now_ns();
            check_timeouts(client);
        }
    }
    if (is_open_loop(client)) {
        count_rest(client);
    }
    return (double)(now_ns() - start_ns) / 1e9;
}

/* ---- life ---- */

/* Waits for a connection, for the first time. */
static void open_first(struct client *client, struct connection *connection)
{
    struct epoll_event event;

    if (!open_connection(client, connection)) {
        die("connect");
    }
    if (connection->state == OPENING) {
        int wait_ms = (int)(client->options.timeout * 1000);

        errno = epoll_wait(client->epoll_fd, &event, 1, wait_ms) == 1
                    ? end_opening(client, connection)
                    : ETIMEDOUT;
        if (errno != 0) {
            die("connect");
        }
        connection->state = IDLE;
    }
}

struct client *client_open(const struct client_options *options, struct mix *mix,
                           struct tally *tally)
{
    struct client *client = calloc(1, sizeof *client);

    if (client == NULL) {
        die("memory");
    }
    client->options = *options;
    client->mix = mix;
    client->tally = tally;
    client->connections = calloc(options->connections, sizeof *client->connections);
    client->free = calloc(options->connections, sizeof(struct connection *));
    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (client->connections == NULL || client->free == NULL || client->epoll_fd < 0) {
        die("memory and epoll");
    }
    for (unsigned i = 0; i < options->connections; i++) {
        client->connections[i].fd = -1;
        if (!options->is_fresh) {
            open_first(client, &client->connections[i]);
        }
        put_free(client, &client->connections[i]);
    }
    return client;
}

void client_free(struct client *client)
{
    for (unsigned i = 0; i < client->options.connections; i++) {
        close_connection(&client->connections[i]);
    }
    close(client->epoll_fd);
    free(client->connections);
    free(client->free);
    free(client);
}
