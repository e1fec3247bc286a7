#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "source/source_postgres_encode.h"

/* A table of one column, and the bytes of its row behind the count of columns. */
static enum err encode(enum column_type type, const struct value *value, struct buffer *out,
                       struct errmsg *msg)
{
    struct table_column column = {.name = {"fee", 3}, .type = type};
    struct table table = {.columns = &column, .column_count = 1};

    buffer_clear(out);
    return postgres_encode_row(&table, value, out, msg);
}

#define INTEGER(number)                                                                            \
    {                                                                                              \
        .type = VALUE_INTEGER, .integer = number                                                   \
    }
#define TEXT(bytes)                                                                                \
    {                                                                                              \
        .type = VALUE_TEXT, .text = { bytes, sizeof bytes - 1 }                                    \
    }
#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

static void every_type_has_its_bytes(void **state)
{
    static const struct {
        enum column_type type;
        struct value value;
        struct slice wanted;
    } cases[] = {
        {COLUMN_INTEGER, INTEGER(-2), BYTES("\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xfe")},
        {COLUMN_BOOLEAN, INTEGER(1), BYTES("\0\0\0\1\1")},
        {COLUMN_TIMESTAMP, INTEGER(946684800001), BYTES("\0\0\0\x08\0\0\0\0\0\0\x03\xe8")},
        {COLUMN_TIMESTAMP, INTEGER(946684799999),
         BYTES("\0\0\0\x08\xff\xff\xff\xff\xff\xff\xfc\x18")},
        {COLUMN_NUMBER,
         {.type = VALUE_REAL, .real = -0.1},
         BYTES("\0\0\0\x08\xbf\xb9\x99\x99\x99\x99\x99\x9a")},
        {COLUMN_TEXT, TEXT(""), BYTES("\0\0\0\0")},
        {COLUMN_URL, TEXT("a:b"), BYTES("\0\0\0\3a:b")},
        {COLUMN_TEXT, {.type = VALUE_NULL}, BYTES("\xff\xff\xff\xff")},
        {COLUMN_DECIMAL, TEXT("0.00"), BYTES("\0\0\0\x08\0\0\0\0\0\0\0\2")},
        {COLUMN_DECIMAL, TEXT("-0.00"), BYTES("\0\0\0\x08\0\0\0\0\0\0\0\2")},
        {COLUMN_DECIMAL, TEXT("140.00"), BYTES("\0\0\0\x0c\0\2\0\0\0\0\0\2\0\x8c\0\0")},
        {COLUMN_DECIMAL, TEXT("-140.5"), BYTES("\0\0\0\x0c\0\2\0\0\x40\0\0\1\0\x8c\x13\x88")},
        {COLUMN_DECIMAL, TEXT("0.0001"), BYTES("\0\0\0\x0a\0\1\xff\xff\0\0\0\4\0\1")},
        {COLUMN_DECIMAL, TEXT("12345"), BYTES("\0\0\0\x0c\0\2\0\1\0\0\0\0\0\1\x09\x29")},
        {COLUMN_DECIMAL, TEXT("00012345"), BYTES("\0\0\0\x0c\0\2\0\1\0\0\0\0\0\1\x09\x29")},
    };
    struct buffer out;
    struct errmsg msg;

    (void)state;
    buffer_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(encode(cases[i].type, &cases[i].value, &out, &msg), ERR_NONE);
        assert_memory_equal(out.ptr, "\0\1", 2);
        assert_int_equal(out.len - 2, cases[i].wanted.len);
        assert_memory_equal(out.ptr + 2, cases[i].wanted.ptr, cases[i].wanted.len);
    }
    buffer_free(&out);
}

static void the_longest_decimals_fit(void **state)
{
    static const struct {
        struct value value;
        size_t digits;
    } cases[] = {
        {TEXT("-9223372036854775808"), 5},
        {TEXT("-9.223372036854775808"), 6},
        {TEXT("-0.000000000000000001"), 1},
        {TEXT("0.123456789012345678901"), 6},
    };
    struct buffer out;
    struct errmsg msg;

    (void)state;
    buffer_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(encode(COLUMN_DECIMAL, &cases[i].value, &out, &msg), ERR_NONE);
        assert_int_equal(out.len, 2 + 4 + 8 + cases[i].digits * 2);
    }
    buffer_free(&out);
}

static void a_value_that_postgres_cannot_hold_is_refused_by_its_column(void **state)
{
    static const struct {
        enum column_type type;
        struct value value;
        const char *wanted;
    } cases[] = {
        {COLUMN_TEXT, TEXT("a\0b"), "fee: PostgreSQL takes no text with a NUL byte"},
        {COLUMN_URL, TEXT("a\xff"), "fee: PostgreSQL takes no text that is not UTF-8"},
        {COLUMN_TEXT, INTEGER(1), "fee: the value is no text"},
        {COLUMN_INTEGER, TEXT("1"), "fee: the value is no integer"},
        {COLUMN_BOOLEAN, INTEGER(2), "fee: the value is neither 0 nor 1"},
        {COLUMN_NUMBER, INTEGER(2), "fee: the value is no number"},
        {COLUMN_TIMESTAMP, INTEGER(INT64_MIN), "fee: the value is no time that PostgreSQL has"},
        {COLUMN_TIMESTAMP, INTEGER(INT64_MAX), "fee: the value is no time that PostgreSQL has"},
        {COLUMN_DECIMAL, INTEGER(2), "fee: the value is no decimal"},
        {COLUMN_DECIMAL, TEXT(""), "fee: the value is no decimal"},
        {COLUMN_DECIMAL, TEXT("-"), "fee: the value is no decimal"},
        {COLUMN_DECIMAL, TEXT(".5"), "fee: the value is no decimal"},
        {COLUMN_DECIMAL, TEXT("1e5"), "fee: the value is no decimal"},
        {COLUMN_DECIMAL, TEXT("1.2.3"), "fee: the value is no decimal"},
        {COLUMN_DECIMAL, TEXT("12345678901234567890123456"), "fee: the value is no decimal"},
    };
    struct buffer out;
    struct errmsg msg;

    (void)state;
    buffer_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(encode(cases[i].type, &cases[i].value, &out, &msg), ERR_INPUT);
        assert_string_equal(msg.text, cases[i].wanted);
        assert_int_equal(out.len, 0);
    }
    buffer_free(&out);
}

static void a_refused_row_leaves_the_rows_before_it(void **state)
{
    struct table_column columns[2] = {{.name = {"id", 2}, .type = COLUMN_INTEGER},
                                      {.name = {"fee", 3}, .type = COLUMN_DECIMAL}};
    struct table table = {.columns = columns, .column_count = 2};
    struct value good[] = {INTEGER(1), TEXT("1")};
    struct value bad[] = {INTEGER(2), TEXT("x")};
    struct buffer out;
    struct errmsg msg;
    size_t len;

    (void)state;
    buffer_init(&out, 1000);
    assert_int_equal(postgres_encode_row(&table, good, &out, &msg), ERR_NONE);
    len = out.len;
    assert_int_equal(postgres_encode_row(&table, bad, &out, &msg), ERR_INPUT);
    assert_int_equal(out.len, len);
    buffer_free(&out);
}

static void a_stream_begins_and_ends_as_postgres_wants(void **state)
{
    struct buffer out;

    (void)state;
    buffer_init(&out, 1000);
    postgres_encode_header(&out);
    postgres_encode_trailer(&out);
    assert_int_equal(out.len, 21);
    assert_memory_equal(out.ptr, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\377\377", 21);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_bytes),
        cmocka_unit_test(the_longest_decimals_fit),
        cmocka_unit_test(a_value_that_postgres_cannot_hold_is_refused_by_its_column),
        cmocka_unit_test(a_refused_row_leaves_the_rows_before_it),
        cmocka_unit_test(a_stream_begins_and_ends_as_postgres_wants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
