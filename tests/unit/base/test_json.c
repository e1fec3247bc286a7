#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/json.h"

static void expect_escaped(struct slice text, const char *expected)
{
    struct buffer out;

    buffer_init(&out, 1 << 16);
    json_write_string(&out, text);
    if (!slice_is(buffer_slice(&out), expected)) {
        fail_msg("%s instead of %s", buffer_str(&out), expected);
    }
    buffer_free(&out);
}

static void strings_are_escaped_as_little_as_rfc_8259_allows(void **state)
{
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"a\\b", "\"a\\\\b\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x0b", "\"\\u0001\\u001f\\u000b\""},
        {"a/b", "\"a/b\""},
        {"\x7f", "\"\x7f\""},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
         "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {"\"", "\"\\\"\""},
        {"x\n", "\"x\\n\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_escaped(slice_str(cases[i].text), cases[i].json);
    }
    expect_escaped(slice_of("a\0b", 3), "\"a\\u0000b\"");
}

static void escape_writes_no_quotes_of_its_own(void **state)
{
    struct buffer out;

    (void)state;
    buffer_init(&out, 100);
    json_escape(&out, slice_str("a\"b"));
    assert_string_equal(buffer_str(&out), "a\\\"b");
    buffer_free(&out);
}

static void utf8_is_checked_by_the_letter_of_rfc_3629(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"", true},
        {"plain ascii, longer than eight bytes", true},
        {"caf\xc3\xa9", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x98\x80", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xc2\x80", true},
        {"\x80", false},             /* a continuation alone */
        {"\xc0\x80", false},         /* overlong */
        {"\xc1\xbf", false},         /* overlong */
        {"\xe0\x9f\xbf", false},     /* overlong */
        {"\xf0\x8f\xbf\xbf", false}, /* overlong */
        {"\xed\xa0\x80", false},     /* a surrogate */
        {"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"\xc3", false}, /* cut */
        {"\xe2\x82", false},
        {"\xf0\x9f\x98", false},
        {"\xe2\x28\xa1", false},
        {"\xc3\x28", false},
        {"12345678\xc3", false},
        {"1234567\xc3\xa9", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (utf8_is_valid(slice_str(cases[i].text)) != cases[i].ok) {
            fail_msg("case %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped_as_little_as_rfc_8259_allows),
        cmocka_unit_test(escape_writes_no_quotes_of_its_own),
        cmocka_unit_test(utf8_is_checked_by_the_letter_of_rfc_3629),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
