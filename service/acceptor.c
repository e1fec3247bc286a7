#include "service/acceptor.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    ACCEPTED_A_TURN = 64, /* so that those who are connected already get their turn */
};

/* A connection that was gone again, or the network's trouble with one: the next may be better. */
static bool is_passing(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM;
}

/* Takes at most COUNT; false when none is left, or none can be had. */
static bool take(struct acceptor *acceptor, unsigned count)
{
    while (count > 0) {
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof peer;
        int fd =
            accept4(acceptor->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            acceptor->on_connection(acceptor->context, fd, (struct sockaddr *)&peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return false;
        } else if (!is_passing(errno)) {
            acceptor->is_paused = true;
            return false;
        }
        count--;
    }
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct acceptor *acceptor = poll->data;

    (void)status;
    (void)events;
    take(acceptor, ACCEPTED_A_TURN);
    if (acceptor->is_paused) {
        uv_poll_stop(&acceptor->poll);
    }
}

int acceptor_open(struct acceptor *acceptor, uv_loop_t *loop, int fd)
{
    int result;

    acceptor->fd = -1;
    acceptor->is_paused = false;
    result = listen(fd, BACKLOG) == 0 ? uv_poll_init(loop, &acceptor->poll, fd) : -errno;
    if (result != 0) {
        close(fd);
        return result;
    }
    acceptor->poll.data = acceptor;
    acceptor->fd = fd;
    result = uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
    if (result != 0) {
        acceptor_close(acceptor);
    }
    return result;
}

void acceptor_resume(struct acceptor *acceptor)
{
    if (acceptor->fd >= 0 && acceptor->is_paused) {
        acceptor->is_paused = false;
        uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
    }
}

void acceptor_close(struct acceptor *acceptor)
{
    if (acceptor->fd < 0) {
        return;
    }
    take(acceptor, BACKLOG);
    uv_poll_stop(&acceptor->poll);
    uv_close((uv_handle_t *)&acceptor->poll, NULL);
    close(acceptor->fd);
    acceptor->fd = -1;
}
