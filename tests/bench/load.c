/*
 * load: closed-loop HTTP load over keep-alive connections, one request at a time on each.
 *
 *   load PORT PATH FROM TO CONNECTIONS SECONDS REQUESTS SEED [RATE [BODIES]]
 *
 * PATH may hold one %d, which becomes a random number of FROM .. TO. It may be several paths with a
 * blank between them, which are asked for in turn. The run ends after SECONDS or
 * after REQUESTS answers, whichever comes first (0: no such bound), or with SIGTERM. It prints one JSON
 * object. With BODIES, a file of one JSON text a line, requests are POST and each has one of these at
 * random; otherwise they are GET.
 *
 * A closed loop finds the highest rate that a server sustains. Its latencies are those at that
 * rate: they say little about a server that is not saturated. With RATE, requests have their times,
 * so many a second, and latencies count from there: one that waits for a free connection because the
 * server is slow is slow, too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 1024,
    HEAD_MAX = 8192,
    READ_SIZE = 65536,
    EVENTS = 256,
    SECONDS_MAX = 3600,
    PATH_SIZE_MAX = 1024,
    PATHS_MAX = 8,
    BODY_SIZE_MAX = 16384,
    BODIES_MAX = 1 << 20,
    MAX_WAIT_NS = 100000000,
    SUB_BITS = 6, /* buckets of 1/64 of their octave: 1.6 % */
    BUCKETS = 64 << SUB_BITS,
};

struct connection {
    int fd;
    bool is_waiting; /* for an answer */
    int64_t sent_ns;
    uint64_t body_left; /* bytes of the current body that have not come yet */
    bool in_body;
    unsigned head_len;
    char head[HEAD_MAX];
};

struct path {
    char before[PATH_SIZE_MAX]; /* of the number */
    char after[PATH_SIZE_MAX];
    bool has_number;
};

struct load {
    struct sockaddr_in address;
    struct path paths[PATHS_MAX];
    unsigned path_count;
    uint64_t from;
    uint64_t span;
    uint64_t requests_max;
    uint64_t random;
    double rate;   /* requests a second; 0: as many as go */
    char **bodies; /* of POST */
    size_t body_count;
    int64_t start_ns;
    struct connection *connections;
    unsigned connection_count;
    int epoll_fd;
    uint64_t answers;
    uint64_t started; /* requests sent */
    uint64_t body_bytes;
    uint64_t statuses[6];
    uint64_t closed; /* by the server, between two requests: opened again */
    uint64_t histogram[BUCKETS];
    int64_t max_ns;
};

static volatile sig_atomic_t has_ended; /* SIGTERM */

static void on_signal(int number)
{
    (void)number;
    has_ended = 1;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static _Noreturn void die_bad_answer(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* xorshift64*: enough for picking keys. */
static uint64_t next_random(struct load *load)
{
    uint64_t x = load->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    load->random = x;
    return x * 0x2545f4914f6cdd1dULL;
}

/* ---- latencies ---- */

static unsigned bucket_of(uint64_t ns)
{
    unsigned octave;

    if (ns < 1U << SUB_BITS) {
        return (unsigned)ns;
    }
    octave = 63 - (unsigned)__builtin_clzll(ns) - SUB_BITS;
    return ((octave + 1) << SUB_BITS) + (unsigned)(ns >> octave) - (1U << SUB_BITS);
}

/* The highest value of a bucket. */
static double bucket_ns(unsigned bucket)
{
    unsigned octave = bucket >> SUB_BITS;
    uint64_t sub = bucket & ((1U << SUB_BITS) - 1);

    if (octave == 0) {
        return (double)sub;
    }
    return (double)(((sub + (1U << SUB_BITS) + 1) << (octave - 1)) - 1);
}

static double percentile_us(const struct load *load, double share)
{
    uint64_t rank = (uint64_t)(share * (double)load->answers);
    uint64_t seen = 0;

    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += load->histogram[i];
        if (seen > rank) {
            return bucket_ns(i) / 1000;
        }
    }
    return (double)load->max_ns / 1000;
}

/* ---- requests ---- */

static void open_connection(struct load *load, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int one = 1;

    memset(connection, 0, offsetof(struct connection, head));
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) {
        die("socket");
    }
    if (connect(connection->fd, (struct sockaddr *)&load->address, sizeof load->address) < 0) {
        die("connect");
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) < 0) {
        die("epoll_ctl");
    }
}

/* When the next request is due. */
static int64_t due_ns(const struct load *load)
{
    return load->rate > 0 ? load->start_ns + (int64_t)((double)load->started * 1e9 / load->rate)
                          : now_ns();
}

/* Writes the next request; returns its size. */
static int make_request(struct load *load, char *request, size_t size)
{
    const struct path *path = &load->paths[load->started % load->path_count];
    char number[24] = "";
    const char *body;

    if (path->has_number) {
        uint64_t value = load->from + next_random(load) % load->span;

        snprintf(number, sizeof number, "%llu", (unsigned long long)value);
    }
    if (load->body_count == 0) {
        return snprintf(request, size, "GET %s%s%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        path->before, number, path->after);
    }
    body = load->bodies[next_random(load) % load->body_count];
    return snprintf(request, size,
                    "POST %s%s%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n%s",
                    path->before, number, path->after, strlen(body), body);
}

static void send_request(struct load *load, struct connection *connection)
{
    static char request[3 * PATH_SIZE_MAX + BODY_SIZE_MAX];
    int64_t sent_ns = due_ns(load);
    int len;

    if (load->requests_max != 0 && load->started == load->requests_max) {
        return;
    }
    len = make_request(load, request, sizeof request);
    load->started++;
    connection->is_waiting = true;
    connection->sent_ns = sent_ns;
    if (send(connection->fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
        die("send");
    }
}

static void on_answer(struct load *load, struct connection *connection)
{
    int64_t took_ns = now_ns() - connection->sent_ns;

    load->answers++;
    load->histogram[bucket_of((uint64_t)took_ns)]++;
    load->max_ns = took_ns > load->max_ns ? took_ns : load->max_ns;
    connection->is_waiting = false;
    connection->in_body = false;
    connection->head_len = 0;
    if (due_ns(load) <= now_ns()) {
        send_request(load, connection);
    }
}

/* Sends what is due on connections that have nothing to do; how long there is nothing more. */
static int64_t send_due(struct load *load)
{
    int64_t wait_ns;

    for (unsigned i = 0; i < load->connection_count && due_ns(load) <= now_ns(); i++) {
        if (!load->connections[i].is_waiting) {
            send_request(load, &load->connections[i]);
        }
    }
    wait_ns = due_ns(load) - now_ns();
    return wait_ns > 0 ? wait_ns : MAX_WAIT_NS; /* none is free: an answer ends the wait */
}

/* Reads status and Content-Length of the complete head. */
static void take_head(struct load *load, struct connection *connection)
{
    const char *length;
    unsigned class;

    connection->head[connection->head_len] = '\0';
    length = strcasestr(connection->head, "\r\ncontent-length:");
    if (memcmp(connection->head, "HTTP/1.1 ", 9) != 0 || length == NULL) {
        die_bad_answer("an answer without a status or Content-Length");
    }
    class = (unsigned)(connection->head[9] - '0');
    load->statuses[class < 6 ? class : 0]++;
    connection->body_left = strtoull(length + 17, NULL, 10);
    load->body_bytes += connection->body_left;
    connection->in_body = true;
}

/* Takes bytes of the head up to its end; returns how many it took. */
static size_t take_head_bytes(struct load *load, struct connection *connection, const char *data,
                              size_t size)
{
    unsigned old = connection->head_len;
    size_t room = sizeof connection->head - 1 - old;
    size_t taken = size < room ? size : room;
    const char *end;

    memcpy(connection->head + old, data, taken);
    end = memmem(connection->head, old + taken, "\r\n\r\n", 4);
    if (end == NULL) {
        if (taken == room) {
            die_bad_answer("an answer with a head of more than 8 KiB");
        }
        connection->head_len += (unsigned)taken;
        return taken;
    }
    connection->head_len = (unsigned)(end + 4 - connection->head);
    take_head(load, connection);
    return connection->head_len - old;
}

static void take(struct load *load, struct connection *connection, const char *data, size_t size)
{
    while (size > 0) {
        size_t taken;

        if (connection->in_body) {
            taken = size < connection->body_left ? size : (size_t)connection->body_left;
            connection->body_left -= taken;
        } else {
            taken = take_head_bytes(load, connection, data, size);
        }
        data += taken;
        size -= taken;
        if (connection->in_body && connection->body_left == 0) {
            on_answer(load, connection);
        }
    }
}

static void on_readable(struct load *load, struct connection *connection)
{
    static char data[READ_SIZE];
    ssize_t size = recv(connection->fd, data, sizeof data, MSG_DONTWAIT);

    if (size > 0) {
        take(load, connection, data, (size_t)size);
        return;
    }
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (connection->in_body || connection->head_len > 0) {
        die_bad_answer("the server closed a connection within an answer");
    }
    load->closed++;
    load->started -= connection->is_waiting;
    close(connection->fd);
    open_connection(load, connection);
    send_request(load, connection);
}

/* ---- the run ---- */

static bool is_over(const struct load *load, int64_t end_ns)
{
    return has_ended || now_ns() >= end_ns ||
           (load->requests_max != 0 && load->answers >= load->requests_max);
}

static double run(struct load *load, double seconds)
{
    struct epoll_event events[EVENTS];
    int64_t start_ns = now_ns();
    int64_t end_ns = start_ns + (int64_t)(seconds * 1e9);

    load->start_ns = start_ns;
    for (unsigned i = 0; load->rate == 0 && i < load->connection_count; i++) {
        send_request(load, &load->connections[i]);
    }
    while (!is_over(load, end_ns)) {
        int64_t wait_ns = load->rate > 0 ? send_due(load) : MAX_WAIT_NS;
        struct timespec wait = {.tv_nsec = wait_ns < MAX_WAIT_NS ? wait_ns : MAX_WAIT_NS};
        int ready = epoll_pwait2(load->epoll_fd, events, EVENTS, &wait, NULL);

        for (int i = 0; i < ready; i++) {
            on_readable(load, events[i].data.ptr);
        }
    }
    return (double)(now_ns() - start_ns) / 1e9;
}

static void print_result(const struct load *load, double seconds)
{
    double answers = load->answers > 0 ? (double)load->answers : 1;

    printf("{\"requests\": %llu, \"seconds\": %.6f, \"rate\": %.1f, \"mean_body\": %.1f,\n",
           (unsigned long long)load->answers, seconds, (double)load->answers / seconds,
           (double)load->body_bytes / answers);
    printf(" \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f,\n",
           percentile_us(load, 0.5), percentile_us(load, 0.99), percentile_us(load, 0.999),
           (double)load->max_ns / 1000);
    printf(" \"status_2xx\": %llu, \"status_4xx\": %llu, \"status_5xx\": %llu, \"closed\": %llu}\n",
           (unsigned long long)load->statuses[2], (unsigned long long)load->statuses[4],
           (unsigned long long)load->statuses[5], (unsigned long long)load->closed);
}

static void split_path(struct path *out, const char *path)
{
    const char *number = strstr(path, "%d");
    size_t len = number != NULL ? (size_t)(number - path) : strlen(path);

    if (strlen(path) >= PATH_SIZE_MAX) {
        die_bad_answer("the path is longer than 1023 bytes");
    }
    memcpy(out->before, path, len);
    out->has_number = number != NULL;
    if (number != NULL) {
        memcpy(out->after, number + 2, strlen(number + 2));
    }
}

static void split_paths(struct load *load, char *paths)
{
    for (char *path = strtok(paths, " "); path != NULL; path = strtok(NULL, " ")) {
        if (load->path_count == PATHS_MAX) {
            die_bad_answer("more than 8 paths");
        }
        split_path(&load->paths[load->path_count++], path);
    }
    if (load->path_count == 0) {
        die_bad_answer("no path");
    }
}

static void read_bodies(struct load *load, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    load->bodies = calloc(BODIES_MAX, sizeof *load->bodies);
    if (file == NULL || load->bodies == NULL) {
        die(path);
    }
    while ((len = getline(&line, &size, file)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (len > BODY_SIZE_MAX || load->body_count == BODIES_MAX) {
            die_bad_answer("a body of more than 16 KiB, or more than 1048576 of them");
        }
        load->bodies[load->body_count] = strdup(line);
        if (load->bodies[load->body_count++] == NULL) {
            die(path);
        }
    }
    free(line);
    fclose(file);
    if (load->body_count == 0) {
        die_bad_answer("no bodies");
    }
}

int main(int argc, char **argv)
{
    static struct connection connections[CONNECTIONS_MAX];
    static struct load load;
    unsigned count;
    double seconds;

    if (argc < 9 || argc > 11) {
        fprintf(stderr, "usage: load PORT PATH FROM TO CONNECTIONS SECONDS REQUESTS SEED [RATE "
                        "[BODIES]]\n");
        return 2;
    }
    load.address.sin_family = AF_INET;
    load.address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    load.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    split_paths(&load, argv[2]);
    load.from = strtoull(argv[3], NULL, 10);
    load.span = strtoull(argv[4], NULL, 10) - load.from + 1;
    count = (unsigned)strtoul(argv[5], NULL, 10);
    seconds = strtod(argv[6], NULL);
    load.requests_max = strtoull(argv[7], NULL, 10);
    load.random = strtoull(argv[8], NULL, 10) * 2 + 1; /* never 0 */
    load.rate = argc > 9 ? strtod(argv[9], NULL) : 0;
    signal(SIGTERM, on_signal);
    seconds = seconds > 0 && seconds < SECONDS_MAX ? seconds : SECONDS_MAX;
    if (count < 1 || count > CONNECTIONS_MAX || load.span == 0) {
        fprintf(stderr, "load: 1 to %d connections, FROM at most TO\n", CONNECTIONS_MAX);
        return 2;
    }
    if (argc > 10) {
        read_bodies(&load, argv[10]);
    }
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < count; i++) {
        open_connection(&load, &connections[i]);
    }
    load.connections = connections;
    load.connection_count = count;
    print_result(&load, run(&load, seconds));
    return 0;
}
