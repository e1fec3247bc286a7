#include "bench/load/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct answer answer;

static int fresh(void **state)
{
    (void)state;
    answer_reset(&answer);
    return 0;
}

static void an_answer_is_the_same_in_any_two_parts(void **state)
{
    static const char text[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello";
    size_t size = strlen(text);

    (void)state;
    for (size_t cut = 0; cut <= size; cut++) {
        answer_reset(&answer);
        assert_int_equal(answer_take(&answer, text, cut), cut);
        assert_int_equal(answer.state == ANSWER_DONE, cut == size);
        assert_int_equal(answer_take(&answer, text + cut, size - cut), size - cut);
        assert_int_equal(answer.state, ANSWER_DONE);
        assert_int_equal(answer.status, 404);
        assert_int_equal(answer.body_size, 5);
        assert_false(answer.is_last);
    }
}

static void nothing_is_taken_behind_its_end(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokSURPLUS";

    (void)state;
    assert_int_equal(answer_take(&answer, text, strlen(text)), strlen(text) - 7);
    assert_int_equal(answer.state, ANSWER_DONE);
}

static void what_has_no_status_or_no_length_is_malformed(void **state)
{
    static const char *const cases[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        answer_reset(&answer);
        answer_take(&answer, cases[i], strlen(cases[i]));
        assert_int_equal(answer.state, ANSWER_MALFORMED);
    }
}

static void a_head_without_an_end_is_malformed_at_8_kib(void **state)
{
    char byte = 'x';

    (void)state;
    for (int i = 0; i < ANSWER_HEAD_MAX - 2; i++) {
        assert_int_equal(answer_take(&answer, &byte, 1), 1);
        assert_int_equal(answer.state, ANSWER_HEAD);
    }
    answer_take(&answer, &byte, 1);
    assert_int_equal(answer.state, ANSWER_MALFORMED);
}

static void a_204_and_a_304_end_with_their_head(void **state)
{
    static const char *const cases[] = {"HTTP/1.1 204 No Content\r\n\r\n",
                                        "HTTP/1.1 304 Not Modified\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        answer_reset(&answer);
        answer_take(&answer, cases[i], strlen(cases[i]));
        assert_int_equal(answer.state, ANSWER_DONE);
    }
}

static void the_last_answer_of_a_connection_is_known(void **state)
{
    static const char *const cases[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        answer_reset(&answer);
        answer_take(&answer, cases[i], strlen(cases[i]));
        assert_true(answer.is_last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_answer_is_the_same_in_any_two_parts, fresh),
        cmocka_unit_test_setup(nothing_is_taken_behind_its_end, fresh),
        cmocka_unit_test_setup(what_has_no_status_or_no_length_is_malformed, fresh),
        cmocka_unit_test_setup(a_head_without_an_end_is_malformed_at_8_kib, fresh),
        cmocka_unit_test_setup(a_204_and_a_304_end_with_their_head, fresh),
        cmocka_unit_test_setup(the_last_answer_of_a_connection_is_known, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
