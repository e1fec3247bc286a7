/*
 * redis_front: the least HTTP that can stand in front of Redis: GET /x answers what GET /x finds.
 *
 *   redis_front PORT REDIS_SOCKET
 *
 * One thread, epoll, keep-alive connections with one request at a time on each. All requests that one
 * turn of the loop brings go to Redis in one write over one connection, and come back in their order:
 * a queue of connections says whose answer is next. No limits,
 * no time-outs, no other headers: this is for measuring only. Several of them may share a port.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 8192, /* descriptors */
    REQUEST_MAX = 8192,
    COMMANDS_MAX = 16 << 20,
    REPLIES_MAX = 64 << 20,
    EVENTS = 256,
};

struct connection {
    bool is_waiting; /* for Redis */
    bool is_gone;    /* closed by the client meanwhile */
    unsigned len;
    char request[REQUEST_MAX];
};

static struct connection *connections[CONNECTIONS_MAX]; /* by descriptor */
static int queue[CONNECTIONS_MAX];                      /* whose reply comes next: a ring */
static unsigned queue_at;
static unsigned queue_count;
static char *commands; /* for Redis, not sent yet */
static size_t commands_size;
static char *replies; /* from Redis; the last may be incomplete */
static size_t replies_size;
static int epoll_fd;
static int redis_fd;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "redis_front: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        die("epoll_ctl");
    }
}

/* ---- clients ---- */

static void end_connection(int fd)
{
    if (connections[fd]->is_waiting) { /* its place in the queue stays taken */
        connections[fd]->is_gone = true;
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return;
    }
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

static void on_client(int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int one = 1;

    if (fd < 0) {
        return;
    }
    if (fd >= CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connections[fd] = calloc(1, sizeof *connections[fd]);
    if (connections[fd] == NULL) {
        die("memory");
    }
    watch(fd);
}

/* The target of the request becomes a command; false: there is none. */
static bool ask(int fd)
{
    char *target = connections[fd]->request + 4;
    char *end;

    if (memcmp(connections[fd]->request, "GET ", 4) != 0 || (end = strchr(target, ' ')) == NULL) {
        return false;
    }
    commands_size += (size_t)snprintf(commands + commands_size, COMMANDS_MAX - commands_size,
                                      "*2\r\n$3\r\nGET\r\n$%zu\r\n%.*s\r\n", (size_t)(end - target),
                                      (int)(end - target), target);
    queue[(queue_at + queue_count++) % CONNECTIONS_MAX] = fd;
    connections[fd]->is_waiting = true;
    connections[fd]->len = 0;
    return true;
}

static void on_request(int fd)
{
    struct connection *connection = connections[fd];
    size_t room = sizeof connection->request - 1 - connection->len;
    ssize_t size = recv(fd, connection->request + connection->len, room, 0);

    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0 || connection->is_waiting || (size_t)size == room) {
        end_connection(fd);
        return;
    }
    connection->len += (unsigned)size;
    connection->request[connection->len] = '\0';
    if (connection->len > 4 && strcmp(connection->request + connection->len - 4, "\r\n\r\n") == 0 &&
        !ask(fd)) {
        end_connection(fd);
    }
}

/* ---- Redis ---- */

static void send_commands(void)
{
    for (size_t at = 0; at < commands_size;) {
        ssize_t sent = send(redis_fd, commands + at, commands_size - at, MSG_NOSIGNAL);

        if (sent < 0) {
            die("send to Redis");
        }
        at += (size_t)sent;
    }
    commands_size = 0;
}

static void answer(const char *body, long size)
{
    int fd = queue[queue_at];
    char head[160];
    struct iovec parts[2] = {{.iov_base = head}, {.iov_base = (void *)(uintptr_t)body}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    queue_at = (queue_at + 1) % CONNECTIONS_MAX;
    queue_count--;
    connections[fd]->is_waiting = false;
    if (connections[fd]->is_gone) {
        end_connection(fd);
        return;
    }
    parts[1].iov_len = size > 0 ? (size_t)size : 0;
    parts[0].iov_len = (size_t)snprintf(head, sizeof head,
                                        "HTTP/1.1 %s\r\nContent-Type: application/json; "
                                        "charset=utf-8\r\nContent-Length: %zu\r\n\r\n",
                                        size < 0 ? "404 Not Found" : "200 OK", parts[1].iov_len);
    if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)(parts[0].iov_len + parts[1].iov_len)) {
        end_connection(fd); /* a client that reads too slowly for a buffer of the kernel */
    }
}

/* One reply at AT ("$5\r\nhello\r\n", "$-1\r\n"); returns its size, 0 while it is incomplete. */
static size_t take_reply(size_t at)
{
    char *text = replies + at;
    size_t have = replies_size - at;
    char *end = memmem(text, have, "\r\n", 2);
    size_t head;
    long size;

    if (end == NULL) {
        return 0;
    }
    if (text[0] != '$') {
        fprintf(stderr, "redis_front: Redis says %.*s\n", (int)(end - text), text);
        exit(1);
    }
    head = (size_t)(end - text) + 2;
    size = strtol(text + 1, NULL, 10);
    if (size >= 0 && have < head + (size_t)size + 2) {
        return 0;
    }
    answer(text + head, size);
    return size < 0 ? head : head + (size_t)size + 2;
}

static void on_replies(void)
{
    ssize_t size = recv(redis_fd, replies + replies_size, REPLIES_MAX - replies_size, MSG_DONTWAIT);
    size_t at = 0;
    size_t taken;

    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0) {
        die("Redis is gone");
    }
    replies_size += (size_t)size;
    while ((taken = take_reply(at)) > 0) {
        at += taken;
    }
    replies_size -= at;
    memmove(replies, replies + at, replies_size);
}

/* ---- life ---- */

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1024) < 0) {
        die("listen");
    }
    return fd;
}

static int connect_to_redis(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        die(path);
    }
    memcpy(address.sun_path, path, strlen(path));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        die("connect to Redis");
    }
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int listen_fd;

    if (argc != 3) {
        fprintf(stderr, "usage: redis_front PORT REDIS_SOCKET\n");
        return 2;
    }
    commands = malloc(COMMANDS_MAX);
    replies = malloc(REPLIES_MAX);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (commands == NULL || replies == NULL || epoll_fd < 0) {
        die("start");
    }
    redis_fd = connect_to_redis(argv[2]);
    listen_fd = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
    watch(redis_fd);
    watch(listen_fd);
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, EVENTS, -1);

        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;

            if (fd == redis_fd) {
                on_replies();
            } else if (fd == listen_fd) {
                on_client(listen_fd);
            } else if (connections[fd] != NULL) {
                on_request(fd);
            }
        }
        send_commands();
    }
}
