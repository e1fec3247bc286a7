#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "service/unread.h"

static void bytes_are_kept_until_they_are_fed(void **state)
{
    struct unread unread = {.ptr = NULL};
    char bytes[] = "abcdef";
    struct slice found;

    (void)state;
    unread_keep(&unread, slice_of(bytes, 6));
    bytes[0] = 'X';
    assert_int_equal(unread.size, 6);
    found = unread_begin(&unread);
    assert_true(slice_is(found, "abcdef"));
    unread_end(&unread);
    assert_null(unread.ptr);
    assert_int_equal(unread_begin(&unread).len, 0);
}

static void what_is_left_over_stays_where_it_is(void **state)
{
    struct unread unread = {.ptr = NULL};
    struct slice found;

    (void)state;
    unread_keep(&unread, slice_str("abcdef"));
    for (size_t left = 5; left > 0; left--) {
        const char *before = unread.ptr;

        found = unread_begin(&unread);
        unread_keep(&unread, slice_of(found.ptr + 1, found.len - 1));
        unread_end(&unread);
        assert_ptr_equal(unread.ptr, before);
        assert_int_equal(unread.size - unread.begin, left);
    }
    assert_true(slice_is(unread_begin(&unread), "f"));
    unread_end(&unread);
    assert_null(unread.ptr);
}

static void nothing_is_not_kept(void **state)
{
    struct unread unread = {.ptr = NULL};

    (void)state;
    unread_keep(&unread, slice_of(NULL, 0));
    assert_null(unread.ptr);
    unread_keep(&unread, slice_str("a"));
    unread_free(&unread);
    unread_free(&unread);
    assert_null(unread.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_kept_until_they_are_fed),
        cmocka_unit_test(what_is_left_over_stays_where_it_is),
        cmocka_unit_test(nothing_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
