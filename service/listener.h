/*
 * Listening sockets: "HOST:PORT" into sockets that share a port.
 *
 * Each loop has a socket of its own (SO_REUSEPORT), so that the kernel spreads connections and no
 * loop wakes for another's. Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_LISTENER_H
#define VITRINE_SERVICE_LISTENER_H

#include <stdbool.h>

#include "base/err.h"

enum {
    HOST_TEXT_MAX = 256, /* bytes of a host name and its NUL */
    LISTENERS_MAX = 256,
    ADDRESS_TEXT_MAX = 64, /* "[...]:65535" and its NUL */
};

/*
 * Binds COUNT sockets (at most LISTENERS_MAX) to ADDRESS: "127.0.0.1:8080", "[::1]:8080" or
 * "localhost:8080"; port 0 stands for a free one, the same for all. "systemd" is the socket that systemd
 * passes (sd_listen_fds), under COUNT descriptors. FDS are the caller's; BOUND (ADDRESS_TEXT_MAX bytes) is
 * the address in numbers. Ours do not listen yet.
 * ERR_USAGE when ADDRESS cannot be read, ERR_SYSTEM when it cannot be had; no socket is left open.
 */
MUST_CHECK enum err listeners_open(const char *address, unsigned count, int *fds, char *bound,
                                   struct errmsg *msg);

/* Whether ADDRESS is "systemd". */
bool listeners_are_passed(const char *address);

/* Which of the sockets of another process: the kernel numbers all anew as some are closed. */
enum yield_to {
    YIELD_TO_ALL, /* while none is closed */
    YIELD_TO_ONE, /* whose number stays right all the while */
};

/*
 * Has the connections that come from now on go to another process that listens on the same port: to the
 * sockets that began to listen after the first COUNT, which are this process's; FD is one of them. When
 * there are no others, nothing changes.
 *
 * Without this the kernel spreads new connections over all, also over those that are about to be closed,
 * and the handshakes that are under way there would be reset. Those that began before go on as they were.
 */
void listeners_yield(int fd, unsigned count, enum yield_to to);

/* Ends what a process that is gone by now has asked for so. */
void listeners_spread(int fd);

/*
 * "HOST:PORT" or "[HOST]:PORT" into its parts: HOST has HOST_TEXT_MAX bytes, *PORT points into
 * ADDRESS.
 * False when it is no such thing.
 */
bool host_port_split(const char *address, char *host, const char **port);

#endif
