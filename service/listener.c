#include "service/listener.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/number.h"

enum {
    PORT_MAX = 65535,
    PASSED_FD = 3,
    LISTENING_TEXT_MAX = 48, /* an address and a port in hexadecimal digits, and a NUL */
};

struct endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t size;
};

static enum err bad_address(const char *address, struct errmsg *msg)
{
    return err_set(msg, ERR_USAGE,
                   "\"%s\" is no address to listen on; write HOST:PORT as in 127.0.0.1:8080 or "
                   "[::1]:8080",
                   address);
}

bool listeners_are_passed(const char *address)
{
    return strcmp(address, "systemd") == 0;
}

bool host_port_split(const char *address, char *host, const char **port)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - address);
    int64_t number;

    if (len == 0 || !parse_integer(slice_str(colon + 1), &number) || number < 0 ||
        number > PORT_MAX) {
        return false;
    }
    if (address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    } else if (memchr(address, ':', len) != NULL) {
        return false; /* an IPv6 address without its brackets */
    }
    if (len == 0 || len >= HOST_TEXT_MAX) {
        return false;
    }
    memcpy(host, address, len);
    host[len] = '\0';
    *port = colon + 1;
    return true;
}

static enum err resolve(const char *address, struct endpoint *out, struct errmsg *msg)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    struct addrinfo *found;
    char host[HOST_TEXT_MAX];
    const char *port;
    int result;

    if (!host_port_split(address, host, &port)) {
        return bad_address(address, msg);
    }
    result = getaddrinfo(host, port, &hints, &found);
    if (result != 0) {
        return err_set(msg, ERR_USAGE, "listen on %s: %s", address, gai_strerror(result));
    }
    assert(found->ai_addrlen <= sizeof out->address);
    memcpy(&out->address, found->ai_addr, found->ai_addrlen);
    out->size = found->ai_addrlen;
    freeaddrinfo(found);
    return ERR_NONE;
}

/* Connections inherit TCP_NODELAY from the listening socket, which saves a call for each. */
static bool set_options(int fd)
{
    int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

/* Writes the port that was bound into ENDPOINT, so that the next socket gets the same. */
static enum err open_one(struct endpoint *endpoint, int *out, struct errmsg *msg)
{
    int fd = socket(endpoint->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    enum err rc;

    if (fd < 0) {
        return err_sys(msg, errno, "make a socket");
    }
    if (!set_options(fd) || bind(fd, &endpoint->address.any, endpoint->size) != 0 ||
        getsockname(fd, &endpoint->address.any, &endpoint->size) != 0) {
        rc = errno == EADDRINUSE
                 ? err_set(msg, ERR_SYSTEM, "another program listens there; choose another port")
                 : err_sys(msg, errno, "bind");
        close(fd);
        return rc;
    }
    *out = fd;
    return ERR_NONE;
}

static void describe(const struct endpoint *endpoint, char *bound)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (endpoint->address.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &endpoint->address.v6.sin6_addr, host, sizeof host);
        snprintf(bound, ADDRESS_TEXT_MAX, "[%s]:%u", host, ntohs(endpoint->address.v6.sin6_port));
    } else {
        inet_ntop(AF_INET, &endpoint->address.v4.sin_addr, host, sizeof host);
        snprintf(bound, ADDRESS_TEXT_MAX, "%s:%u", host, ntohs(endpoint->address.v4.sin_port));
    }
}

/* ---- the socket that systemd passes ---- */

static bool is_number_of(const char *name, int64_t least, int64_t most)
{
    const char *text = getenv(name);
    int64_t value;

    return text != NULL && parse_integer(slice_str(text), &value) && value >= least &&
           value <= most;
}

/* The environment names the process that sockets are for: a child of it would inherit the names. */
static bool is_passed(void)
{
    int listens = 0;
    socklen_t size = sizeof listens;

    return is_number_of("LISTEN_PID", getpid(), getpid()) &&
           is_number_of("LISTEN_FDS", 1, INT64_MAX) &&
           getsockopt(PASSED_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

static enum err take_passed(unsigned count, int *fds, struct endpoint *endpoint, struct errmsg *msg)
{
    int on = 1;

    endpoint->size = sizeof endpoint->address;
    if (!is_passed()) {
        return err_set(msg, ERR_USAGE,
                       "no socket was passed that listens; start it by a systemd socket unit, or "
                       "write --listen HOST:PORT");
    }
    if (getsockname(PASSED_FD, &endpoint->address.any, &endpoint->size) != 0 ||
        fcntl(PASSED_FD, F_SETFL, O_NONBLOCK) != 0) {
        return err_sys(msg, errno, "take the socket of systemd");
    }
    setsockopt(PASSED_FD, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (unsigned i = 0; i < count; i++) {
        fds[i] = fcntl(PASSED_FD, F_DUPFD_CLOEXEC, 0);
        if (fds[i] < 0) {
            enum err rc = err_sys(msg, errno, "take the socket of systemd");

            while (i > 0) {
                close(fds[--i]);
            }
            return rc;
        }
    }
    close(PASSED_FD);
    return ERR_NONE;
}

/* ---- handing over ---- */

/* How the kernel writes where FD listens, in its table of the sockets of TABLE. */
static bool describe_listening(int fd, char text[LISTENING_TEXT_MAX], const char **table)
{
    struct endpoint endpoint = {.size = sizeof endpoint.address};
    const uint32_t *words;
    int len = 0;

    if (getsockname(fd, &endpoint.address.any, &endpoint.size) != 0) {
        return false;
    }
    if (endpoint.address.any.sa_family == AF_INET) {
        *table = "/proc/self/net/tcp";
        snprintf(text, LISTENING_TEXT_MAX, "%08X:%04X", endpoint.address.v4.sin_addr.s_addr,
                 ntohs(endpoint.address.v4.sin_port));
        return true;
    }
    *table = "/proc/self/net/tcp6";
    words = endpoint.address.v6.sin6_addr.s6_addr32;
    for (unsigned i = 0; i < 4; i++) {
        len += snprintf(text + len, LISTENING_TEXT_MAX - (size_t)len, "%08X", words[i]);
    }
    snprintf(text + len, LISTENING_TEXT_MAX - (size_t)len, ":%04X",
             ntohs(endpoint.address.v6.sin6_port));
    return true;
}

/*
 * How many sockets listen where FD does, beside COUNT that do; as far as it can be told. The table begins
 * with those that listen; connections, of which there may be many, are behind.
 */
static unsigned count_others(int fd, unsigned count)
{
    char wanted[LISTENING_TEXT_MAX];
    char local[LISTENING_TEXT_MAX];
    char line[512];
    const char *table;
    unsigned all = 0;
    unsigned state;
    FILE *file = describe_listening(fd, wanted, &table) ? fopen(table, "re") : NULL;

    if (file == NULL) {
        return 0;
    }
    state = fgets(line, sizeof line, file) == NULL ? TCP_CLOSE : TCP_LISTEN; /* the heading */
    while (state == TCP_LISTEN && fgets(line, sizeof line, file) != NULL &&
           sscanf(line, " %*d: %47s %*s %X", local, &state) == 2) {
        all += state == TCP_LISTEN && strcmp(local, wanted) == 0;
    }
    fclose(file);
    return all > count ? all - count : 0;
}

/* A number beyond those that there are leaves the choice to the kernel, as without a program. */
void listeners_yield(int fd, unsigned count, enum yield_to to)
{
    unsigned others = to == YIELD_TO_ALL ? count_others(fd, count) : 1;
    struct sock_filter code[] = {
        {.code = BPF_LD | BPF_W | BPF_ABS, .k = (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)},
        {.code = BPF_ALU | BPF_MOD | BPF_K, .k = others > 0 ? others : 1},
        {.code = BPF_ALU | BPF_ADD | BPF_K, .k = count},
        {.code = BPF_RET | BPF_A},
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};

    setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
}

void listeners_spread(int fd)
{
    int unused = 0;

    setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused);
}

/* ---- opening ---- */

enum err listeners_open(const char *address, unsigned count, int *fds, char *bound,
                        struct errmsg *msg)
{
    struct endpoint endpoint;
    unsigned opened = 0;
    enum err rc;

    assert(count > 0 && count <= LISTENERS_MAX);
    if (listeners_are_passed(address)) {
        rc = take_passed(count, fds, &endpoint, msg);
        if (rc == ERR_NONE) {
            describe(&endpoint, bound);
        }
        return rc;
    }
    rc = resolve(address, &endpoint, msg);
    while (rc == ERR_NONE && opened < count) {
        rc = open_one(&endpoint, &fds[opened], msg);
        if (rc == ERR_NONE) {
            opened++;
        } else {
            rc = err_wrap(msg, rc, "listen on %s", address);
        }
    }
    if (rc != ERR_NONE) {
        while (opened > 0) {
            close(fds[--opened]);
        }
        return rc;
    }
    describe(&endpoint, bound);
    return ERR_NONE;
}
