#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>

#include "service/content_type.h"

static void json_is_known_by_its_name_and_by_its_suffix(void **state)
{
    static const struct {
        const char *value;
        bool takes_json;
    } cases[] = {
        {"application/json", true},
        {"application/json; charset=utf-8", true},
        {"application/json;charset=UTF-8;x=\"a;b\"", true},
        {"Application/JSON \t; charset=utf-8", true},
        {"application/vnd.api+json", true},
        {"application/problem+JSON; x=y", true},
        {"", true},
        {"text/plain", false},
        {"text/plain; charset=utf-8", false},
        {"text/plain; application/json", false},
        {"text/plain;+json", false},
        {"application/x-www-form-urlencoded", false},
        {"multipart/form-data; boundary=+json", false},
        {"application/jsonp", false},
        {"xapplication/json", false},
        {"json", false},
        {";", false},
        {" ; charset=utf-8", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (content_type_takes_json(slice_str(cases[i].value)) != cases[i].takes_json) {
            fail_msg("\"%s\"", cases[i].value);
        }
    }
}

static void a_body_of_no_type_is_taken(void **state)
{
    (void)state;
    assert_true(content_type_takes_json(slice_of(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_known_by_its_name_and_by_its_suffix),
        cmocka_unit_test(a_body_of_no_type_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
