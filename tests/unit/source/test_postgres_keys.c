#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "source/source_postgres_keys.h"

static bool add_integer(struct key_set *set, int64_t integer)
{
    return key_set_add(set, &(struct value){.type = VALUE_INTEGER, .integer = integer});
}

static bool add_text(struct key_set *set, const char *text)
{
    return key_set_add(set, &(struct value){.type = VALUE_TEXT, .text = slice_str(text)});
}

static bool add_real(struct key_set *set, double real)
{
    return key_set_add(set, &(struct value){.type = VALUE_REAL, .real = real});
}

/* An odd number makes every key another one. */
static int64_t scattered(int64_t i)
{
    return (int64_t)((uint64_t)i * 0x9e3779b97f4a7c15ULL);
}

static void an_integer_is_new_once(void **state)
{
    static const int64_t integers[] = {0, 1, -1, 63, 64, -64, INT64_MAX, INT64_MIN};
    struct key_set set;

    (void)state;
    key_set_init(&set, KEY_SLOTS_MAX);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
            assert_int_equal(add_integer(&set, integers[i]), round == 0);
        }
    }
    key_set_free(&set);
}

static void a_text_is_new_once(void **state)
{
    static const char *const texts[] = {"", "a", "b", "aa", "A", "1"};
    struct key_set set;

    (void)state;
    key_set_init(&set, KEY_SLOTS_MAX);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            assert_int_equal(add_text(&set, texts[i]), round == 0);
        }
    }
    key_set_free(&set);
}

static void minus_zero_is_zero(void **state)
{
    struct key_set set;

    (void)state;
    key_set_init(&set, KEY_SLOTS_MAX);
    assert_true(add_real(&set, 0.0));
    assert_false(add_real(&set, -0.0));
    assert_true(add_real(&set, 0.5));
    assert_false(add_real(&set, 0.5));
    key_set_free(&set);
}

static void many_keys_are_told_apart_while_the_table_grows(void **state)
{
    struct key_set set;
    char text[32];

    (void)state;
    key_set_init(&set, KEY_SLOTS_MAX);
    for (int64_t i = 0; i < 100000; i++) {
        assert_true(add_integer(&set, scattered(i)));
    }
    for (int64_t i = 0; i < 100000; i++) {
        assert_false(add_integer(&set, scattered(i)));
    }
    key_set_free(&set);
    key_set_init(&set, KEY_SLOTS_MAX);
    for (int i = 0; i < 200000; i++) {
        snprintf(text, sizeof text, "key %d", i % 100000);
        assert_int_equal(add_text(&set, text), i < 100000);
    }
    key_set_free(&set);
}

static void dense_keys_take_a_slot_for_64(void **state)
{
    struct key_set set;

    (void)state;
    key_set_init(&set, KEY_SLOTS_MAX);
    for (int64_t i = 0; i < 64 * 1000; i++) {
        assert_true(add_integer(&set, i));
    }
    assert_int_equal(set.used, 1000);
    key_set_free(&set);
}

static void beyond_its_limit_the_table_takes_keys_without_remembering(void **state)
{
    struct key_set set;

    (void)state;
    key_set_init(&set, 1024);
    for (int64_t i = 0; i < 768; i++) {
        assert_true(add_integer(&set, i * 64));
    }
    assert_false(set.is_full);
    assert_true(add_integer(&set, 1000 * 64));
    assert_true(set.is_full);
    assert_true(add_integer(&set, 1000 * 64));
    assert_false(add_integer(&set, 5 * 64)); /* what it has, it has */
    assert_int_equal(set.slot_count, 1024);
    key_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_integer_is_new_once),
        cmocka_unit_test(a_text_is_new_once),
        cmocka_unit_test(minus_zero_is_zero),
        cmocka_unit_test(many_keys_are_told_apart_while_the_table_grows),
        cmocka_unit_test(dense_keys_take_a_slot_for_64),
        cmocka_unit_test(beyond_its_limit_the_table_takes_keys_without_remembering),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
