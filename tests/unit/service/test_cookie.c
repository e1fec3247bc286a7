#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "service/cookie.h"

static void a_cookie_is_found_by_its_whole_name(void **state)
{
    static const struct {
        const char *header;
        const char *value; /* of "sid"; NULL: there is none */
    } cases[] = {
        {"sid=1", "1"},
        {"a=0; sid=1; b=2", "1"},
        {"a=0;sid=1", "1"},
        {"  sid\t= 1 ;b=2", "1"},
        {"sid=1; sid=2", "1"},
        {"sid=", ""},
        {"sid=a=b", "a=b"},
        {"sid=\"1\"", "\"1\""},
        {"sid=1;", "1"},
        {";;; sid=1", "1"},
        {"", NULL},
        {"sid", NULL},
        {"sid; a=1", NULL},
        {"xsid=1", NULL},
        {"sidx=1", NULL},
        {"SID=1", NULL},
        {"a=sid=1", NULL},
        {"=1", NULL},
        {";", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice value;
        bool found = cookie_find(slice_str(cases[i].header), slice_str("sid"), &value);

        assert_int_equal(found, cases[i].value != NULL);
        assert_true(!found || slice_is(value, cases[i].value));
    }
}

static void a_token_is_32_small_hexadecimal_digits(void **state)
{
    static const struct {
        const char *text;
        bool is_token;
    } cases[] = {
        {"0123456789abcdef0123456789abcdef", true},   {"0123456789abcdef0123456789abcde", false},
        {"0123456789abcdef0123456789abcdef0", false}, {"0123456789ABCDEF0123456789abcdef", false},
        {"0123456789abcdeg0123456789abcdef", false},  {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(session_token_is(slice_str(cases[i].text)), cases[i].is_token);
    }
}

static void tokens_are_made_in_that_form_and_differ(void **state)
{
    char tokens[2][SESSION_TOKEN_LEN];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        session_token_make(tokens[i]);
        assert_true(session_token_is(slice_of(tokens[i], SESSION_TOKEN_LEN)));
    }
    assert_memory_not_equal(tokens[0], tokens[1], SESSION_TOKEN_LEN);
}

static void a_session_is_kept_from_scripts_and_other_sites(void **state)
{
    struct buffer out;

    (void)state;
    buffer_init(&out, 1024);
    cookie_append_session(&out, slice_str("sid"), slice_str("0f"), 2592000);
    assert_string_equal(buffer_str(&out),
                        "Set-Cookie: sid=0f; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax\r\n");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
        cmocka_unit_test(a_token_is_32_small_hexadecimal_digits),
        cmocka_unit_test(tokens_are_made_in_that_form_and_differ),
        cmocka_unit_test(a_session_is_kept_from_scripts_and_other_sites),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
