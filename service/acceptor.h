/*
 * Takes connections off a listening socket, as far as there is room for them.
 *
 * Good for: a loop. When the process is out of file descriptors, connections wait in the kernel's
 * queue until acceptor_resume, instead of being dropped, or of waking the loop again and again; and
 * what waits there at the end is taken before the socket is closed, because closing would reset it.
 * Under the hood: the kernel gives the lowest descriptor that is free. So many of the highest are left to
 * others: a connection that gets one of those takes the place of a descriptor below them, which was opened
 * for that, and no more are accepted until there is another such place.
 * Lifetime: acceptor_open, acceptor_close; the memory is the caller's again when the loop has ended.
 * Thread-safety: none; it belongs to its loop's thread.
 */
#ifndef VITRINE_SERVICE_ACCEPTOR_H
#define VITRINE_SERVICE_ACCEPTOR_H

#include <stdbool.h>

#include <uv.h>

struct acceptor {
    uv_poll_t poll;
    unsigned spared; /* descriptors that are left to others, set by the owner; 0: none */
    int fd;          /* -1: closed */
    int place;       /* is kept for a connection; -1: there is none, and it is paused */
    int ceiling;     /* descriptors of connections are lower */
    bool is_paused;  /* no descriptor was left */
    /* A connection from PEER; FD is the callee's. */
    void (*on_connection)(void *context, int fd, const struct sockaddr *peer);
    void *context;
};

/* Listens on FD, which is the acceptor's from now on, also when this fails: an error of libuv then. */
int acceptor_open(struct acceptor *acceptor, uv_loop_t *loop, int fd);

/* A descriptor may be free again. */
void acceptor_resume(struct acceptor *acceptor);

/* Takes the connections that wait, and no more; may be called again. */
void acceptor_close(struct acceptor *acceptor);

#endif
