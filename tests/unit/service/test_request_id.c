#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "service/request_id.h"

static void what_is_good_in_a_log_is_taken_over(void **state)
{
    static const char text[] = "0123456789012345678901234567890123456789012345678901234567890123+";
    struct request_ids ids;

    (void)state;
    request_ids_init(&ids);
    for (size_t len = 1; len <= REQUEST_ID_MAX; len++) {
        assert_ptr_equal(request_id(&ids, slice_of(text, len)).ptr, text);
    }
    assert_ptr_equal(request_id(&ids, slice_of(text, REQUEST_ID_MAX + 1)).ptr, ids.text);
    for (unsigned c = 0; c < 256; c++) {
        char one = (char)c;
        int is_taken = c > ' ' && c <= '~' && c != '"' && c != '\\';

        assert_int_equal(request_id(&ids, slice_of(&one, 1)).ptr == &one, is_taken);
    }
}

static void others_get_numbers_that_differ(void **state)
{
    static char seen[1000][HEX_TEXT_LEN];
    struct request_ids ids;

    (void)state;
    request_ids_init(&ids);
    for (size_t i = 0; i < 1000; i++) {
        struct slice id = request_id(&ids, slice_of(NULL, 0));

        assert_int_equal(id.len, HEX_TEXT_LEN);
        memcpy(seen[i], id.ptr, id.len);
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(seen[k], seen[i], HEX_TEXT_LEN);
        }
    }
}

static void two_loops_begin_in_different_places(void **state)
{
    struct request_ids a;
    struct request_ids b;

    (void)state;
    request_ids_init(&a);
    request_ids_init(&b);
    assert_true(a.at != b.at);
}

static void a_kept_id_is_the_same_in_memory_of_its_own(void **state)
{
    char own[REQUEST_ID_MAX];
    struct slice id = request_id_keep(own, slice_str("abc"));

    (void)state;
    assert_ptr_equal(id.ptr, own);
    assert_true(slice_is(id, "abc"));
    assert_int_equal(request_id_keep(own, slice_of(NULL, 0)).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_good_in_a_log_is_taken_over),
        cmocka_unit_test(others_get_numbers_that_differ),
        cmocka_unit_test(two_loops_begin_in_different_places),
        cmocka_unit_test(a_kept_id_is_the_same_in_memory_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
