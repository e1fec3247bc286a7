/*
 * What clients hold, on a real loop that the test turns by hand. "/N" is answered by N bytes; a client
 * that does not read takes no more of them than fit the sockets.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/connection.h"
#include "service/held.h"
#include "service/listener.h"
#include "service/loop.h"

enum {
    MIB = 1 << 20,
    MOST = 64 * MIB,
    SOCKETS = 6 * MIB, /* what sockets may take of an answer that nobody reads */
    WAIT_MS = 60000,
};

struct server {
    struct loop *loop;
    struct held held;
    char address[ADDRESS_TEXT_MAX];
};

static struct later *on_request(void *context, const struct request *request, struct buffer *out)
{
    size_t size = strtoul(request->target.ptr + 1, NULL, 10);
    char *room = buffer_reserve(out, size);

    (void)context;
    assert_non_null(room);
    memset(room, 'x', size);
    out->len += size;
    return NULL;
}

static bool wants_body(void *context, const struct request *request)
{
    (void)context;
    (void)request;
    return true;
}

static void on_refusal(void *context, unsigned status, struct slice id, struct buffer *out)
{
    (void)context;
    (void)id;
    (void)out;
    fail_msg("refused %u", status);
}

static int setup(void **state)
{
    static const struct loop_answers answers = {
        .request = on_request, .wants_body = wants_body, .refusal = on_refusal};
    struct server *server = calloc(1, sizeof *server);
    struct bounds bounds = bounds_usual();
    struct errmsg msg;
    int fd;

    signal(SIGPIPE, SIG_IGN); /* clients go away while they are written to */
    server->held.most = MOST;
    server->held.loop_count = 1;
    bounds.held = &server->held;
    assert_int_equal(listeners_open("127.0.0.1:0", 1, &fd, server->address, &msg), ERR_NONE);
    assert_int_equal(loop_open_with(fd, &bounds, &answers, &server->loop, &msg), ERR_NONE);
    *state = server;
    return 0;
}

static int teardown(void **state)
{
    struct server *server = *state;

    loop_close(server->loop);
    assert_int_equal(server->held.bytes, 0);
    free(server);
    return 0;
}

/* How many were closed for what they held. */
static uint64_t closed(const struct server *server)
{
    return meter_read(&server->loop->meter.outstayed);
}

/* ---- clients ---- */

static void turn(struct server *server)
{
    uv_run(&server->loop->uv, UV_RUN_NOWAIT);
}

/* And as many times: on a busy machine the time may pass without a turn. */
static void turn_for(struct server *server, int64_t ms)
{
    int64_t end_ms = monotonic_ms() + ms;

    for (int64_t turns = 0; turns < ms || monotonic_ms() < end_ms; turns++) {
        turn(server);
        uv_sleep(1);
    }
}

static int client_open(const struct server *server)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int small = 4096;

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(uv_ip4_addr("127.0.0.1", atoi(strrchr(server->address, ':') + 1), &address),
                     0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void client_send(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Asks for SIZE bytes; returns when the loop has answered. */
static void client_ask(struct server *server, int fd, size_t size)
{
    char text[128];
    size_t before = server->held.bytes;
    uint64_t closed_before = closed(server);

    snprintf(text, sizeof text, "GET /%zu HTTP/1.1\r\nHost: x\r\n\r\n", size);
    client_send(fd, text);
    for (int64_t end_ms = monotonic_ms() + WAIT_MS;
         server->held.bytes == before && closed(server) == closed_before;) {
        assert_true(monotonic_ms() < end_ms);
        turn(server);
    }
}

/* Reads at most SIZE bytes, until there are so many or the connection ends; returns how many came. */
static size_t client_read(struct server *server, int fd, size_t size)
{
    static char room[MIB];
    size_t len = 0;

    for (int64_t end_ms = monotonic_ms() + WAIT_MS; len < size;) {
        ssize_t count = recv(fd, room, sizeof room, MSG_DONTWAIT);

        if (count > 0) {
            len += (size_t)count;
        } else if (count == 0 || errno != EAGAIN) {
            return len;
        } else {
            assert_true(monotonic_ms() < end_ms);
            turn(server);
        }
    }
    return len;
}

/* ---- tests ---- */

static void what_is_taken_is_held_no_longer(void **state)
{
    struct server *server = *state;
    int fd = client_open(server);

    client_ask(server, fd, 16 * MIB);
    assert_in_range(server->held.bytes, 16 * MIB - SOCKETS, 17 * MIB);
    assert_int_equal(client_read(server, fd, 16 * MIB), 16 * MIB);
    turn_for(server, 20);
    assert_int_equal(server->held.bytes, 0);
    assert_int_equal(server->loop->held_bytes, 0);
    close(fd);
}

static void a_request_that_does_not_end_is_held(void **state)
{
    struct server *server = *state;
    int fd = client_open(server);

    client_send(fd, "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n1234567");
    turn_for(server, 20);
    assert_in_range(server->held.bytes, 7, 64 << 10);
    close(fd);
    turn_for(server, 20);
    assert_int_equal(server->held.bytes, 0);
}

static void who_holds_most_for_longest_is_closed(void **state)
{
    struct server *server = *state;
    int slow = client_open(server);
    int small = client_open(server);
    int fast = client_open(server);

    client_ask(server, slow, 30 * MIB);
    client_ask(server, small, SOCKETS + MIB);
    turn_for(server, 100);
    client_ask(server, fast, 48 * MIB);
    assert_int_equal(closed(server), 1);
    assert_true(server->held.bytes <= MOST - MOST / 8);
    assert_true(client_read(server, slow, 30 * MIB) <= SOCKETS);
    assert_int_equal(client_read(server, fast, 48 * MIB), 48 * MIB);
    assert_int_equal(client_read(server, small, SOCKETS + MIB), SOCKETS + MIB);
    close(slow);
    close(small);
    close(fast);
}

static void as_many_are_closed_as_have_to_be(void **state)
{
    enum { CLIENTS = 40 };
    struct server *server = *state;
    int fds[CLIENTS];

    for (unsigned i = 0; i < CLIENTS; i++) {
        fds[i] = client_open(server);
        client_ask(server, fds[i], SOCKETS + MIB);
        assert_true(server->held.bytes <= MOST);
    }
    assert_int_equal(server->loop->held_bytes, server->held.bytes);
    assert_in_range(closed(server), 1, CLIENTS - 1);
    for (unsigned i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
}

static void a_loop_that_holds_its_share_and_no_more_closes_nobody(void **state)
{
    struct server *server = *state;
    int fd = client_open(server);

    server->held.loop_count = 2;
    atomic_fetch_add(&server->held.bytes, 60 * MIB); /* the other loop's */
    client_ask(server, fd, 30 * MIB);
    turn_for(server, LOOP_TICK_MS + 100);
    assert_true(server->held.bytes > MOST);
    assert_int_equal(client_read(server, fd, 30 * MIB), 30 * MIB);
    atomic_fetch_sub(&server->held.bytes, 60 * MIB);
    close(fd);
}

static void a_loop_that_holds_more_finds_out_when_it_looks(void **state)
{
    struct server *server = *state;
    int fd = client_open(server);

    server->held.loop_count = 2;
    client_ask(server, fd, 50 * MIB);
    atomic_fetch_add(&server->held.bytes, 30 * MIB); /* the other loop's */
    turn_for(server, LOOP_TICK_MS + 200);
    assert_int_equal(server->held.bytes, 30 * MIB);
    assert_true(client_read(server, fd, 50 * MIB) <= SOCKETS);
    atomic_fetch_sub(&server->held.bytes, 30 * MIB);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_taken_is_held_no_longer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_that_does_not_end_is_held, setup, teardown),
        cmocka_unit_test_setup_teardown(who_holds_most_for_longest_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(as_many_are_closed_as_have_to_be, setup, teardown),
        cmocka_unit_test_setup_teardown(a_loop_that_holds_its_share_and_no_more_closes_nobody,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_loop_that_holds_more_finds_out_when_it_looks, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
