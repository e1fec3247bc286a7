/*
 * Answers that come later, on a real loop and real sockets. "/later/MS" is answered by a thread of its
 * own after MS milliseconds, "/later/held" when the test lets it, anything else at once; the body is
 * the target. "/expire" has the time of all other connections be over.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "service/connection.h"
#include "service/listener.h"
#include "service/loop.h"

enum { WORKS_MAX = 16, WAIT_MS = 60000 };

struct work {
    struct later later;
    struct server *server;
    uv_thread_t thread;
    unsigned pause_ms;
    bool is_held;
    char target[64];
};

struct server {
    struct loop *loop;
    char address[ADDRESS_TEXT_MAX];
    struct work *works[WORKS_MAX];
    atomic_uint work_count;
    atomic_uint answered;
    atomic_uint dropped;
    atomic_bool is_released; /* what is held */
};

static void append_answer(struct buffer *out, const char *target, bool keep_alive)
{
    buffer_printf(out, "%s%s\n", target, keep_alive ? "" : " close");
}

static void answer_work(struct later *later, struct buffer *out)
{
    struct work *work = (struct work *)later;

    if (out == NULL) {
        work->server->dropped++;
        return;
    }
    append_answer(out, work->target, later->keep_alive);
    work->server->answered++;
}

static void run_work(void *argument)
{
    struct work *work = argument;

    uv_sleep(work->pause_ms);
    while (work->is_held && !work->server->is_released) {
        uv_sleep(1);
    }
    later_queue_add(&work->server->loop->ready, &work->later);
}

static struct later *on_request(void *context, const struct request *request, struct buffer *out)
{
    struct server *server = context;
    struct work *work;
    char target[64];

    snprintf(target, sizeof target, "%.*s", SLICE_ARG(request->target));
    if (strcmp(target, "/expire") == 0) {
        for (struct connection *at = server->loop->connections; at != NULL; at = at->next) {
            at->deadline_ms = 0;
        }
    }
    if (strncmp(target, "/later/", 7) != 0) {
        append_answer(out, target, request->keep_alive);
        return NULL;
    }
    work = memory_calloc(1, sizeof *work);
    work->later.answer = answer_work;
    work->server = server;
    work->pause_ms = (unsigned)strtoul(target + 7, NULL, 10);
    work->is_held = strcmp(target + 7, "held") == 0;
    memcpy(work->target, target, sizeof target);
    assert_true(server->work_count < WORKS_MAX);
    server->works[server->work_count++] = work;
    assert_int_equal(uv_thread_create(&work->thread, run_work, work), 0);
    return &work->later;
}

static void on_refusal(void *context, unsigned status, struct slice id, struct buffer *out)
{
    (void)context;
    assert_int_equal(id.len, HEX_TEXT_LEN);
    buffer_printf(out, "refused %u\n", status);
}

static void server_start(struct server *server)
{
    struct loop_answers answers = {.request = on_request, .refusal = on_refusal, .context = server};
    struct bounds bounds = bounds_usual();
    struct errmsg msg;
    int fd;

    *server = (struct server){.loop = NULL};
    assert_int_equal(listeners_open("127.0.0.1:0", 1, &fd, server->address, &msg), ERR_NONE);
    assert_int_equal(loop_open_with(fd, &bounds, &answers, &server->loop, &msg), ERR_NONE);
    assert_int_equal(loop_start(server->loop, &msg), ERR_NONE);
}

/* Waits until COUNT has come to VALUE. */
static void wait_for(const atomic_uint *count, unsigned value)
{
    for (unsigned i = 0; i < WAIT_MS && *count != value; i++) {
        uv_sleep(1);
    }
    assert_int_equal(*count, value);
}

/* Every work is answered or dropped, exactly once. */
static void server_end(struct server *server)
{
    loop_stop(server->loop);
    loop_join(server->loop);
    for (unsigned i = 0; i < server->work_count; i++) {
        uv_thread_join(&server->works[i]->thread);
    }
    loop_close(server->loop);
    assert_int_equal(server->answered + server->dropped, server->work_count);
    for (unsigned i = 0; i < server->work_count; i++) {
        free(server->works[i]);
    }
}

static int client_open(const struct server *server)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    const char *port = strrchr(server->address, ':') + 1;

    assert_true(fd >= 0);
    assert_int_equal(uv_ip4_addr("127.0.0.1", atoi(port), &address), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void client_send(int fd, const char *text)
{
    size_t len = strlen(text);

    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

/* Reads until TEXT has come; then, when ENDS, until the end. */
static void client_expect(int fd, const char *text, bool ends)
{
    char found[4096] = "";
    size_t len = 0;

    while (len < strlen(text)) {
        ssize_t count = read(fd, found + len, sizeof found - 1 - len);

        assert_true(count > 0);
        len += (size_t)count;
    }
    found[len] = '\0';
    assert_string_equal(found, text);
    if (ends) {
        assert_int_equal(read(fd, found, sizeof found), 0);
    }
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"

/* The loop has turned since: it has seen what happened to its connections. */
static void look_twice(const struct server *server)
{
    int fd = client_open(server);

    for (unsigned i = 0; i < 2; i++) {
        client_send(fd, GET("/look"));
        client_expect(fd, "/look\n", false);
    }
    close(fd);
}

static void answers_stay_in_order_however_requests_are_split(void **state)
{
    static const char requests[] =
        GET("/a") GET("/later/60") GET("/b") GET("/later/1") GET("/later/0") GET("/c");
    static const char answers[] = "/a\n/later/60\n/b\n/later/1\n/later/0\n/c\n";
    static const size_t sizes[] = {1, 13, 40, sizeof requests};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct server server;
        int fd;

        server_start(&server);
        fd = client_open(&server);
        for (size_t at = 0; at < sizeof requests - 1; at += sizes[i]) {
            char piece[sizeof requests + 1];

            snprintf(piece, sizeof piece, "%.*s", (int)sizes[i], requests + at);
            client_send(fd, piece);
            uv_sleep(1);
        }
        client_expect(fd, answers, false);
        close(fd);
        server_end(&server);
    }
}

static void what_came_before_is_sent_while_an_answer_is_waited_for(void **state)
{
    struct server server;
    int fd;

    (void)state;
    server_start(&server);
    fd = client_open(&server);
    client_send(fd, GET("/a") GET("/later/held"));
    client_expect(fd, "/a\n", false);
    server.is_released = true;
    client_expect(fd, "/later/held\n", false);
    close(fd);
    server_end(&server);
}

static void connections_do_not_wait_for_each_other(void **state)
{
    struct server server;
    int slow;
    int fast;

    (void)state;
    server_start(&server);
    slow = client_open(&server);
    fast = client_open(&server);
    client_send(slow, GET("/later/held"));
    wait_for(&server.work_count, 1);
    client_send(fast, GET("/later/10") GET("/a"));
    client_expect(fast, "/later/10\n/a\n", false);
    server.is_released = true;
    client_expect(slow, "/later/held\n", false);
    close(fast);
    close(slow);
    server_end(&server);
}

static void a_client_that_sends_no_more_gets_its_answers(void **state)
{
    struct server server;
    int fd;

    (void)state;
    server_start(&server);
    fd = client_open(&server);
    client_send(fd, GET("/later/100"));
    shutdown(fd, SHUT_WR);
    client_expect(fd, "/later/100\n", true);
    close(fd);
    fd = client_open(&server);
    client_send(fd, GET("/later/100") GET("/a") GET("/later/1"));
    shutdown(fd, SHUT_WR);
    client_expect(fd, "/later/100\n/a\n/later/1\n", true);
    close(fd);
    server_end(&server);
}

static void a_connection_ends_after_its_last_answer(void **state)
{
    struct server server;
    int fd;

    (void)state;
    server_start(&server);
    fd = client_open(&server);
    client_send(fd, "GET /later/held HTTP/1.0\r\n\r\n");
    wait_for(&server.work_count, 1);
    client_send(fd, GET("/a"));
    server.is_released = true;
    client_expect(fd, "/later/held close\n", true);
    close(fd);
    server_end(&server);
}

static void what_cannot_be_read_is_refused_after_the_answer(void **state)
{
    struct server server;
    int fd;

    (void)state;
    server_start(&server);
    fd = client_open(&server);
    client_send(fd, GET("/later/50") "nonsense\r\n\r\n");
    client_expect(fd, "/later/50\nrefused 400\n", true);
    close(fd);
    server_end(&server);
}

/* It is reset, so that the loop notices at once, or just closed, so that it notices later. */
static void a_client_may_go_away(void **state)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    (void)state;
    for (unsigned reset = 0; reset < 2; reset++) {
        struct server server;
        int fd;

        server_start(&server);
        fd = client_open(&server);
        client_send(fd, GET("/later/held"));
        wait_for(&server.work_count, 1);
        if (reset) {
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        close(fd);
        look_twice(&server);
        server.is_released = true;
        wait_for(reset ? &server.dropped : &server.answered, 1);
        fd = client_open(&server);
        client_send(fd, GET("/later/0"));
        client_expect(fd, "/later/0\n", false);
        close(fd);
        assert_int_equal(server.dropped, reset);
        assert_int_equal(server.answered, 2 - reset);
        server_end(&server);
    }
}

static void time_outs_of_a_connection_do_not_end_a_wait(void **state)
{
    struct server server;
    int waiting;
    int idle;
    int fd;

    (void)state;
    server_start(&server);
    waiting = client_open(&server);
    client_send(waiting, GET("/later/held"));
    wait_for(&server.work_count, 1);
    idle = client_open(&server);
    client_send(idle, GET("/a"));
    client_expect(idle, "/a\n", false);
    fd = client_open(&server);
    client_send(fd, GET("/expire"));
    client_expect(fd, "/expire\n", false);
    client_expect(idle, "", true);
    server.is_released = true;
    client_expect(waiting, "/later/held\n", false);
    client_send(waiting, GET("/a"));
    client_expect(waiting, "/a\n", false);
    close(fd);
    close(idle);
    close(waiting);
    server_end(&server);
}

/* Waits until the stop of the loop has begun: nobody listens any more. */
static void wait_for_stop(const struct server *server)
{
    struct sockaddr_in address;
    bool is_refused = false;

    assert_int_equal(uv_ip4_addr("127.0.0.1", atoi(strrchr(server->address, ':') + 1), &address),
                     0);
    for (unsigned i = 0; i < WAIT_MS && !is_refused; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        assert_true(fd >= 0);
        is_refused = connect(fd, (struct sockaddr *)&address, sizeof address) != 0;
        close(fd);
        uv_sleep(1);
    }
    assert_true(is_refused);
}

static void a_stop_waits_for_answers_and_ends_their_connections(void **state)
{
    struct server server;
    int fd;

    (void)state;
    server_start(&server);
    fd = client_open(&server);
    client_send(fd, GET("/later/held") GET("/a"));
    wait_for(&server.work_count, 1);
    loop_stop(server.loop);
    wait_for_stop(&server);
    uv_sleep(100); /* in which a stop that does not wait would end the connection */
    server.is_released = true;
    client_expect(fd, "/later/held close\n", true);
    close(fd);
    loop_join(server.loop);
    server_end(&server);
}

static void a_stop_does_not_wait_for_ever(void **state)
{
    int64_t started_ms = monotonic_ms();
    struct server server;
    char byte;
    int fd;

    (void)state;
    server_start(&server);
    fd = client_open(&server);
    client_send(fd, GET("/later/held"));
    wait_for(&server.work_count, 1);
    loop_stop(server.loop);
    loop_join(server.loop); /* before the answer, which is never let go */
    assert_in_range(monotonic_ms() - started_ms, LOOP_STOP_MS, WAIT_MS);
    assert_true(read(fd, &byte, 1) <= 0);
    close(fd);
    server.is_released = true;
    server_end(&server);
    assert_int_equal(server.dropped, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_stay_in_order_however_requests_are_split),
        cmocka_unit_test(what_came_before_is_sent_while_an_answer_is_waited_for),
        cmocka_unit_test(connections_do_not_wait_for_each_other),
        cmocka_unit_test(a_client_that_sends_no_more_gets_its_answers),
        cmocka_unit_test(a_connection_ends_after_its_last_answer),
        cmocka_unit_test(what_cannot_be_read_is_refused_after_the_answer),
        cmocka_unit_test(a_client_may_go_away),
        cmocka_unit_test(time_outs_of_a_connection_do_not_end_a_wait),
        cmocka_unit_test(a_stop_waits_for_answers_and_ends_their_connections),
        cmocka_unit_test(a_stop_does_not_wait_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
