#include "bench/load/mix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct mix mix;
static char request[MIX_REQUEST_MAX];

static int fresh(void **state)
{
    (void)state;
    memset(&mix, 0, sizeof mix);
    mix_seed(&mix, 1);
    mix.host[0] = 'h';
    return 0;
}

static int freed(void **state)
{
    (void)state;
    mix_free(&mix);
    return 0;
}

/* A file that holds TEXT; PATH becomes its name. */
static void write_file(char *path, const char *text)
{
    int fd;

    snprintf(path, 32, "/tmp/vitrine-mix-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static const char *next(void)
{
    unsigned route;
    size_t size = mix_next(&mix, request, &route);

    assert_int_equal(size, strlen(request));
    return request;
}

static void routes_come_as_often_as_their_weights_say(void **state)
{
    unsigned counts[2] = {0};
    char path[32];

    (void)state;
    write_file(path, "# what is read\n\n3 often /a\n1 seldom /b/%d 5-5 # one key\n");
    mix_read(&mix, path);
    unlink(path);
    assert_int_equal(mix.route_count, 2);
    for (int i = 0; i < 40000; i++) {
        unsigned route;

        mix_next(&mix, request, &route);
        counts[route]++;
    }
    assert_in_range(counts[0], 29500, 30500);
    assert_string_equal(mix.routes[1].name, "seldom");
}

static void keys_are_random_in_their_range_and_all_of_them_come(void **state)
{
    unsigned seen[4] = {0};

    (void)state;
    mix_add(&mix, 1, "r", "/x?id=%d&y=1", "7-10");
    for (int i = 0; i < 4000; i++) {
        unsigned key;
        char end[16];

        assert_int_equal(sscanf(next(), "GET /x?id=%u%15[&y=1] HTTP/1.1\r\n", &key, end), 2);
        assert_in_range(key, 7, 10);
        seen[key - 7]++;
    }
    for (int i = 0; i < 4; i++) {
        assert_in_range(seen[i], 850, 1150);
    }
}

static void in_turn_every_key_comes_once_a_round(void **state)
{
    (void)state;
    mix.is_in_turn = true;
    mix_add(&mix, 1, "r", "/%d", "1-2");
    assert_string_equal(next(), "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(next(), "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(next(), "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void in_turn_every_route_comes_once_a_round(void **state)
{
    (void)state;
    mix.is_in_turn = true;
    mix_add(&mix, 5, "up", "/up", NULL);
    mix_add(&mix, 1, "down", "/down", NULL);
    assert_non_null(strstr(next(), "GET /up "));
    assert_non_null(strstr(next(), "GET /down "));
    assert_non_null(strstr(next(), "GET /up "));
}

static void paths_may_come_from_a_file(void **state)
{
    char path[32];
    char named[33];

    (void)state;
    write_file(path, "/one\n/two?a=%d\n");
    snprintf(named, sizeof named, "@%s", path);
    mix.is_in_turn = true;
    mix_add(&mix, 1, "listed", named, NULL);
    unlink(path);
    assert_non_null(strstr(next(), "GET /one "));
    assert_non_null(strstr(next(), "GET /two?a=%d "));
    assert_non_null(strstr(next(), "GET /one "));
}

static void with_bodies_requests_are_posts(void **state)
{
    char path[32];

    (void)state;
    write_file(path, "{\"a\":1}\n");
    mix_read_bodies(&mix, path);
    unlink(path);
    mix_add(&mix, 1, "w", "/w", NULL);
    assert_string_equal(next(), "POST /w HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                                "Content-Length: 7\r\n\r\n{\"a\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(routes_come_as_often_as_their_weights_say, fresh, freed),
        cmocka_unit_test_setup_teardown(keys_are_random_in_their_range_and_all_of_them_come, fresh,
                                        freed),
        cmocka_unit_test_setup_teardown(in_turn_every_key_comes_once_a_round, fresh, freed),
        cmocka_unit_test_setup_teardown(in_turn_every_route_comes_once_a_round, fresh, freed),
        cmocka_unit_test_setup_teardown(paths_may_come_from_a_file, fresh, freed),
        cmocka_unit_test_setup_teardown(with_bodies_requests_are_posts, fresh, freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
