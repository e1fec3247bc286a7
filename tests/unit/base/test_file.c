#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

/* Every test has an empty folder of its own and works in it. */
static char folder[64];

static int enter_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/vitrine-file-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int leave_folder(void **state)
{
    struct errmsg msg;

    (void)state;
    return chdir("/") != 0 || dir_remove(folder, &msg) != ERR_NONE || file_exists(folder);
}

static void put(const char *path, const char *text)
{
    struct errmsg msg;

    assert_int_equal(file_write(path, slice_str(text), &msg), ERR_NONE);
}

static void expect_content(const char *path, const char *text)
{
    struct buffer out;
    struct errmsg msg;

    buffer_init(&out, 1 << 20);
    assert_int_equal(file_read(path, &out, &msg), ERR_NONE);
    assert_string_equal(buffer_str(&out), text);
    buffer_free(&out);
}

static void what_was_written_is_read(void **state)
{
    struct stat st;
    uint64_t size;
    struct errmsg msg;

    (void)state;
    put("a", "one");
    expect_content("a", "one");
    put("a", "another");
    expect_content("a", "another");
    assert_int_equal(file_size("a", &size, &msg), ERR_NONE);
    assert_int_equal(size, 7);
    assert_int_equal(stat("a", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(file_sync("a", &msg), ERR_NONE);
    assert_int_equal(dir_sync(".", &msg), ERR_NONE);
}

static void a_write_leaves_no_temporary_file(void **state)
{
    struct errmsg msg;

    (void)state;
    put("d1", "x");
    assert_int_equal(unlink("d1"), 0);
    assert_int_equal(mkdir("d", 0755), 0);
    assert_int_equal(file_write("d", slice_str("x"), &msg), ERR_SYSTEM); /* a folder is there */
    assert_non_null(strstr(msg.text, " to d: Is a directory"));
    assert_int_equal(rmdir("d"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0); /* so it is empty */
    assert_int_equal(mkdir(folder, 0755), 0);
}

static void a_read_appends_and_respects_the_maximum(void **state)
{
    struct buffer out;
    struct errmsg msg;

    (void)state;
    put("a", "12345");
    buffer_init(&out, 10);
    assert_int_equal(file_read("a", &out, &msg), ERR_NONE);
    assert_int_equal(file_read("a", &out, &msg), ERR_NONE);
    assert_true(slice_is(buffer_slice(&out), "1234512345"));
    assert_int_equal(file_read("a", &out, &msg), ERR_LIMIT);
    assert_string_equal(msg.text, "a: larger than 0 bytes, the most that is read");
    assert_int_equal(out.len, 10);
    buffer_free(&out);
    buffer_init(&out, 4);
    assert_int_equal(file_read("a", &out, &msg), ERR_LIMIT);
    assert_string_equal(msg.text, "a: larger than 4 bytes, the most that is read");
    assert_int_equal(out.len, 0);
    buffer_free(&out);
}

static void a_missing_file_is_named(void **state)
{
    struct buffer out;
    struct errmsg msg;
    uint64_t size = 77;

    (void)state;
    buffer_init(&out, 10);
    assert_int_equal(file_read("none", &out, &msg), ERR_SYSTEM);
    assert_string_equal(msg.text, "open none: No such file or directory");
    assert_int_equal(file_size("none", &size, &msg), ERR_SYSTEM);
    assert_string_equal(msg.text, "stat none: No such file or directory");
    assert_int_equal(size, 77);
    assert_int_equal(file_sync("none", &msg), ERR_SYSTEM);
    assert_int_equal(file_rename("none", "other", &msg), ERR_SYSTEM);
    assert_string_equal(msg.text, "rename none to other: No such file or directory");
    assert_false(file_exists("none"));
    buffer_free(&out);
}

static void missing_parents_are_made(void **state)
{
    struct stat st;
    struct errmsg msg;

    (void)state;
    assert_int_equal(dir_make("a/b//c/", &msg), ERR_NONE);
    assert_int_equal(stat("a/b/c", &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(dir_make("a/b/c", &msg), ERR_NONE);
    assert_int_equal(dir_make(".", &msg), ERR_NONE);
    assert_int_equal(dir_make("/", &msg), ERR_NONE);
    assert_int_equal(dir_make(folder, &msg), ERR_NONE);
}

static void a_folder_cannot_be_made_where_a_file_is(void **state)
{
    struct errmsg msg;

    (void)state;
    put("a", "x");
    assert_int_equal(dir_make("a", &msg), ERR_SYSTEM);
    assert_string_equal(msg.text, "mkdir a: Not a directory");
    assert_int_equal(dir_make("a/b", &msg), ERR_SYSTEM);
    assert_string_equal(msg.text, "mkdir a: Not a directory");
}

static void remove_takes_the_tree_but_follows_no_link(void **state)
{
    struct errmsg msg;

    (void)state;
    assert_int_equal(dir_make("outside/deep", &msg), ERR_NONE);
    put("outside/deep/kept", "kept");
    assert_int_equal(dir_make("tree/x/y", &msg), ERR_NONE);
    put("tree/x/y/file", "gone");
    assert_int_equal(symlink("../outside", "tree/folder_link"), 0);
    assert_int_equal(symlink("../outside/deep/kept", "tree/x/file_link"), 0);
    assert_int_equal(symlink("nowhere", "tree/dangling"), 0);
    assert_int_equal(dir_remove("tree", &msg), ERR_NONE);
    assert_false(file_exists("tree"));
    expect_content("outside/deep/kept", "kept");

    assert_int_equal(symlink("outside", "link"), 0);
    assert_int_equal(dir_remove("link", &msg), ERR_NONE);
    assert_int_equal(access("link", F_OK), -1);
    expect_content("outside/deep/kept", "kept");
}

static void remove_of_what_is_missing_is_fine(void **state)
{
    struct errmsg msg;

    (void)state;
    assert_int_equal(dir_remove("none", &msg), ERR_NONE);
    assert_int_equal(dir_remove("none/below", &msg), ERR_NONE);
    put("file", "x");
    assert_int_equal(dir_remove("file", &msg), ERR_NONE);
    assert_false(file_exists("file"));
}

static void a_link_is_made_and_replaced_in_one_step(void **state)
{
    struct errmsg msg;
    char *target;

    (void)state;
    assert_null(link_read("current"));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(link_replace("releases/000001", "current", &msg), ERR_NONE);
    assert_int_equal(link_replace("releases/000002", "current", &msg), ERR_NONE);
    target = link_read("current");
    assert_string_equal(target, "releases/000002");
    free(target);
    assert_int_equal(unlink("current"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing else is left */
    assert_int_equal(mkdir(folder, 0755), 0);
}

static void a_link_does_not_replace_a_folder(void **state)
{
    struct errmsg msg;

    (void)state;
    assert_int_equal(mkdir("current", 0755), 0);
    assert_int_equal(link_replace("x", "current", &msg), ERR_SYSTEM);
    assert_non_null(strstr(msg.text, " to current: Is a directory"));
    assert_int_equal(rmdir("current"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0); /* the temporary link is gone */
    assert_int_equal(mkdir(folder, 0755), 0);
}

static void a_link_that_a_killed_process_left_is_removed(void **state)
{
    char left[64];
    char busy[64];
    struct errmsg msg;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    snprintf(left, sizeof left, "current.%d.new", (int)child);
    snprintf(busy, sizeof busy, "current.%d.new", (int)getppid());
    assert_int_equal(symlink("x", left), 0);
    assert_int_equal(symlink("x", busy), 0);
    put("current.1x.new", "not ours");
    assert_int_equal(link_replace("releases/000001", "current", &msg), ERR_NONE);
    assert_int_equal(unlink(left), -1);
    assert_int_equal(unlink(busy), 0); /* its process lives */
    assert_int_equal(unlink("current.1x.new"), 0);
}

static void only_what_is_certainly_missing_does_not_exist(void **state)
{
    (void)state;
    put("file", "x");
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_true(file_exists("file"));
    assert_false(file_exists("missing"));
    assert_false(file_exists("file/below"));
    assert_true(file_exists("loop")); /* ELOOP, as EACCES and EIO: nobody knows */
}

static void paths_are_joined_with_one_slash(void **state)
{
    char *a = path_join("root", "releases/%06d", 42);
    char *b = path_join("/", "x");
    char *c = path_join("root/", "x");

    (void)state;
    assert_string_equal(a, "root/releases/000042");
    assert_string_equal(b, "/x");
    assert_string_equal(c, "root/x");
    free(a);
    free(b);
    free(c);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_was_written_is_read),
        IN_FOLDER(a_write_leaves_no_temporary_file),
        IN_FOLDER(a_read_appends_and_respects_the_maximum),
        IN_FOLDER(a_missing_file_is_named),
        IN_FOLDER(missing_parents_are_made),
        IN_FOLDER(a_folder_cannot_be_made_where_a_file_is),
        IN_FOLDER(remove_takes_the_tree_but_follows_no_link),
        IN_FOLDER(remove_of_what_is_missing_is_fine),
        IN_FOLDER(a_link_is_made_and_replaced_in_one_step),
        IN_FOLDER(a_link_does_not_replace_a_folder),
        IN_FOLDER(a_link_that_a_killed_process_left_is_removed),
        IN_FOLDER(only_what_is_certainly_missing_does_not_exist),
        cmocka_unit_test(paths_are_joined_with_one_slash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
