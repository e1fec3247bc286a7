#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "builder/rejects.h"

#define HEADER "file,line,reason,record\n"
#define LINE "\"a.csv\",3,\"no \"\"x\"\"\",\"1,\"\"\xff\"\n"

static struct rejects *open_rejects(char *path)
{
    struct rejects *rejects;
    struct errmsg msg;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(rejects_open(path, &rejects, &msg), ERR_NONE);
    return rejects;
}

static void add(struct rejects *rejects)
{
    rejects_add(rejects, slice_str("a.csv"), 3, "no \"x\"", slice_str("1,\"\xff"));
}

static void close_and_compare(struct rejects *rejects, const char *path, const char *wanted)
{
    struct buffer text;
    struct errmsg msg;

    buffer_init(&text, 1000);
    assert_int_equal(rejects_close(rejects, &msg), ERR_NONE);
    assert_int_equal(file_read(path, &text, &msg), ERR_NONE);
    assert_string_equal(buffer_str(&text), wanted);
    buffer_free(&text);
    unlink(path);
}

static void a_section_holds_the_lines_since_its_beginning(void **state)
{
    char path[] = "/tmp/vitrine_rejects_XXXXXX";
    struct rejects *rejects = open_rejects(path);
    struct slice section;

    (void)state;
    add(rejects);
    rejects_begin(rejects);
    assert_true(rejects_section(rejects, &section));
    assert_int_equal(section.len, 0);
    add(rejects);
    add(rejects);
    assert_true(rejects_section(rejects, &section));
    assert_true(slice_is(section, LINE LINE));
    close_and_compare(rejects, path, HEADER LINE LINE LINE);
}

static void a_section_of_an_earlier_import_stands_in_the_file_only(void **state)
{
    char path[] = "/tmp/vitrine_rejects_XXXXXX";
    struct rejects *rejects = open_rejects(path);
    struct slice section;

    (void)state;
    rejects_begin(rejects);
    rejects_add_section(rejects, slice_str("kept\n"));
    rejects_add_section(rejects, slice_of(NULL, 0));
    add(rejects);
    assert_true(rejects_section(rejects, &section));
    assert_true(slice_is(section, LINE));
    close_and_compare(rejects, path, HEADER "kept\n" LINE);
}

static void a_section_beyond_the_limit_is_not_kept_and_the_next_one_is(void **state)
{
    static char record[REJECTS_KEPT_MAX / 8];
    char path[] = "/tmp/vitrine_rejects_XXXXXX";
    struct rejects *rejects = open_rejects(path);
    struct slice section;
    struct errmsg msg;
    uint64_t size;

    (void)state;
    memset(record, 'x', sizeof record);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(rejects_section(rejects, &section));
        rejects_add(rejects, slice_str("a.csv"), 3, "", slice_of(record, sizeof record));
    }
    assert_false(rejects_section(rejects, &section));
    rejects_begin(rejects);
    add(rejects);
    assert_true(rejects_section(rejects, &section));
    assert_int_equal(rejects_close(rejects, &msg), ERR_NONE);
    assert_int_equal(file_size(path, &size, &msg), ERR_NONE);
    assert_true(size > REJECTS_KEPT_MAX);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_holds_the_lines_since_its_beginning),
        cmocka_unit_test(a_section_of_an_earlier_import_stands_in_the_file_only),
        cmocka_unit_test(a_section_beyond_the_limit_is_not_kept_and_the_next_one_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
