#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/err.h"

static void a_detector_writes_the_message_and_returns_the_code(void **state)
{
    struct errmsg msg;

    (void)state;
    assert_int_equal(err_set(&msg, ERR_LIMIT, "%d rows, %d at most", 7, 5), ERR_LIMIT);
    assert_string_equal(msg.text, "7 rows, 5 at most");
}

static void a_failed_call_ends_in_its_reason(void **state)
{
    struct errmsg msg;

    (void)state;
    assert_int_equal(err_sys(&msg, ENOENT, "open %s", "a/b"), ERR_SYSTEM);
    assert_string_equal(msg.text, "open a/b: No such file or directory");
}

static void a_layer_puts_one_phrase_in_front(void **state)
{
    struct errmsg msg;

    (void)state;
    err_set(&msg, ERR_CORRUPT, "page 17: hash differs");
    assert_int_equal(err_wrap(&msg, ERR_CORRUPT, "verify %s", "loans/0003.db"), ERR_CORRUPT);
    assert_string_equal(msg.text, "verify loans/0003.db: page 17: hash differs");
}

static void a_long_message_is_cut_with_dots(void **state)
{
    char text[3000];
    struct errmsg msg;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&msg, ERR_INPUT, "%s", text);
    assert_int_equal(strlen(msg.text), sizeof msg.text - 1);
    assert_string_equal(msg.text + sizeof msg.text - 5, "x...");
    err_wrap(&msg, ERR_INPUT, "row 5");
    assert_memory_equal(msg.text, "row 5: xxx", 10);
    assert_string_equal(msg.text + sizeof msg.text - 5, "x...");
    err_sys(&msg, EIO, "read %s", text);
    assert_string_equal(msg.text + sizeof msg.text - 5, "x...");
}

static void exit_codes_tell_usage_refusal_and_interruption_apart(void **state)
{
    static const struct {
        enum err err;
        int code;
    } cases[] = {
        {ERR_NONE, 0},   {ERR_USAGE, 2},     {ERR_REFUSED, 3}, {ERR_INTERRUPTED, 130},
        {ERR_SYSTEM, 1}, {ERR_NOT_FOUND, 1}, {ERR_CORRUPT, 1}, {ERR_DEFINITION, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(err_exit_code(cases[i].err), cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_detector_writes_the_message_and_returns_the_code),
        cmocka_unit_test(a_failed_call_ends_in_its_reason),
        cmocka_unit_test(a_layer_puts_one_phrase_in_front),
        cmocka_unit_test(a_long_message_is_cut_with_dots),
        cmocka_unit_test(exit_codes_tell_usage_refusal_and_interruption_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
