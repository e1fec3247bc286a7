#include "client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mutate.h"

enum {
    READ_SIZE = 65536,
    EVENTS = 256,
    BATCH_MAX = 24, /* requests of a connection */
    SMALL_BUFFER = 4096,
    OPENED_A_TICK = 500,
    FUZZ_TICK_MS = 10,
};

struct connection {
    int fd; /* -1: closed */
    bool has_ended;
    size_t sent;  /* of its bytes */
    size_t pause; /* FUZZ: where the first piece ends; 0: there is no second */
    size_t len;
    char *bytes; /* FUZZ: its own */
    struct status_place place;
};

struct client {
    const struct abuse_options *options;
    struct abuse_result *result;
    struct mutator mutator;
    struct connection *connections;
    unsigned open_count;
    int epoll_fd;
    char data[READ_SIZE];
};

static volatile sig_atomic_t is_stopped;

void client_stop(void)
{
    is_stopped = 1;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "abuse: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool is_fuzz(const struct client *client)
{
    return client->options->mode == ABUSE_FUZZ;
}

/* ---- a connection ---- */

static void close_connection(struct client *client, struct connection *connection, bool is_ended)
{
    close(connection->fd);
    connection->fd = -1;
    client->open_count--;
    client->result->ended += is_ended;
}

/* Reads at most SIZE bytes, or all there are; false when the connection is over. */
static bool take(struct client *client, struct connection *connection, size_t size)
{
    while (size > 0) {
        size_t most = size < READ_SIZE ? size : READ_SIZE;
        ssize_t count = recv(connection->fd, client->data, most, 0);

        if (count < 0 && errno == EAGAIN) {
            return true;
        }
        if (count <= 0) {
            return false;
        }
        client->result->received += (uint64_t)count;
        statuses_take(&client->result->statuses, &connection->place, client->data, (size_t)count);
        size -= (size_t)count;
    }
    return true;
}

/* Sends up to byte END of its bytes; false when the connection is over. */
static bool send_until(struct client *client, struct connection *connection, size_t end)
{
    const char *bytes = is_fuzz(client) ? connection->bytes : client->options->bytes;

    while (connection->sent < end) {
        ssize_t count =
            send(connection->fd, bytes + connection->sent, end - connection->sent, MSG_NOSIGNAL);

        if (count < 0) {
            return errno == EAGAIN;
        }
        connection->sent += (size_t)count;
        client->result->sent += (uint64_t)count;
    }
    return true;
}

/* What can be sent at once; false when the connection is over. */
static bool send_more(struct client *client, struct connection *connection)
{
    if (!is_fuzz(client)) {
        do {
            if (!send_until(client, connection, connection->len)) {
                return false;
            }
            if (connection->sent < connection->len) {
                return true;
            }
            connection->sent = client->options->mode == ABUSE_SEND ? 0 : connection->len;
        } while (connection->sent == 0 && connection->len > 0);
        return true;
    }
    if (connection->pause > 0) { /* the rest comes in the next turn */
        bool goes_on = send_until(client, connection, connection->pause);

        connection->pause = 0;
        return goes_on;
    }
    if (!send_until(client, connection, connection->len)) {
        return false;
    }
    if (connection->sent == connection->len && !connection->has_ended) {
        connection->has_ended = true;
        shutdown(connection->fd, SHUT_WR);
    }
    return true;
}

static void make_batch(struct client *client, struct connection *connection)
{
    unsigned count = 1 + mutator_below(&client->mutator, BATCH_MAX);

    connection->len = 0;
    for (unsigned i = 0; i < count; i++) {
        connection->len += mutator_next(&client->mutator, connection->bytes + connection->len);
    }
    client->result->requests += count;
    connection->pause = mutator_below(&client->mutator, 4) == 0
                            ? mutator_below(&client->mutator, (unsigned)connection->len + 1)
                            : 0;
}

static void open_connection(struct client *client, struct connection *connection)
{
    const struct abuse_options *options = client->options;
    struct epoll_event event = {.data = {.ptr = connection}};
    int one = 1;
    int small = SMALL_BUFFER;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        die("socket");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (options->mode == ABUSE_HOLD) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    if (connect(fd, (const struct sockaddr *)&options->address, sizeof options->address) != 0 &&
        errno != EINPROGRESS) {
        close(fd); /* no port is free now; again at the next tick */
        client->result->ended++;
        return;
    }
    *connection = (struct connection){.fd = fd, .bytes = connection->bytes};
    connection->len = options->bytes_len;
    if (is_fuzz(client)) {
        make_batch(client, connection);
    }
    event.events = EPOLLET | EPOLLOUT | (options->mode == ABUSE_HOLD ? EPOLLRDHUP : EPOLLIN);
    if (epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll");
    }
    client->result->opened++;
    client->open_count++;
    if (client->open_count > client->result->open_max) {
        client->result->open_max = client->open_count;
    }
}

static void on_event(struct client *client, struct connection *connection, unsigned events)
{
    enum abuse_mode mode = client->options->mode;
    bool goes_on = true;

    if (mode == ABUSE_HOLD) {
        goes_on = (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) == 0;
    } else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
        goes_on = take(client, connection, SIZE_MAX);
    }
    if (goes_on && (events & EPOLLOUT) != 0 && mode != ABUSE_DRIP) {
        goes_on = send_more(client, connection);
    }
    if (goes_on && is_fuzz(client) && !connection->has_ended) {
        goes_on = send_more(client, connection);
    }
    if (!goes_on) {
        close_connection(client, connection, true);
        if (is_fuzz(client) && client->result->statuses.answers < client->options->answers) {
            open_connection(client, connection);
        }
    }
}

/* ---- all of them ---- */

static void on_tick(struct client *client)
{
    const struct abuse_options *options = client->options;
    unsigned opened = 0;

    for (unsigned i = 0; i < options->connections; i++) {
        struct connection *connection = &client->connections[i];
        bool goes_on = true;

        if (connection->fd < 0) {
            if (opened++ < OPENED_A_TICK) {
                open_connection(client, connection);
            }
            continue;
        }
        if (options->mode == ABUSE_DRIP && connection->sent < connection->len) {
            goes_on = send_until(client, connection, connection->sent + 1);
        } else if (options->mode == ABUSE_HOLD && options->take > 0) {
            goes_on = take(client, connection, options->take);
        }
        if (!goes_on) {
            close_connection(client, connection, true);
        }
    }
}

static bool is_done(const struct client *client, double end)
{
    return is_stopped != 0 || now_s() > end ||
           (is_fuzz(client) && client->result->statuses.answers >= client->options->answers);
}

static void run(struct client *client)
{
    double tick = is_fuzz(client) || client->options->mode == ABUSE_SEND ? FUZZ_TICK_MS / 1e3
                                                                         : client->options->tick;
    double end = now_s() + client->options->seconds;
    double next = now_s();

    while (!is_done(client, end)) {
        struct epoll_event events[EVENTS];
        double left = next - now_s();
        int count =
            epoll_wait(client->epoll_fd, events, EVENTS, left > 0 ? (int)(left * 1e3) + 1 : 0);

        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;

            if (connection->fd >= 0) {
                on_event(client, connection, events[i].events);
            }
        }
        if (now_s() >= next) {
            on_tick(client);
            next = now_s() + tick;
        }
    }
}

/* Whether somebody listens at all. */
static void check_address(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        die("connect");
    }
    close(fd);
}

void client_run(const struct abuse_options *options, struct abuse_result *result)
{
    struct client *client = calloc(1, sizeof *client);
    double started = now_s();

    check_address(&options->address);
    client->options = options;
    client->result = result;
    client->connections = calloc(options->connections, sizeof *client->connections);
    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    mutator_init(&client->mutator, options->seed);
    for (unsigned i = 0; i < options->connections; i++) {
        client->connections[i].fd = -1;
        if (is_fuzz(client)) {
            client->connections[i].bytes = malloc((size_t)BATCH_MAX * MUTATE_SIZE_MAX);
        }
    }
    run(client);
    result->seconds = now_s() - started;
    for (unsigned i = 0; i < options->connections; i++) {
        if (client->connections[i].fd >= 0) {
            close_connection(client, &client->connections[i], false);
        }
        free(client->connections[i].bytes);
    }
    close(client->epoll_fd);
    free(client->connections);
    free(client);
}
