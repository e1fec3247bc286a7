#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "builder/csv.h"

static const struct csv_limits small = {.record_size = 40, .record_lines = 4};

static struct csv *open_text(struct slice text, const struct csv_limits *limits)
{
    int fd = memfd_create("test", 0);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.ptr, text.len), text.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return csv_open_fd(fd, "test.csv", limits);
}

static struct csv_record *next(struct csv *csv)
{
    struct csv_record *record;
    struct errmsg msg;

    assert_int_equal(csv_next(csv, &record, &msg), ERR_NONE);
    return record;
}

/* "LINE:field|'quoted'|..." or "LINE!problem!text" for each record, each with a semicolon. */
static void describe(struct csv *csv, struct buffer *out)
{
    struct csv_record *record;

    while ((record = next(csv)) != NULL) {
        buffer_printf(out, "%d", (int)record->line);
        if (record->problem != NULL) {
            buffer_printf(out, "!%s!%.*s", record->problem, SLICE_ARG(record->text));
        }
        for (unsigned i = 0; i < record->field_count; i++) {
            const struct csv_field *field = &record->fields[i];
            const char *quote = field->is_quoted ? "'" : "";

            buffer_printf(out, "%s%s%.*s%s", i == 0 ? ":" : "|", quote, SLICE_ARG(field->text),
                          quote);
        }
        buffer_append_byte(out, ';');
    }
}

static void assert_records(struct slice text, unsigned expected, const struct csv_limits *limits,
                           const char *wanted)
{
    struct csv *csv = open_text(text, limits);
    struct buffer got;

    buffer_init(&got, 1 << 20);
    csv_expect(csv, expected);
    describe(csv, &got);
    assert_string_equal(buffer_str(&got), wanted);
    buffer_free(&got);
    csv_close(csv);
}

struct example {
    const char *text;
    const char *wanted;
};

static void assert_examples(const struct example *examples, size_t count, unsigned expected)
{
    for (size_t i = 0; i < count; i++) {
        assert_records(slice_str(examples[i].text), expected, &small, examples[i].wanted);
    }
}

static void well_formed_records_are_split(void **state)
{
    static const struct example examples[] = {
        {"", ""},
        {"a,b\n", "1:a|b;"},
        {"a,b", "1:a|b;"},
        {"a,b\r\nc,d\r\n", "1:a|b;2:c|d;"},
        {",\n", "1:|;"},
        {"\xef\xbb\xbf"
         "a,b\n",
         "1:a|b;"},
        {"\n\r\na,b\n\n\nc,d\n\n", "3:a|b;6:c|d;"},
        {"\"a\",\"b\"\r\n", "1:'a'|'b';"},
        {"\"a,\"\"b\"\"\",\"\"\n", "1:'a,\"b\"'|'';"},
        {"\"\"\"\",\"\"\"\"\n", "1:'\"'|'\"';"},
        {"\"1\n2\r\n3\",b\nc,d\n", "1:'1\n2\r\n3'|b;4:c|d;"},
        {"a\"b,c\\\n", "1:a\"b|c\\;"},
        {"a, \"b\"\n", "1:a| \"b\";"},
        {"a\r,b\r", "1:a\r|b\r;"},
        {"a,\"b\"", "1:a|'b';"},
    };

    (void)state;
    assert_examples(examples, sizeof examples / sizeof examples[0], 2);
}

static void a_bad_record_costs_its_first_line_only(void **state)
{
    static const struct example examples[] = {
        {"a\nb,c\n", "1!1 fields instead of 2!a;2:b|c;"},
        {"a,b,c\r\nd,e\n", "1!more than 2 fields!a,b,c;2:d|e;"},
        {"\"a\"b,c\nd,e\n", "1!text after a closing quote!\"a\"b,c;2:d|e;"},
        {"\"a\"\r", "1!text after a closing quote!\"a\"\r;"},
        {"\"a,b\nc,d\ne,f\n", "1!a quoted field does not end!\"a,b;2:c|d;3:e|f;"},
        {"\"a,b\nc,\"d\"\ne,f\n", "1!text after a closing quote!\"a,b;2:c|'d';3:e|f;"},
        {"\"a\n\xff\",b\nc,d\n",
         "1!bytes that are not UTF-8!\"a;2!bytes that are not UTF-8!\xff\",b;3:c|d;"},
        {"a,b\n\xed\xa0\x80,c\n", "1:a|b;2!bytes that are not UTF-8!\xed\xa0\x80,c;"},
        {"\"1\n2\n3\n4\",x\na,b\n", "1:'1\n2\n3\n4'|x;5:a|b;"},
        {"\"1\n,2\n,3\n,4\n,\",x\na,b\n",
         "1!a quoted field does not end within 40 bytes and 4 lines!\"1;"
         "2:|2;3:|3;4:|4;5!a quoted field does not end!,\",x;6:a|b;"},
    };

    (void)state;
    assert_examples(examples, sizeof examples / sizeof examples[0], 2);
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    assert_records(slice_of("a,\0b\nc,d\n", 9), 1, &small,
                   "1!more than 1 fields!a,;2!more than 1 fields!c,d;");
    assert_records(slice_of("a\0b\nc\n", 6), 1, &small, "1!a NUL byte!a;2:c;");
}

/* Texts of 38 to 42 bytes and 200, where 40 are allowed, behind 0 to 90 bytes of other records. */
static void the_size_of_a_record_is_bounded_wherever_the_window_ends(void **state)
{
    static const char *const ends[] = {"\n", "\r\n", ""};
    static const size_t sizes[] = {38, 39, 40, 41, 42, 43, 84, 200};

    (void)state;
    for (size_t c = 0; c < 90 * 3 * 8; c++) {
        size_t before = c % 90;
        size_t size = sizes[c / 90 % 8];
        const char *end = ends[c / 90 / 8];
        char text[400];
        char wanted[400];
        char reject[41] = {0};
        size_t len = 0;

        memset(text, 'x', sizeof text);
        for (size_t i = 2; i < before; i += 3) {
            text[i] = '\n';
        }
        if (before > 0) {
            text[before - 1] = '\n';
        }
        len = before + size;
        memcpy(text + len, end, strlen(end));
        len += strlen(end);
        memset(reject, 'x', 40);
        {
            struct csv *csv = open_text(slice_of(text, len), &small);
            struct csv_record *record = NULL;
            struct csv_record last = {0};

            csv_expect(csv, 1);
            while ((record = next(csv)) != NULL) {
                last = *record;
                if (record->offset == before) {
                    break;
                }
            }
            assert_non_null(record);
            assert_int_equal(last.text.len, size > 40 ? 40 : size);
            snprintf(wanted, sizeof wanted, "%s",
                     size > 40 ? "a record longer than 40 bytes" : "none");
            assert_string_equal(last.problem == NULL ? "none" : last.problem, wanted);
            assert_null(next(csv));
            assert_int_equal(csv_offset(csv), len);
            csv_close(csv);
        }
    }
}

static void an_overlong_line_is_skipped_to_its_end(void **state)
{
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text + 900, "\na\nb\n", 5);
    assert_records(slice_of(text, 905), 1, &small,
                   "1!a record longer than 40 bytes!xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;"
                   "2:a;3:b;");
    assert_records(slice_of(text, 900), 1, &small,
                   "1!a record longer than 40 bytes!xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;");
}

static const char dirty[] = "\xef\xbb\xbf"
                            "1,\"two\",3\r\n"
                            "\n"
                            "4,\"f\"\"i\nve\",6\n"
                            "7,\"8,9\n"
                            "10,11,12\n"
                            "13,\"14\"x,15\n"
                            "\r\n"
                            "16,17\n"
                            "18,19,20,21\n"
                            "22,\"a\r\nb\",\"\"\n"
                            "23,\xc3\xa9,\xc3\n"
                            "24,,25\n"
                            "\"26\",\"27\",\"28\"";

static void the_edge_of_the_window_changes_nothing(void **state)
{
    struct slice text = slice_of(dirty, sizeof dirty - 1);
    struct buffer wanted;
    struct csv *csv = open_text(text, &csv_limits_default);

    (void)state;
    buffer_init(&wanted, 1 << 20);
    csv_expect(csv, 3);
    describe(csv, &wanted);
    csv_close(csv);
    for (size_t size = 24; size < 200; size++) {
        struct csv_limits limits = {.record_size = size, .record_lines = 1000};
        struct buffer got;

        csv = open_text(text, &limits);
        buffer_init(&got, 1 << 20);
        csv_expect(csv, 3);
        describe(csv, &got);
        if (size > sizeof dirty) {
            assert_string_equal(buffer_str(&got), buffer_str(&wanted));
        } else {
            assert_true(got.len > 0);
        }
        buffer_free(&got);
        csv_close(csv);
    }
    buffer_free(&wanted);
}

/* Blanks before the first record move every later one along the edge of a small window. */
static void a_record_reads_the_same_at_every_offset(void **state)
{
    struct buffer wanted;
    struct buffer text;

    (void)state;
    buffer_init(&wanted, 1 << 16);
    buffer_init(&text, 1 << 16);
    for (size_t before = 0; before < 300; before++) {
        struct csv *csv;
        struct csv_record *record;
        unsigned count = 0;

        buffer_clear(&text);
        for (size_t i = 0; i < before; i++) {
            buffer_append_byte(&text, '\n');
        }
        buffer_append_str(&text, "4,\"f\"\"i\nve\",6\r\n16,17\r\n7,\"8,9\n10,11,12\n1,2,3");
        csv = open_text(buffer_slice(&text), &small);
        csv_expect(csv, 3);
        buffer_clear(&wanted);
        while ((record = next(csv)) != NULL) {
            buffer_printf(&wanted, "%d%c%u;", (int)(record->line - before),
                          record->problem == NULL ? ':' : '!', record->field_count);
            count++;
        }
        assert_string_equal(buffer_str(&wanted), "1:3;3!0;4!0;5:3;6:3;");
        assert_int_equal(count, 5);
        csv_close(csv);
    }
    buffer_free(&text);
    buffer_free(&wanted);
}

static unsigned lines_of(struct slice text)
{
    unsigned lines = 0;

    for (size_t i = 0; i < text.len; i++) {
        lines += text.ptr[i] == '\n';
    }
    return lines + (text.len > 0 && text.ptr[text.len - 1] != '\n');
}

/* Every line is in a record, rejected, or blank, and records stand where they say. */
static void account(struct slice text, unsigned reject_every)
{
    struct csv *csv = open_text(text, &small);
    struct csv_record *record;
    uint64_t line = 1;
    uint64_t at = text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    struct slice body = slice_of(text.ptr + at, text.len - at);

    csv_expect(csv, 3);
    for (unsigned seen = 1; (record = next(csv)) != NULL; seen++) {
        assert_true(record->offset >= at);
        for (; at < record->offset; at++) {
            assert_true(text.ptr[at] == '\n' || text.ptr[at] == '\r');
            line += text.ptr[at] == '\n';
        }
        assert_int_equal(record->line, line);
        if (record->problem == NULL && reject_every > 0 && seen % reject_every == 0) {
            csv_reject_line(csv);
        }
        assert_memory_equal(record->text.ptr, text.ptr + at, record->text.len);
        assert_int_equal(record->line_count, lines_of(record->text));
        at += record->text.len;
        assert_true(csv_offset(csv) - at <= 2);
        at = csv_offset(csv);
        line += record->line_count;
    }
    for (; at < text.len; at++) {
        line += text.ptr[at] == '\n';
    }
    assert_int_equal(line, lines_of(body) + 1);
    csv_close(csv);
}

static void every_line_of_every_prefix_is_accounted_for(void **state)
{
    (void)state;
    for (size_t len = 0; len <= sizeof dirty - 1; len++) {
        for (unsigned reject_every = 0; reject_every < 4; reject_every++) {
            struct slice text = slice_of(dirty, len);

            if (len > 0 && len < 3) {
                continue; /* half a byte order mark is a record */
            }
            account(text, reject_every);
        }
    }
}

static void a_rejected_record_gives_its_other_lines_back(void **state)
{
    struct csv *csv = open_text(slice_str("a,\"b\nc,d\"\ne,f\n"), &small);
    struct csv_record *record = next(csv);

    (void)state;
    assert_int_equal(record->field_count, 2);
    assert_int_equal(record->line_count, 2);
    csv_reject_line(csv);
    assert_true(slice_is(record->text, "a,\"b"));
    record = next(csv);
    assert_int_equal(record->line, 2);
    assert_true(slice_is(record->text, "c,d\""));
    record = next(csv);
    assert_true(slice_is(record->text, "e,f"));
    assert_null(next(csv));
    csv_close(csv);
}

static void the_hash_at_the_end_is_that_of_the_file(void **state)
{
    static const char line[] = "\"one\",two,\xff\n";
    struct buffer text;

    (void)state;
    buffer_init(&text, 10000);
    for (unsigned lines = 0; lines < 40; lines++) {
        struct csv *csv = open_text(buffer_slice(&text), &small);

        while (next(csv) != NULL) {
        }
        assert_true(csv_hash(csv) == XXH3_64bits(text.ptr, text.len));
        assert_int_equal(csv_offset(csv), text.len);
        csv_close(csv);
        buffer_append_str(&text, line);
    }
    buffer_free(&text);
}

static void a_missing_file_is_named(void **state)
{
    struct csv *csv;
    struct errmsg msg;

    (void)state;
    assert_int_equal(csv_open("/nowhere/x.csv", &csv_limits_default, &csv, &msg), ERR_SYSTEM);
    assert_string_equal(msg.text, "open /nowhere/x.csv: No such file or directory");
}

static double seconds_to_read(const char *line, size_t size, unsigned expected)
{
    struct timespec from;
    struct timespec to;
    struct buffer text;
    struct csv *csv;

    buffer_init(&text, size + 4096);
    while (text.len < size) {
        buffer_append_str(&text, line);
    }
    csv = open_text(buffer_slice(&text), &csv_limits_default);
    buffer_free(&text);
    csv_expect(csv, expected);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    while (next(csv) != NULL) {
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    csv_close(csv);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* 20 MB each; a reader that scans on to its limits for each line would take minutes. */
static void open_quotes_cost_linear_time(void **state)
{
    static const char *const lines[] = {
        "1,\"never closed\n",
        "x\",\"\n",
        "\"\"\"\n",
        "\"\n\n\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        double seconds = seconds_to_read(lines[i], 20 << 20, 12);

        assert_true(seconds < 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_records_are_split),
        cmocka_unit_test(a_bad_record_costs_its_first_line_only),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(the_size_of_a_record_is_bounded_wherever_the_window_ends),
        cmocka_unit_test(an_overlong_line_is_skipped_to_its_end),
        cmocka_unit_test(the_edge_of_the_window_changes_nothing),
        cmocka_unit_test(a_record_reads_the_same_at_every_offset),
        cmocka_unit_test(every_line_of_every_prefix_is_accounted_for),
        cmocka_unit_test(a_rejected_record_gives_its_other_lines_back),
        cmocka_unit_test(the_hash_at_the_end_is_that_of_the_file),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(open_quotes_cost_linear_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
