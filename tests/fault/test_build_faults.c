/*
 * A build in which a system call fails: the first, the second, ... until it succeeds, once or from
 * then on (a full disk). After every failure the root is as it was, the message says something, and
 * the next build works.
 *
 * The calls of our own code are failed by the linker's --wrap (see CMakeLists.txt), SQLite's by a VFS
 * that stands before the usual one. The product has no hooks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "library.h"
#include "vfs.h"

enum { CALLS_MAX = 5000, STATE_MAX = 1 << 16 };

enum call {
    CALL_OPEN,
    CALL_OPENAT,
    CALL_READ,
    CALL_WRITE,
    CALL_FSYNC,
    CALL_CLOSE,
    CALL_RENAME,
    CALL_MKDIR,
    CALL_SYMLINK,
    CALL_MKOSTEMP,
    CALL_FCHMOD,
    CALL_UNLINKAT,
    CALL_FLOCK,
    CALL_SQLITE_OPEN,
    CALL_SQLITE_READ,
    CALL_SQLITE_WRITE,
    CALL_SQLITE_FULL,
};

/* The fault that is set: call number `nth` of `call` fails, and with `stays` all after it. */
static struct {
    bool is_armed;
    bool stays;
    enum call call;
    uint64_t nth;
    int errnum;
    uint64_t seen;
    uint64_t failed;
    bool is_linked;     /* `current` leads to the new release */
    bool is_published;  /* and that is durable */
    bool was_published; /* when the first call failed */
} fault;

static bool fails(enum call call)
{
    if (!fault.is_armed || fault.call != call) {
        return false;
    }
    fault.seen++;
    if (fault.seen == fault.nth || (fault.stays && fault.seen > fault.nth)) {
        fault.was_published = fault.failed++ == 0 ? fault.is_published : fault.was_published;
        errno = fault.errnum;
        return true;
    }
    return false;
}

/* ---- our own calls ---- */

#define WRAP(name, call, parameters, arguments)                                                    \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        return fails(call) ? -1 : __real_##name arguments;                                         \
    }

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    if (fails(CALL_FSYNC)) {
        return -1;
    }
    fault.is_published = fault.is_linked;
    return __real_fsync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    if (fails(CALL_RENAME)) {
        return -1;
    }
    fault.is_linked = fault.is_linked || strcmp(strrchr(to, '/'), "/current") == 0;
    return __real_rename(from, to);
}

WRAP(mkdir, CALL_MKDIR, (const char *path, mode_t mode), (path, mode))
WRAP(symlink, CALL_SYMLINK, (const char *target, const char *path), (target, path))
WRAP(mkostemp, CALL_MKOSTEMP, (char *path, int flags), (path, flags))
WRAP(fchmod, CALL_FCHMOD, (int fd, mode_t mode), (fd, mode))
WRAP(unlinkat, CALL_UNLINKAT, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(flock, CALL_FLOCK, (int fd, int operation), (fd, operation))

/* A close that fails has closed all the same. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    int rc = __real_close(fd);

    return fails(CALL_CLOSE) ? -1 : rc;
}

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
    return fails(CALL_READ) ? -1 : __real_read(fd, bytes, size);
}

/* Half of it is written first, as a disk does that fills up; cmocka's own output is left alone. */
ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    if (fd > STDERR_FILENO && fails(CALL_WRITE)) {
        int errnum = errno;
        ssize_t half = __real_write(fd, bytes, size / 2);

        errno = errnum;
        return half < 0 ? half : -1;
    }
    return __real_write(fd, bytes, size);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode)
{
    return fails(CALL_OPEN) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags);
int __wrap_openat(int fd, const char *path, int flags)
{
    return fails(CALL_OPENAT) ? -1 : __real_openat(fd, path, flags);
}

static bool vfs_fails(enum vfs_call call)
{
    static const enum call calls[] = {[VFS_OPEN] = CALL_SQLITE_OPEN,
                                      [VFS_READ] = CALL_SQLITE_READ,
                                      [VFS_WRITE] = CALL_SQLITE_WRITE,
                                      [VFS_FULL] = CALL_SQLITE_FULL};

    return fails(calls[call]);
}

/* ---- the root, as somebody would see it ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What a failed build may leave: its staging folder and the locks. */
static bool may_be_left(const char *name)
{
    return strcmp(name, ".building") == 0 || strcmp(name, ".build-lock") == 0 ||
           strcmp(name, ".state-lock") == 0;
}

/* Appends PATH and all below it, without what may be left: names, sizes, targets of links. */
static void describe(const char *path, const char *shown, struct buffer *out)
{
    char *names[64];
    unsigned count = 0;
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !may_be_left(name)) {
            assert_true(count < 64);
            names[count++] = strdup(name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    qsort(names, count, sizeof names[0], compare_names);
    for (unsigned i = 0; i < count; i++) {
        char *below = path_join(path, "%s", names[i]);
        char *below_shown = path_join(shown, "%s", names[i]);
        struct stat st;

        assert_int_equal(lstat(below, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            describe(below, below_shown, out);
        } else if (S_ISLNK(st.st_mode)) {
            char target[PATH_MAX] = "";

            assert_true(readlink(below, target, sizeof target - 1) > 0);
            buffer_printf(out, "%s -> %s\n", below_shown, target);
        } else {
            buffer_printf(out, "%s %lld\n", below_shown, (long long)st.st_size);
        }
        free(below);
        free(below_shown);
        free(names[i]);
    }
}

static char *root_text(const struct library *library)
{
    struct buffer out;

    buffer_init(&out, STATE_MAX);
    describe(library->root, ".", &out);
    buffer_append_byte(&out, '\0');
    assert_false(out.overflowed);
    return out.ptr;
}

/* Of an undisturbed build: what was built in spite of a fault must hold the same. */
static uint64_t right_content;

/* `current` leads to a release, NUMBER when that is not 0, that is complete and right. */
static void assert_current_is_whole(const struct library *library, uint64_t number)
{
    struct release *release;
    struct errmsg msg;
    char *dir = library_current(library);

    if (release_open(dir, true, &release, &msg) != ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    assert_true(number == 0 || release->manifest->number == number);
    right_content = right_content == 0 ? release->manifest->content_hash : right_content;
    assert_true(release->manifest->content_hash == right_content);
    release_drop(release);
    free(dir);
}

static void assert_build_works(const struct library *library)
{
    struct errmsg msg;
    uint64_t number;
    char *staging = path_join(library->root, "releases/.building");

    if (library_build(library, &number, &msg) != ERR_NONE) {
        fail_msg("the build after a failure of call %" PRIu64 ": %s", fault.nth, msg.text);
    }
    assert_current_is_whole(library, number);
    assert_false(file_exists(staging));
    free(staging);
}

/* ---- failing ---- */

struct kind {
    const char *name;
    enum call call;
    int errnum;
    bool is_tolerated; /* the build may succeed all the same */
};

static const struct kind kinds[] = {
    {"open", CALL_OPEN, EMFILE, false},
    {"openat", CALL_OPENAT, EIO,
     true}, /* only removing opens so: leftovers, releases beyond keep */
    {"read", CALL_READ, EIO, false},
    {"write", CALL_WRITE, ENOSPC, false},
    {"fsync", CALL_FSYNC, EIO, false},
    {"close", CALL_CLOSE, EIO, true}, /* what matters was fsynced before */
    {"rename", CALL_RENAME, EXDEV, false},
    {"mkdir", CALL_MKDIR, ENOSPC, false},
    {"symlink", CALL_SYMLINK, ENOSPC, false},
    {"mkostemp", CALL_MKOSTEMP, ENOSPC, false},
    {"fchmod", CALL_FCHMOD, EPERM, false},
    {"unlinkat", CALL_UNLINKAT, EIO, true},
    {"flock", CALL_FLOCK, ENOLCK, false},
    {"SQLite's open", CALL_SQLITE_OPEN, 0, false},
    {"SQLite's read", CALL_SQLITE_READ, 0, true}, /* SQLite tries some reads again */
    {"SQLite's write", CALL_SQLITE_WRITE, 0, false},
    {"SQLite's write to a full disk", CALL_SQLITE_FULL, 0, false},
};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

static enum err build_with_fault(const struct library *library, const struct kind *kind,
                                 uint64_t nth, bool stays, struct errmsg *msg)
{
    uint64_t number;
    enum err rc;

    msg->text[0] = '\0';
    fault.stays = stays;
    fault.call = kind->call;
    fault.errnum = kind->errnum;
    fault.nth = nth;
    fault.seen = 0;
    fault.failed = 0;
    fault.is_linked = false;
    fault.is_published = false;
    fault.was_published = false;
    fault.is_armed = true;
    rc = library_build(library, &number, msg);
    fault.is_armed = false;
    return rc;
}

/* Fails call 1, 2, 3, ... of KIND; returns how many builds failed. */
static uint64_t fail_every_call(struct library *library, const struct kind *kind, bool stays,
                                bool in_new_root)
{
    uint64_t failures = 0;

    for (uint64_t nth = 1; nth < CALLS_MAX; nth++) {
        struct errmsg msg;
        enum err rc;
        char *before;
        char *after;

        if (in_new_root) {
            assert_int_equal(dir_remove(library->root, &msg), ERR_NONE);
        }
        before = root_text(library);
        rc = build_with_fault(library, kind, nth, stays, &msg);
        if (rc == ERR_NONE && fault.failed == 0) {
            free(before);
            return failures;
        }
        if (rc == ERR_NONE) {
            if (!kind->is_tolerated && !fault.was_published) {
                fail_msg("%s call %" PRIu64 " failed, and nobody noticed", kind->name, nth);
            }
            assert_current_is_whole(library, 0);
        } else {
            after = root_text(library);
            failures++;
            if (msg.text[0] == '\0' || strcmp(before, after) != 0) {
                fail_msg("%s call %" PRIu64 "%s: \"%s\"\nbefore:\n%s\nafter:\n%s", kind->name, nth,
                         stays ? " and all after it" : "", msg.text, before, after);
            }
            if (before[0] != '\0') {
                assert_current_is_whole(library, 0);
            }
            free(after);
        }
        assert_build_works(library);
        free(before);
    }
    fail_msg("%s: the build needs more than %d calls", kind->name, CALLS_MAX);
    return 0;
}

static void every_failure_leaves_the_root_as_it_was(void **state)
{
    struct library *library = *state;
    static const char *const roots[] = {"in a root with releases", "in a new root"};

    for (unsigned i = 0; i < KIND_COUNT; i++) {
        for (unsigned way = 0; way < 4; way++) {
            bool in_new_root = way / 2 == 1;
            bool stays = way % 2 == 1;
            uint64_t failures;

            if (!in_new_root) {
                assert_build_works(library); /* two at least, so that one is removed */
                assert_build_works(library);
            }
            failures = fail_every_call(library, &kinds[i], stays, in_new_root);
            printf("%-30s %4" PRIu64 " builds failed, %s, %s\n", kinds[i].name, failures,
                   stays ? "from call N on" : "at call N", roots[in_new_root]);
            assert_true(failures > 0 || kinds[i].is_tolerated);
        }
    }
}

static int set_up(void **state)
{
    static struct library library;

    library_make(&library, 300);
    assert_true(vfs_register(vfs_fails));
    *state = &library;
    return 0;
}

static int tear_down(void **state)
{
    library_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_leaves_the_root_as_it_was),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
