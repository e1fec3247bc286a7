#include "commands/address.h"

#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/number.h"
#include "service/listener.h"

struct parts {
    char host[HOST_TEXT_MAX];
    const char *port; /* within the address */
};

static bool split(const char *address, struct parts *parts)
{
    int64_t port;

    return host_port_split(address, parts->host, &parts->port) &&
           parse_integer(slice_str(parts->port), &port) && port > 0; /* 0: the system chooses */
}

/* A socket for ADDRESS and where it leads; -1 when there is none. The caller frees *INFO. */
static int open_socket(const struct parts *parts, struct addrinfo **info)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};

    if (getaddrinfo(parts->host, parts->port, &hints, info) != 0) {
        *info = NULL;
        return -1;
    }
    return socket((*info)->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void close_socket(int fd, struct addrinfo *info)
{
    if (fd >= 0) {
        close(fd);
    }
    if (info != NULL) {
        freeaddrinfo(info);
    }
}

enum err address_check_free(const char *address, struct errmsg *msg)
{
    static const int yes = 1;
    struct addrinfo *info = NULL;
    struct parts parts;
    enum err rc = ERR_NONE;
    int fd;

    if (!split(address, &parts)) {
        return err_set(msg, ERR_USAGE,
                       "--listen: \"%s\" is not an address; write HOST:PORT, as in 127.0.0.1:8080",
                       address);
    }
    fd = open_socket(&parts, &info);
    if (fd < 0) {
        rc = err_set(msg, ERR_USAGE, "--listen: there is no host \"%s\"", parts.host);
        goto out;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes); /* old connections may linger */
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0) {
        rc = errno == EADDRINUSE
                 ? err_set(msg, ERR_SYSTEM,
                           "--listen %s: another program listens there; choose another port",
                           address)
                 : err_sys(msg, errno, "--listen %s", address);
    }
out:
    close_socket(fd, info);
    return rc;
}

bool address_answers(const char *address)
{
    struct addrinfo *info = NULL;
    struct parts parts;
    bool answers;
    int fd;

    if (!split(address, &parts)) {
        return false;
    }
    fd = open_socket(&parts, &info);
    answers = fd >= 0 && connect(fd, info->ai_addr, info->ai_addrlen) == 0;
    close_socket(fd, info);
    return answers;
}

void address_url(const char *address, struct buffer *out)
{
    struct parts parts;
    const char *host = parts.host;

    if (!split(address, &parts)) {
        return; /* address_check_free has refused it */
    }
    if (strcmp(host, "0.0.0.0") == 0) {
        host = "127.0.0.1";
    } else if (strcmp(host, "::") == 0) {
        host = "::1";
    }
    buffer_printf(out, address[0] == '[' ? "http://[%s]:%s" : "http://%s:%s", host, parts.port);
}
