#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
    static const size_t sizes[] = {1, 3, 16, 0, 17, 100, 5000, 1, 64};
    struct arena arena;
    unsigned char *pieces[9];

    (void)state;
    arena_init(&arena, 256);
    for (int i = 0; i < 9; i++) {
        pieces[i] = arena_alloc(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], i + 1, sizes[i]);
    }
    for (int i = 0; i < 9; i++) {
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(pieces[i][k], i + 1);
        }
    }
    arena_free(&arena);
}

static void a_steady_user_gets_the_same_memory_after_reset(void **state)
{
    struct arena arena;
    void *first;

    (void)state;
    arena_init(&arena, 1024);
    first = arena_alloc(&arena, 100);
    for (int i = 0; i < 100; i++) {
        arena_alloc(&arena, 1000);
    }
    arena_reset(&arena);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    arena_free(&arena);
    assert_non_null(arena_alloc(&arena, 8)); /* usable after free */
    arena_free(&arena);
}

static void an_arena_that_was_never_used_is_freed_and_reset(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 64);
    arena_reset(&arena);
    arena_free(&arena);
    arena_free(&arena);
}

static void calloc_clears_memory_that_was_used_before(void **state)
{
    struct arena arena;
    unsigned char *cleared;

    (void)state;
    arena_init(&arena, 1024);
    memset(arena_alloc(&arena, 512), 0xff, 512);
    arena_reset(&arena);
    cleared = arena_calloc(&arena, 64, 8);
    for (size_t i = 0; i < 512; i++) {
        assert_int_equal(cleared[i], 0);
    }
    arena_free(&arena);
}

static void a_copy_is_terminated_and_its_own(void **state)
{
    char text[] = "order";
    struct arena arena;
    struct slice copy;
    struct slice empty;

    (void)state;
    arena_init(&arena, 64);
    copy = arena_copy(&arena, slice_str(text));
    empty = arena_copy(&arena, slice_of(NULL, 0));
    text[0] = 'X';
    assert_string_equal(copy.ptr, "order");
    assert_int_equal(copy.len, 5);
    assert_string_equal(empty.ptr, "");
    arena_free(&arena);
}

static void memory_of_no_bytes_is_not_null(void **state)
{
    void *a = memory_alloc(0);
    void *b = memory_calloc(0, 8);
    void *c = memory_realloc(NULL, 0);
    char *d = memory_copy_str("");

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_string_equal(d, "");
    free(a);
    free(b);
    free(c);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(a_steady_user_gets_the_same_memory_after_reset),
        cmocka_unit_test(an_arena_that_was_never_used_is_freed_and_reset),
        cmocka_unit_test(calloc_clears_memory_that_was_used_before),
        cmocka_unit_test(a_copy_is_terminated_and_its_own),
        cmocka_unit_test(memory_of_no_bytes_is_not_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
