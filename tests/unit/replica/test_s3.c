#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "replica/s3.h"

/* rclone reads one name a line: what stands behind a line feed would be a name of its own. */
static void a_name_with_a_line_feed_is_refused_before_anything_is_asked_for(void **state)
{
    static const char *const names[] = {"loans/1\n../../other", "loans/1\r", "\x01", "a\n"};
    char folder[] = "/tmp/vitrine-s3-XXXXXX";
    char *list;
    struct s3_bucket bucket = {.settings = {.timeout_ms = 1000}};
    struct errmsg msg;

    (void)state;
    assert_non_null(mkdtemp(folder));
    list = path_join(folder, "list");
    assert_int_equal(s3_place_parse("s3://shop", &bucket.place, &msg), ERR_NONE);
    setenv("PATH", folder, 1); /* no rclone */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct s3_names wanted = {.names = slice_of(names[i], strlen(names[i]) + 1),
                                        .list = list};
        uint64_t bytes = 1;

        assert_int_equal(s3_fetch(&bucket, "", &wanted, folder, NULL, &bytes, &msg), ERR_CORRUPT);
        assert_string_equal(msg.text,
                            "the manifest has a file with a line feed or the like in its name");
        assert_int_equal(bytes, 0);
        assert_false(file_exists(list));
    }
    free(list);
    s3_place_free(&bucket.place);
    assert_int_equal(rmdir(folder), 0);
}

/* rclone would write into it, and it may be a file of another release, too. */
static void nothing_is_written_into_a_file_that_is_there(void **state)
{
    char folder[] = "/tmp/vitrine-s3-XXXXXX";
    char *list;
    char *path;
    char *linked;
    struct s3_bucket bucket = {.settings = {.timeout_ms = 1000}};
    struct errmsg msg;
    uint64_t bytes;

    (void)state;
    assert_non_null(mkdtemp(folder));
    list = path_join(folder, "list");
    path = path_join(folder, "1.db");
    linked = path_join(folder, "of-another-release");
    assert_int_equal(s3_place_parse("s3://shop", &bucket.place, &msg), ERR_NONE);
    assert_int_equal(file_write(linked, slice_str("content"), &msg), ERR_NONE);
    assert_int_equal(link(linked, path), 0);
    setenv("PATH", folder, 1); /* no rclone */
    assert_int_equal(s3_fetch(&bucket, "",
                              &(struct s3_names){.names = slice_of("1.db", 5), .list = list},
                              folder, NULL, &bytes, &msg),
                     ERR_SYSTEM);
    assert_non_null(strstr(msg.text, "apt install rclone"));
    assert_false(file_exists(path));
    assert_true(file_exists(linked));
    assert_int_equal(dir_remove(folder, &msg), ERR_NONE);
    free(linked);
    free(path);
    free(list);
    s3_place_free(&bucket.place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_with_a_line_feed_is_refused_before_anything_is_asked_for),
        cmocka_unit_test(nothing_is_written_into_a_file_that_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
