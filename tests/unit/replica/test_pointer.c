#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "replica/pointer.h"

static void what_is_written_is_read_again(void **state)
{
    static const struct {
        struct pointer pointer;
        const char *text;
    } cases[] = {
        {{42, 0x9c4e1f0a77b3d215}, "000042 9c4e1f0a77b3d215\n"},
        {{0, 0}, "000000 0000000000000000\n"},
        {{1234567, 1}, "1234567 0000000000000001\n"},
        {{INT64_MAX, UINT64_MAX}, "9223372036854775807 ffffffffffffffff\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[POINTER_TEXT_MAX];
        struct pointer read;

        assert_string_equal(pointer_write(&cases[i].pointer, text), cases[i].text);
        assert_true(pointer_parse(slice_str(text), &read));
        assert_int_equal(read.number, cases[i].pointer.number);
        assert_true(read.manifest_hash == cases[i].pointer.manifest_hash);
    }
}

static void every_cut_and_every_other_byte_is_refused(void **state)
{
    static const char good[] = "000042 9c4e1f0a77b3d215\n";
    size_t len = strlen(good);
    struct pointer read;

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        assert_false(pointer_parse(slice_of(good, cut), &read));
    }
    for (size_t at = 0; at < len; at++) {
        for (int c = 0; c < 256; c++) {
            char text[sizeof good];
            struct pointer other = {.number = 42, .manifest_hash = 0x9c4e1f0a77b3d215};

            memcpy(text, good, sizeof good);
            text[at] = (char)c;
            if (pointer_parse(slice_of(text, len), &other) && text[at] != good[at]) {
                assert_true(other.number != 42 || other.manifest_hash != 0x9c4e1f0a77b3d215);
                assert_non_null(strchr("0123456789abcdef", text[at]));
            }
        }
    }
}

static void what_is_no_pointer_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "\n",
        "42 9c4e1f0a77b3d215\n",       /* a release is called 000042 */
        "000042 9C4E1F0A77B3D215\n",   /* in lower case */
        "000042  9c4e1f0a77b3d215\n",  /* one blank */
        "000042 9c4e1f0a77b3d215\r\n", /* and nothing else */
        "000042 9c4e1f0a77b3d215\n\n",
        "000042 19c4e1f0a77b3d215\n",
        "000042 0x4e1f0a77b3d215a\n",
        "000042 -000000000000001\n",
        "-00042 9c4e1f0a77b3d215\n",
        "0000042 9c4e1f0a77b3d215\n",
        "9223372036854775808 9c4e1f0a77b3d215\n",
        "../../ 9c4e1f0a77b3d215\n",
        "<html>there is no such object, but a proxy that says so at length</html>",
    };
    struct pointer read;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(pointer_parse(slice_str(cases[i]), &read));
    }
    assert_false(pointer_parse(slice_of("000042 9c4e1f0a77b3d215\n\0", 25), &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(every_cut_and_every_other_byte_is_refused),
        cmocka_unit_test(what_is_no_pointer_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
