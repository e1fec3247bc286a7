#include "service/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    ACCEPTED_A_TURN = 64, /* so that those who are connected already get their turn */
    SHARE = 16,           /* of all descriptors one in so many is left to others at most */
};

/* A connection that was gone again, or the network's trouble with one: the next may be better. */
static bool is_passing(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM;
}

/* ---- descriptors that are left to others ---- */

/* The limit may be another by now. */
static int ceiling(const struct acceptor *acceptor)
{
    struct rlimit limit;
    rlim_t spared;

    if (acceptor->spared == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur > INT_MAX) {
        return INT_MAX;
    }
    spared = limit.rlim_cur / SHARE;
    return (int)(limit.rlim_cur - (spared < acceptor->spared ? spared : acceptor->spared));
}

static void close_place(struct acceptor *acceptor)
{
    if (acceptor->place >= 0) {
        close(acceptor->place);
        acceptor->place = -1;
    }
}

/* Whether there is a place for a connection that gets a descriptor beyond the ceiling. */
static bool has_place(struct acceptor *acceptor)
{
    acceptor->ceiling = ceiling(acceptor);
    if (acceptor->place < 0) {
        acceptor->place = eventfd(0, EFD_CLOEXEC);
    }
    if (acceptor->place >= acceptor->ceiling) {
        close_place(acceptor);
    }
    return acceptor->place >= 0;
}

/* Whether it accepts again, if it was paused. */
static bool unpause(struct acceptor *acceptor)
{
    if (acceptor->is_paused && has_place(acceptor)) {
        acceptor->is_paused = false;
    }
    return !acceptor->is_paused;
}

/* Pauses; has the connection FD take the place, so that it is below the ceiling; returns it, or -1. */
static int take_place(struct acceptor *acceptor, int fd)
{
    int place = dup3(fd, acceptor->place, O_CLOEXEC);

    acceptor->is_paused = true;
    close(fd);
    if (place >= 0) {
        acceptor->place = -1;
    }
    return place;
}

/* ---- accepting ---- */

/* Takes at most COUNT, until none is left or none can be had. */
static void take(struct acceptor *acceptor, unsigned count)
{
    while (count > 0 && !acceptor->is_paused) {
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof peer;
        int fd =
            accept4(acceptor->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= acceptor->ceiling) {
            fd = take_place(acceptor, fd);
        }
        if (fd >= 0) {
            acceptor->on_connection(acceptor->context, fd, (struct sockaddr *)&peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!is_passing(errno)) {
            acceptor->is_paused = true;
        }
        count--;
    }
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
    acceptor->place = -1;
    result = listen(fd, BACKLOG) == 0 ? uv_poll_init(loop, &acceptor->poll, fd) : -errno;
    if (result != 0) {
        close(fd);
        return result;
    }
    acceptor->poll.data = acceptor;
    acceptor->fd = fd;
    acceptor->is_paused = !has_place(acceptor);
    if (acceptor->is_paused) {
        return 0;
    }
    result = uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
    if (result != 0) {
        acceptor_close(acceptor);
    }
    return result;
}

void acceptor_resume(struct acceptor *acceptor)
{
    if (acceptor->fd >= 0 && acceptor->is_paused && unpause(acceptor)) {
        uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
    }
}

void acceptor_close(struct acceptor *acceptor)
{
    if (acceptor->fd < 0) {
        return;
    }
    if (unpause(acceptor)) {
        take(acceptor, BACKLOG);
    }
    close_place(acceptor);
    uv_poll_stop(&acceptor->poll);
    uv_close((uv_handle_t *)&acceptor->poll, NULL);
    close(acceptor->fd);
    acceptor->fd = -1;
}
