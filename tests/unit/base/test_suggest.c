#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/suggest.h"

static void near_names_are_offered_and_far_ones_are_not(void **state)
{
    static const struct {
        const char *given;
        const char *candidate;
        bool near;
        unsigned distance;
    } cases[] = {
        {"biuld", "build", true, 1},     {"buidl", "build", true, 1},  {"bild", "build", true, 1},
        {"builds", "build", true, 1},    {"rel", "releases", true, 1}, {"serv", "serve", true, 1},
        {"srev", "serve", true, 2},      {"x", "run", false, 0},       {"rum", "run", true, 1},
        {"import", "inspect", false, 0}, {"", "run", false, 0},        {"b", "build", false, 0},
        {"port", "root", false, 0},      {"rot", "root", true, 1},     {"lone", "loan", true, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned distance = 0;
        bool near =
            suggest_is_near(slice_str(cases[i].given), slice_str(cases[i].candidate), &distance);

        if (near != cases[i].near || distance != cases[i].distance) {
            fail_msg("%s for %s: %d %u", cases[i].candidate, cases[i].given, near, distance);
        }
    }
}

static void names_of_any_length_are_compared(void **state)
{
    char name[200];
    unsigned distance;

    (void)state;
    memset(name, 'a', sizeof name);
    assert_false(suggest_is_near(slice_of(name, 200), slice_str("build"), &distance));
    assert_false(suggest_is_near(slice_of(name, 64), slice_of(name, 64), &distance));
    assert_true(suggest_is_near(slice_of(name, 63), slice_of(name, 62), &distance));
    assert_int_equal(distance, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_names_are_offered_and_far_ones_are_not),
        cmocka_unit_test(names_of_any_length_are_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
