#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buffer.h"

static void it_grows_to_exactly_its_maximum(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 1000);
    for (int i = 0; i < 1000; i++) {
        buffer_append_byte(&buffer, 'a');
    }
    assert_int_equal(buffer.len, 1000);
    assert_false(buffer.overflowed);
    buffer_append_byte(&buffer, 'b');
    assert_int_equal(buffer.len, 1000);
    assert_true(buffer.overflowed);
    assert_true(buffer.capacity <= 1000);
    buffer_free(&buffer);
}

static void a_maximum_below_the_first_block_is_kept(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 10);
    buffer_append_str(&buffer, "0123456789");
    assert_false(buffer.overflowed);
    assert_true(buffer.capacity <= 10);
    buffer_append_byte(&buffer, 'x');
    assert_true(buffer.overflowed);
    buffer_free(&buffer);
}

static void a_dropped_append_leaves_what_was_there(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 8);
    buffer_append_str(&buffer, "abc");
    buffer_append_str(&buffer, "longer than the rest");
    assert_true(buffer.overflowed);
    assert_true(slice_is(buffer_slice(&buffer), "abc"));
    assert_string_equal(buffer_str(&buffer), "abc");
    buffer_free(&buffer);
}

static void clear_forgets_an_overflow_and_keeps_the_memory(void **state)
{
    struct buffer buffer;
    char *memory;

    (void)state;
    buffer_init(&buffer, 4);
    buffer_append_str(&buffer, "abcd");
    buffer_append_str(&buffer, "e");
    memory = buffer.ptr;
    buffer_clear(&buffer);
    assert_false(buffer.overflowed);
    buffer_append_str(&buffer, "xy");
    assert_ptr_equal(buffer.ptr, memory);
    assert_true(slice_is(buffer_slice(&buffer), "xy"));
    buffer_free(&buffer);
}

static void printf_appends_text_of_any_length(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 10000);
    buffer_printf(&buffer, "%d-%s", 5, "x");
    buffer_printf(&buffer, "%3000d", 7);
    assert_int_equal(buffer.len, 3003);
    assert_memory_equal(buffer.ptr, "5-x ", 4);
    assert_int_equal(buffer.ptr[3002], '7');
    buffer_free(&buffer);
}

static void an_empty_buffer_is_an_empty_string(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 100);
    assert_string_equal(buffer_str(&buffer), "");
    buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer.len, 0);
    buffer_free(&buffer);
    buffer_init(&buffer, 0);
    assert_string_equal(buffer_str(&buffer), "");
    buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_to_exactly_its_maximum),
        cmocka_unit_test(a_maximum_below_the_first_block_is_kept),
        cmocka_unit_test(a_dropped_append_leaves_what_was_there),
        cmocka_unit_test(clear_forgets_an_overflow_and_keeps_the_memory),
        cmocka_unit_test(printf_appends_text_of_any_length),
        cmocka_unit_test(an_empty_buffer_is_an_empty_string),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
