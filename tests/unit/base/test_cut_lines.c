#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cut_lines.h"

static void collect(void *context, char *line)
{
    buffer_printf(context, "[%s]", line);
}

static void lines_are_cut_wherever_the_pieces_end(void **state)
{
    static const char text[] = "one\ntwo\rthree\r\n\tf\xc3\xa9\nrest";

    (void)state;
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct cut_lines lines = {.len = 0};
        struct buffer got;

        buffer_init(&got, 1024);
        for (size_t at = 0; at < strlen(text); at += piece) {
            size_t len = strlen(text) - at;

            cut_lines_feed(&lines, slice_of(text + at, len < piece ? len : piece), collect, &got);
        }
        assert_string_equal(buffer_str(&got), "[one][two][three][][ f\xc3\xa9]");
        buffer_free(&got);
    }
}

static void the_rest_of_a_line_that_is_too_long_is_dropped(void **state)
{
    struct cut_lines lines = {.len = 0};
    struct buffer got;

    (void)state;
    buffer_init(&got, SIZE_MAX / 2);
    for (unsigned i = 0; i < 2 * LINE_MAX_BYTES; i++) {
        cut_lines_feed(&lines, slice_str("x"), collect, &got);
    }
    cut_lines_feed(&lines, slice_str("\nnext\n"), collect, &got);
    assert_int_equal(got.len, LINE_MAX_BYTES - 1 + 2 + strlen("[next]"));
    assert_non_null(strstr(buffer_str(&got), "x][next]"));
    buffer_free(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_cut_wherever_the_pieces_end),
        cmocka_unit_test(the_rest_of_a_line_that_is_too_long_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
