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
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/file.h"
#include "library.h"
#include "replica/logical.h"
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
    CALL_CLONE,
    CALL_COPY,
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

int __real_ioctl(int fd, unsigned long what, void *with);
int __wrap_ioctl(int fd, unsigned long what, void *with);
int __wrap_ioctl(int fd, unsigned long what, void *with)
{
    return what == FICLONE && fails(CALL_CLONE) ? -1 : __real_ioctl(fd, what, with);
}

/* A page at most and then no more, so that the rest is read and written. */
ssize_t __real_copy_file_range(int in, off_t *from, int out, off_t *to, size_t size,
                               unsigned flags);
ssize_t __wrap_copy_file_range(int in, off_t *from, int out, off_t *to, size_t size,
                               unsigned flags);
ssize_t __wrap_copy_file_range(int in, off_t *from, int out, off_t *to, size_t size, unsigned flags)
{
    if (fails(CALL_COPY)) {
        return -1;
    }
    if (lseek(in, 0, SEEK_CUR) > 0) {
        return 0;
    }
    return __real_copy_file_range(in, from, out, to, size < 4096 ? size : 4096, flags);
}

static bool vfs_fails(enum vfs_call call)
{
    static const enum call calls[] = {[VFS_OPEN] = CALL_SQLITE_OPEN,
                                      [VFS_READ] = CALL_SQLITE_READ,
                                      [VFS_WRITE] = CALL_SQLITE_WRITE,
                                      [VFS_FULL] = CALL_SQLITE_FULL};

    return call != VFS_SYNC && fails(calls[call]); /* SQLite is told not to sync here */
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

/* The two sources, and what releases of them hold by an undisturbed build. */
static struct {
    char url[128];
    uint64_t held;
} sources[2];

static uint64_t held_by(const struct manifest *manifest)
{
    uint64_t held = 0;

    for (unsigned i = 0; i < manifest->collection_count; i++) {
        held += manifest->collections[i].logical_hash;
    }
    return held;
}

static void choose_source(struct library *library, unsigned which)
{
    memcpy(library->url, sources[which].url, sizeof library->url);
}

/*
 * `current` leads to a release, NUMBER when that is not 0, that is complete, signed, and holds what SOURCE has.
 */
static void assert_current_is_whole(const struct library *library, uint64_t number, unsigned source)
{
    struct trust trust = {.keys = {*signing_key_public(library->key)}, .count = 1};
    struct release_check check = {.verify = true, .trust = &trust};
    struct release *release;
    struct reader *reader;
    struct errmsg msg;
    char *dir = library_current(library);

    if (release_open(dir, &check, &release, &msg) != ERR_NONE ||
        reader_open(release, &reader, &msg) != ERR_NONE ||
        logical_verify(reader, &msg) != ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    assert_true(number == 0 || release->manifest->number == number);
    assert_true(held_by(release->manifest) == sources[source].held);
    reader_close(reader);
    release_drop(release);
    free(dir);
}

/* Builds from the first source. */
static void assert_build_works(struct library *library)
{
    struct errmsg msg;
    uint64_t number;
    char *staging = path_join(library->root, "releases/.building");

    choose_source(library, 0);
    if (library_build(library, &number, &msg) != ERR_NONE) {
        fail_msg("the build after a failure of call %" PRIu64 ": %s", fault.nth, msg.text);
    }
    assert_current_is_whole(library, number, 0);
    assert_false(file_exists(staging));
    free(staging);
}

/* ---- failing ---- */

struct kind {
    const char *name;
    enum call call;
    int errnum;
    bool is_tolerated; /* the build may succeed all the same */
    bool is_spare;     /* so may a delta build: without the file before, a file is built fresh */
};

static const struct kind kinds[] = {
    {"open", CALL_OPEN, EMFILE, false, true},
    {"openat", CALL_OPENAT, EIO, true,
     false}, /* only removing opens so: leftovers, releases beyond keep */
    {"read", CALL_READ, EIO, false, true},
    {"write", CALL_WRITE, ENOSPC, false, true},
    {"fsync", CALL_FSYNC, EIO, false, false},
    {"close", CALL_CLOSE, EIO, true, false}, /* what matters was fsynced before */
    {"rename", CALL_RENAME, EXDEV, false, false},
    {"mkdir", CALL_MKDIR, ENOSPC, false, false},
    {"symlink", CALL_SYMLINK, ENOSPC, false, false},
    {"mkostemp", CALL_MKOSTEMP, ENOSPC, false, false},
    {"fchmod", CALL_FCHMOD, EPERM, false, false},
    {"unlinkat", CALL_UNLINKAT, EIO, true, false},
    {"flock", CALL_FLOCK, ENOLCK, false, true},
    {"FICLONE", CALL_CLONE, EOPNOTSUPP, true, false},
    {"copy_file_range", CALL_COPY, EXDEV, true, false},
    {"SQLite's open", CALL_SQLITE_OPEN, 0, false, true},
    {"SQLite's read", CALL_SQLITE_READ, 0, true, false}, /* SQLite tries some reads again */
    {"SQLite's write", CALL_SQLITE_WRITE, 0, false, false},
    {"SQLite's write to a full disk", CALL_SQLITE_FULL, 0, false, false},
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

enum place { WITH_RELEASES, NEW_ROOT, CHANGED_SOURCE };

static void assert_nothing_changed(const struct library *library, const struct kind *kind,
                                   const char *before, const struct errmsg *msg)
{
    char *after = root_text(library);

    if (msg->text[0] == '\0' || strcmp(before, after) != 0) {
        fail_msg("%s call %" PRIu64 "%s: \"%s\"\nbefore:\n%s\nafter:\n%s", kind->name, fault.nth,
                 fault.stays ? " and all after it" : "", msg->text, before, after);
    }
    if (before[0] != '\0') {
        assert_current_is_whole(library, 0, 0);
    }
    free(after);
}

/* Fails call NTH of KIND; false when there is none. A build that failed is counted. */
static bool fail_call(struct library *library, const struct kind *kind, uint64_t nth, bool stays,
                      enum place place, uint64_t *failures)
{
    unsigned source = place == CHANGED_SOURCE ? 1 : 0;
    bool is_tolerated = kind->is_tolerated || (place == CHANGED_SOURCE && kind->is_spare);
    struct errmsg msg;
    char *before = root_text(library);
    enum err rc;

    choose_source(library, source);
    rc = build_with_fault(library, kind, nth, stays, &msg);
    if (rc == ERR_NONE && fault.failed > 0 && !is_tolerated && !fault.was_published) {
        fail_msg("%s call %" PRIu64 " failed, and nobody noticed", kind->name, nth);
    }
    if (rc == ERR_NONE) {
        assert_current_is_whole(library, 0, source);
    } else {
        (*failures)++;
        assert_nothing_changed(library, kind, before, &msg);
    }
    free(before);
    return rc != ERR_NONE || fault.failed > 0;
}

/* Fails call 1, 2, 3, ... of KIND; returns how many builds failed. */
static uint64_t fail_every_call(struct library *library, const struct kind *kind, bool stays,
                                enum place place)
{
    uint64_t failures = 0;

    for (uint64_t nth = 1; nth < CALLS_MAX; nth++) {
        struct errmsg msg;

        if (place == NEW_ROOT) {
            assert_int_equal(dir_remove(library->root, &msg), ERR_NONE);
        }
        if (!fail_call(library, kind, nth, stays, place, &failures)) {
            return failures;
        }
        assert_build_works(library);
    }
    fail_msg("%s: the build needs more than %d calls", kind->name, CALLS_MAX);
    return 0;
}

static void fail_every_kind(struct library *library, enum place place, const char *where)
{
    library->is_delta = place == CHANGED_SOURCE;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        for (unsigned stays = 0; stays < 2; stays++) {
            bool is_tolerated = kinds[i].is_tolerated;
            uint64_t failures;

            assert_build_works(library); /* two at least, so that one is removed */
            assert_build_works(library);
            failures = fail_every_call(library, &kinds[i], stays == 1, place);
            printf("%-30s %4" PRIu64 " builds failed, %s, %s\n", kinds[i].name, failures,
                   stays == 1 ? "from call N on" : "at call N", where);
            assert_true(failures > 0 || is_tolerated || kinds[i].is_spare);
        }
    }
}

static void every_failure_leaves_the_root_as_it_was(void **state)
{
    fail_every_kind(*state, WITH_RELEASES, "in a root with releases");
}

static void every_failure_leaves_a_new_root_as_it_was(void **state)
{
    fail_every_kind(*state, NEW_ROOT, "in a new root");
}

static void every_failure_of_a_delta_build_leaves_the_root_as_it_was(void **state)
{
    fail_every_kind(*state, CHANGED_SOURCE, "when the source has changed");
}

/* What the test of delta builds is worth depends on it. */
static void a_delta_build_of_the_other_source_changes_copies(void **state)
{
    struct library *library = *state;
    const struct manifest *manifest;
    struct release *after;
    struct errmsg msg;
    uint64_t number;
    char *dir;

    library->is_delta = true;
    assert_build_works(library);
    choose_source(library, 1);
    assert_int_equal(library_build(library, &number, &msg), ERR_NONE);
    dir = library_current(library);
    assert_int_equal(release_open(dir, &(struct release_check){.verify = false}, &after, &msg),
                     ERR_NONE);
    manifest = after->manifest;
    for (unsigned i = 0; i < manifest->file_count; i++) {
        char *path = path_join(dir, "%.*s", SLICE_ARG(manifest->files[i].path));
        struct buffer header;

        buffer_init(&header, 1 << 24);
        assert_int_equal(file_read(path, &header, &msg), ERR_NONE);
        if (manifest->files[i].kind == FILE_PARTITION) { /* bytes 24 to 27 count the commits */
            assert_true(load_u32be((const uint8_t *)header.ptr + 24) > 1);
        }
        buffer_free(&header);
        free(path);
    }
    free(dir);
    release_drop(after);
}

static int set_up(void **state)
{
    static struct library library;

    library_make(&library, 300);
    snprintf(sources[0].url, sizeof sources[0].url, "%s", library.url);
    library_make_other(&library, sources[1].url, sizeof sources[1].url);
    for (unsigned i = 0; i < 2; i++) {
        struct release *release;
        struct errmsg msg;
        uint64_t number;
        char *dir;

        choose_source(&library, i);
        if (library_build(&library, &number, &msg) != ERR_NONE) {
            fail_msg("%s", msg.text);
        }
        dir = library_current(&library);
        assert_int_equal(release_open(dir, &(struct release_check){.verify = true}, &release, &msg),
                         ERR_NONE);
        sources[i].held = held_by(release->manifest);
        release_drop(release);
        free(dir);
    }
    assert_true(sources[0].held != sources[1].held);
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
        cmocka_unit_test(a_delta_build_of_the_other_source_changes_copies),
        cmocka_unit_test(every_failure_leaves_the_root_as_it_was),
        cmocka_unit_test(every_failure_leaves_a_new_root_as_it_was),
        cmocka_unit_test(every_failure_of_a_delta_build_leaves_the_root_as_it_was),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
