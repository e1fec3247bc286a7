/*
 * Forwarding against a primary that plays a script: a thread for each connection that it gets.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "service/forward_link.h"

enum { CONNECTIONS_MAX = 128, STEPS_MAX = 4, TIMEOUT_MS = 6000, MANY = 500 };

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define WAIT "wait" /* longer than a request may take */

/* What a connection answers to its requests, in turn; then, and after "", it ends. */
struct script {
    const char *answers[STEPS_MAX];
    bool ends_while_idle; /* after the first answer, without being asked */
    bool repeats;         /* the first answer, for ever */
};

struct stage {
    const struct script *scripts; /* by connection; the last one is for all further ones */
    unsigned script_count;
    int listener;
    uint16_t port;
    pthread_t thread;
    pthread_t players[CONNECTIONS_MAX];
    int sockets[CONNECTIONS_MAX];
    atomic_uint connection_count;
    atomic_uint request_count;
    atomic_uint end_count; /* connections that the primary has ended */
    atomic_bool is_over;
};

struct player {
    struct stage *stage;
    const struct script *script;
    int socket;
};

/* Reads one request: its head, and as many bytes as Content-Length says. */
static bool read_request(int socket)
{
    static const size_t size = 2 << 20;
    char *text = memory_alloc(size);
    size_t len = 0;
    size_t needed = size;

    while (len < needed) {
        ssize_t got = read(socket, text + len, size - 1 - len);
        const char *end;
        const char *length;

        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        text[len] = '\0';
        end = strstr(text, "\r\n\r\n");
        length = strstr(text, "Content-Length: ");
        if (end != NULL) {
            needed =
                (size_t)(end + 4 - text) + (length == NULL ? 0 : strtoul(length + 16, NULL, 10));
        }
    }
    free(text);
    return len >= needed;
}

static void *play(void *context)
{
    struct player player = *(struct player *)context;
    const struct script *script = player.script;

    free(context);
    for (unsigned i = 0; i < STEPS_MAX && read_request(player.socket);) {
        const char *answer = script->answers[i];

        player.stage->request_count++;
        if (answer == NULL || *answer == '\0') {
            break;
        }
        if (strcmp(answer, WAIT) == 0) {
            while (!player.stage->is_over) {
                usleep(10000);
            }
            break;
        }
        for (size_t sent = 0, len = strlen(answer); sent < len;) {
            ssize_t more = send(player.socket, answer + sent, len - sent, MSG_NOSIGNAL);

            if (more <= 0) {
                break;
            }
            sent += (size_t)more;
        }
        if (script->ends_while_idle) {
            break;
        }
        i += !script->repeats;
    }
    shutdown(player.socket, SHUT_RDWR);
    player.stage->end_count++;
    return NULL;
}

static void *accept_all(void *context)
{
    struct stage *stage = context;

    for (;;) {
        int socket = accept(stage->listener, NULL, NULL);
        unsigned i = stage->connection_count;
        struct player *player;

        if (socket < 0 || i == CONNECTIONS_MAX) {
            return NULL;
        }
        player = memory_alloc(sizeof *player);
        *player = (struct player){
            .stage = stage,
            .script = &stage->scripts[i < stage->script_count ? i : stage->script_count - 1],
            .socket = socket};
        stage->sockets[i] = socket;
        stage->connection_count++; /* before its first answer */
        assert_int_equal(pthread_create(&stage->players[i], NULL, play, player), 0);
    }
}

static void stage_open(struct stage *stage, const struct script *scripts, unsigned count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    *stage = (struct stage){.scripts = scripts, .script_count = count};
    stage->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(stage->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(stage->listener, (struct sockaddr *)&address, &size), 0);
    stage->port = ntohs(address.sin_port);
    assert_int_equal(listen(stage->listener, CONNECTIONS_MAX), 0);
    assert_int_equal(pthread_create(&stage->thread, NULL, accept_all, stage), 0);
}

static void stage_close(struct stage *stage)
{
    stage->is_over = true;
    shutdown(stage->listener, SHUT_RDWR);
    pthread_join(stage->thread, NULL);
    close(stage->listener);
    for (unsigned i = 0; i < stage->connection_count; i++) {
        shutdown(stage->sockets[i], SHUT_RDWR);
        pthread_join(stage->players[i], NULL);
        close(stage->sockets[i]);
    }
}

struct node {
    uv_loop_t uv;
    struct primary primary;
    struct forwarder *forwarder;
};

static void node_open(struct node *node, const char *host, unsigned port)
{
    char url[256];
    struct errmsg msg;

    assert_int_equal(uv_loop_init(&node->uv), 0);
    snprintf(url, sizeof url, "http://%s:%u", host, port);
    assert_int_equal(primary_parse(url, &node->primary, &msg), ERR_NONE);
    node->forwarder = forwarder_open(&node->uv, &node->primary, TIMEOUT_MS);
}

static void node_close(struct node *node)
{
    forwarder_close(node->forwarder);
    uv_run(&node->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&node->uv), 0);
}

struct asked {
    struct forward forward;
    bool is_done;
};

static void on_done(struct forward *forward)
{
    struct asked *asked = (struct asked *)forward;

    assert_false(asked->is_done);
    asked->is_done = true;
}

static void ask_for(struct node *node, struct asked *asked, struct slice request,
                    bool is_repeatable)
{
    asked->is_done = false;
    asked->forward =
        (struct forward){.request = request, .is_repeatable = is_repeatable, .done = on_done};
    forwarder_send(node->forwarder, &asked->forward);
}

static struct slice small_request(void)
{
    return slice_str("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}");
}

/* Sends one request and waits for its outcome. */
static enum forward_outcome ask(struct node *node, bool is_repeatable)
{
    struct asked asked;

    ask_for(node, &asked, small_request(), is_repeatable);
    while (!asked.is_done) {
        uv_run(&node->uv, UV_RUN_ONCE);
    }
    primary_answer_free(&asked.forward.answer);
    return asked.forward.outcome;
}

/* Lets the loop see, without being asked, that all connections have ended, COUNT by now. */
static void look_around(struct node *node, const struct stage *stage, unsigned count)
{
    while (stage->end_count < count) {
        usleep(1000);
    }
    for (unsigned i = 0; i < 60000 && node->forwarder->link_count > 0; i++) {
        uv_run(&node->uv, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(node->forwarder->link_count, 0);
}

static void connections_are_used_again(void **state)
{
    static const struct script script = {.answers = {OK_ANSWER}, .repeats = true};
    struct stage stage;
    struct node node;

    (void)state;
    stage_open(&stage, &script, 1);
    node_open(&node, "127.0.0.1", stage.port);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(ask(&node, false), FORWARD_ANSWERED);
    }
    assert_int_equal(stage.connection_count, 1);
    assert_int_equal(stage.request_count, 5);
    node_close(&node);
    stage_close(&stage);
}

static void a_name_is_resolved_and_all_its_addresses_tried(void **state)
{
    static const struct script script = {.answers = {OK_ANSWER}, .repeats = true};
    struct stage stage;
    struct node node;

    (void)state;
    stage_open(&stage, &script, 1);
    node_open(&node, "localhost", stage.port); /* ::1 as well, where nobody listens */
    assert_int_equal(ask(&node, false), FORWARD_ANSWERED);
    node_close(&node);
    stage_close(&stage);
}

static void a_connection_that_ended_while_idle_is_replaced(void **state)
{
    static const struct script script = {.answers = {OK_ANSWER}, .ends_while_idle = true};
    struct stage stage;
    struct node node;

    (void)state;
    stage_open(&stage, &script, 1);
    node_open(&node, "127.0.0.1", stage.port);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ask(&node, false), FORWARD_ANSWERED);
        look_around(&node, &stage, i + 1);
    }
    assert_int_equal(stage.connection_count, 3);
    node_close(&node);
    stage_close(&stage);
}

static void what_is_lost_is_sent_again_only_when_it_may_be_and_once(void **state)
{
    static const struct {
        struct script scripts[3];
        bool is_repeatable;
        enum forward_outcome outcome;
        unsigned request_count;
    } cases[] = {
        /* ended without an answer; then there would be one */
        {{{.answers = {""}}, {.answers = {OK_ANSWER}}, {.answers = {OK_ANSWER}}},
         false,
         FORWARD_LOST,
         1},
        {{{.answers = {""}}, {.answers = {OK_ANSWER}}, {.answers = {OK_ANSWER}}},
         true,
         FORWARD_ANSWERED,
         2},
        {{{.answers = {""}}, {.answers = {""}}, {.answers = {OK_ANSWER}}}, true, FORWARD_LOST, 2},
        /* cut in the head, and in the body */
        {{{.answers = {"HTTP/1.1 200 OK\r\nConte"}}, {.answers = {OK_ANSWER}}, {.answers = {""}}},
         false,
         FORWARD_LOST,
         1},
        {{{.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", ""}},
          {.answers = {OK_ANSWER}},
          {.answers = {""}}},
         true,
         FORWARD_ANSWERED,
         2},
        {{{.answers = {"HTTP/1.1 200 OK\r\n\r\nwhere is the end?"}},
          {.answers = {""}},
          {.answers = {""}}},
         false,
         FORWARD_LOST,
         1},
        /* no HTTP */
        {{{.answers = {"hello\r\n"}}, {.answers = {OK_ANSWER}}, {.answers = {""}}},
         false,
         FORWARD_LOST,
         1},
        /* too slow: whether it is done will never be known, nor was there time for more */
        {{{.answers = {WAIT}}, {.answers = {OK_ANSWER}}, {.answers = {""}}}, true, FORWARD_LOST, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage stage;
        struct node node;
        struct script scripts[3];

        memcpy(scripts, cases[i].scripts, sizeof scripts);
        for (unsigned k = 0; k < 3; k++) { /* what is cut is not followed by waiting */
            scripts[k].ends_while_idle = true;
        }
        stage_open(&stage, scripts, 3);
        node_open(&node, "127.0.0.1", stage.port);
        assert_int_equal(ask(&node, cases[i].is_repeatable), cases[i].outcome);
        assert_int_equal(stage.request_count, cases[i].request_count);
        node_close(&node);
        stage_close(&stage);
    }
}

static void a_primary_that_is_not_there_is_told_at_once_and_found_again(void **state)
{
    static const struct script script = {.answers = {OK_ANSWER}, .repeats = true};
    struct stage gone;
    struct stage stage;
    struct node node;
    uint64_t began_ns = uv_hrtime();

    (void)state;
    stage_open(&gone, &script, 1);
    stage_close(&gone);
    node_open(&node, "127.0.0.1", gone.port);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(ask(&node, true), FORWARD_AWAY);
    }
    /* Not the time for a connection each time. */
    assert_in_range((uv_hrtime() - began_ns) / 1000000, 0, 5 * FORWARD_CONNECT_MS);
    stage_open(&stage, &script, 1);
    snprintf(node.primary.port, sizeof node.primary.port, "%u", stage.port);
    assert_int_equal(ask(&node, false), FORWARD_ANSWERED);
    node_close(&node);
    stage_close(&stage);
}

static void a_name_without_address_is_away(void **state)
{
    struct node node;

    (void)state;
    /* Longer than a name may be, so that nobody is asked for it. */
    node_open(&node, "a-name-that-is-longer-than-the-sixty-three-bytes-which-it-may-have-x", 80);
    assert_int_equal(ask(&node, false), FORWARD_AWAY);
    node_close(&node);
}

/* A connection that hangs: the queue of its listener is full. */
static void a_primary_that_does_not_take_connections_is_away_after_its_time(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int fillers[4];
    struct node node;
    uint64_t began_ns;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(listen(listener, 0), 0);
    for (unsigned i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, size);
    }
    began_ns = uv_hrtime(); /* before the loop looks at its clock */
    node_open(&node, "127.0.0.1", ntohs(address.sin_port));
    assert_int_equal(ask(&node, true), FORWARD_AWAY);
    assert_in_range((uv_hrtime() - began_ns) / 1000000, FORWARD_CONNECT_MS - 50, TIMEOUT_MS - 1000);
    node_close(&node);
    for (unsigned i = 0; i < 4; i++) {
        close(fillers[i]);
    }
    close(listener);
}

static void many_at_once_share_a_bounded_number_of_connections(void **state)
{
    static const struct script script = {.answers = {OK_ANSWER}, .repeats = true};
    struct stage stage;
    struct node node;
    struct asked *asked = memory_calloc(MANY, sizeof *asked);
    unsigned done;

    (void)state;
    stage_open(&stage, &script, 1);
    node_open(&node, "127.0.0.1", stage.port);
    for (unsigned i = 0; i < MANY; i++) {
        ask_for(&node, &asked[i], small_request(), false);
    }
    do {
        uv_run(&node.uv, UV_RUN_ONCE);
        done = 0;
        for (unsigned i = 0; i < MANY; i++) {
            done += asked[i].is_done;
        }
    } while (done < MANY);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(asked[i].forward.outcome, FORWARD_ANSWERED);
        assert_string_equal(buffer_str(&asked[i].forward.answer.body), "ok");
        primary_answer_free(&asked[i].forward.answer);
    }
    assert_int_equal(stage.request_count, MANY);
    assert_in_range(stage.connection_count, 1, FORWARD_LINKS_MAX);
    node_close(&node);
    stage_close(&stage);
    free(asked);
}

/* A head for SIZE bytes of body, and the body. */
static char *large(const char *head, size_t size)
{
    char *text = memory_alloc(size + 128);
    int len = snprintf(text, 128, "%s\r\nContent-Length: %zu\r\n\r\n", head, size);

    memset(text + len, 'x', size);
    text[(size_t)len + size] = '\0';
    return text;
}

static void a_large_request_and_a_large_answer_come_whole(void **state)
{
    char *answer = large("HTTP/1.1 200 OK", 8 << 20);
    char *request = large("POST / HTTP/1.1", 1 << 20);
    struct script script = {.answers = {answer}, .repeats = true};
    struct stage stage;
    struct node node;
    struct asked asked;

    (void)state;
    stage_open(&stage, &script, 1);
    node_open(&node, "127.0.0.1", stage.port);
    ask_for(&node, &asked, slice_str(request), false);
    while (!asked.is_done) {
        uv_run(&node.uv, UV_RUN_ONCE);
    }
    assert_int_equal(asked.forward.outcome, FORWARD_ANSWERED);
    assert_int_equal(asked.forward.answer.body.len, 8 << 20);
    primary_answer_free(&asked.forward.answer);
    node_close(&node);
    stage_close(&stage);
    free(answer);
    free(request);
}

static void requests_beyond_the_memory_for_them_are_away_at_once(void **state)
{
    char *request = large("POST / HTTP/1.1", FORWARD_BYTES_MAX);
    struct node node;
    struct asked asked;

    (void)state;
    node_open(&node, "127.0.0.1", 1);
    ask_for(&node, &asked, slice_str(request), false);
    assert_true(asked.is_done);
    assert_int_equal(asked.forward.outcome, FORWARD_AWAY);
    primary_answer_free(&asked.forward.answer);
    node_close(&node);
    free(request);
}

static void closing_answers_what_is_at_work(void **state)
{
    static const struct script script = {.answers = {WAIT}};
    struct stage stage;
    struct node node;
    struct asked at_work;
    struct asked waiting[FORWARD_LINKS_MAX];

    (void)state;
    stage_open(&stage, &script, 1);
    node_open(&node, "127.0.0.1", stage.port);
    ask_for(&node, &at_work, small_request(), true);
    while (stage.request_count < 1) {
        uv_run(&node.uv, UV_RUN_ONCE);
    }
    for (unsigned i = 0; i < FORWARD_LINKS_MAX; i++) {
        ask_for(&node, &waiting[i], small_request(), true);
    }
    node_close(&node);
    assert_true(at_work.is_done);
    assert_int_equal(at_work.forward.outcome, FORWARD_LOST);
    primary_answer_free(&at_work.forward.answer);
    for (unsigned i = 0; i < FORWARD_LINKS_MAX; i++) {
        assert_true(waiting[i].is_done);
        assert_int_equal(waiting[i].forward.outcome, FORWARD_AWAY);
        primary_answer_free(&waiting[i].forward.answer);
    }
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(a_name_is_resolved_and_all_its_addresses_tried),
        cmocka_unit_test(a_connection_that_ended_while_idle_is_replaced),
        cmocka_unit_test(what_is_lost_is_sent_again_only_when_it_may_be_and_once),
        cmocka_unit_test(a_primary_that_is_not_there_is_told_at_once_and_found_again),
        cmocka_unit_test(a_name_without_address_is_away),
        cmocka_unit_test(a_primary_that_does_not_take_connections_is_away_after_its_time),
        cmocka_unit_test(many_at_once_share_a_bounded_number_of_connections),
        cmocka_unit_test(a_large_request_and_a_large_answer_come_whole),
        cmocka_unit_test(requests_beyond_the_memory_for_them_are_away_at_once),
        cmocka_unit_test(closing_answers_what_is_at_work),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
