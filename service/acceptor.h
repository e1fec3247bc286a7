/*
 * Takes connections off a listening socket, as far as there is room for them.
 *
 * Good for: a loop. When the process is out of file descriptors, connections wait in the kernel's
 * queue until acceptor_resume, instead of being dropped, or of waking the loop again and again; and
 * what waits there at the end is taken before the socket is closed, because closing would reset it.
 * Lifetime: acceptor_open, acceptor_close; the memory is the caller's again when the loop has ended.
 * Thread-safety: none; it belongs to its loop's thread.
 */
#ifndef VITRINE_SERVICE_ACCEPTOR_H
#define VITRINE_SERVICE_ACCEPTOR_H

#include <stdbool.h>

#include <uv.h>

struct acceptor {
    uv_poll_t poll;
    int fd;         /* -1: closed */
    bool is_paused; /* no descriptor was left */
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
