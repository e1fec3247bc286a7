#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>
#include <cmocka.h>

#include "replica/residence.h"
#include "tests/unit/replica/release_fixture.h"

enum { PAGE = 4096, PAGES = 3 * RESIDENCE_WINDOW + 5, GROUPS = 40, GROUP_ROWS = 255 };

/* Where the file system keeps files on a disk, unlike /tmp of some machines. */
#define FOLDER "/var/tmp"

struct file {
    char path[64];
    int fd;
    uint8_t *bytes;
    struct residence_clock clock;
    struct residence *residence;
};

/* Files of a file system that is memory cannot leave it. */
static void skip_in_memory(const char *folder)
{
    struct statfs info;

    assert_int_equal(statfs(folder, &info), 0);
    if (info.f_type == TMPFS_MAGIC) {
        skip();
    }
}

/* Takes the pages of a file out of memory; what is mapped and was touched stays. */
static void drop(int fd)
{
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
}

static void bring(const struct file *file, uint32_t number)
{
    char bytes[PAGE];

    assert_int_equal(pread(file->fd, bytes, PAGE, (off_t)(number - 1) * PAGE), PAGE);
}

/* A file of PAGES pages, none of them in memory, and nothing is read but what is asked for. */
static void make(struct file *file, enum residence_means means)
{
    static char bytes[PAGE];

    skip_in_memory(FOLDER);
    *file = (struct file){.path = FOLDER "/vitrine_residence_XXXXXX"};
    file->fd = mkstemp(file->path);
    assert_true(file->fd >= 0);
    for (unsigned i = 0; i < PAGES; i++) {
        assert_int_equal(write(file->fd, bytes, PAGE), PAGE);
    }
    posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM);
    file->bytes = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ, MAP_SHARED, file->fd, 0);
    assert_true(file->bytes != MAP_FAILED);
    drop(file->fd);
    residence_clock_start(&file->clock);
    file->residence =
        residence_open(file->path, file->bytes, (size_t)PAGES * PAGE, means, &file->clock);
    assert_non_null(file->residence);
}

static void end(struct file *file)
{
    residence_close(file->residence);
    munmap(file->bytes, (size_t)PAGES * PAGE);
    close(file->fd);
    unlink(file->path);
}

/* So that the next look at the clock begins an epoch. */
static void pass_epoch(struct file *file)
{
    file->clock.ends_ms = 0;
    residence_clock_look(&file->clock);
}

static const enum residence_means all_means[] = {RESIDENCE_MINCORE, RESIDENCE_NOWAIT};

static void a_page_that_is_not_in_memory_is_not_held(void **state)
{
    static const uint32_t numbers[] = {1, 2, RESIDENCE_WINDOW, RESIDENCE_WINDOW + 1, PAGES};

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct file file;

        make(&file, all_means[k]);
        for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            file.clock.met_cold = false;
            assert_false(residence_holds(file.residence, numbers[i]));
            assert_true(file.clock.met_cold);
            bring(&file, numbers[i]);
            file.clock.met_cold = false;
            assert_true(residence_holds(file.residence, numbers[i]));
            assert_false(file.clock.met_cold);
        }
        end(&file);
    }
}

static void an_answer_is_believed_until_the_epoch_ends(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct file file;

        make(&file, all_means[k]);
        bring(&file, 7);
        assert_true(residence_holds(file.residence, 7));
        drop(file.fd);
        assert_true(residence_holds(file.residence, 7));
        pass_epoch(&file);
        assert_false(residence_holds(file.residence, 7));
        end(&file);
    }
}

static void epochs_grow_until_a_page_has_left_memory(void **state)
{
    struct file file;
    int64_t length_ms = RESIDENCE_EPOCH_MIN_MS;

    (void)state;
    make(&file, RESIDENCE_MINCORE);
    bring(&file, 7);
    assert_true(residence_holds(file.residence, 7));
    while (length_ms < RESIDENCE_EPOCH_MAX_MS) {
        pass_epoch(&file);
        length_ms *= 2;
        assert_int_equal(file.clock.length_ms, length_ms);
    }
    pass_epoch(&file);
    assert_int_equal(file.clock.length_ms, RESIDENCE_EPOCH_MAX_MS);
    drop(file.fd);
    assert_false(residence_holds(file.residence, 7));
    pass_epoch(&file);
    assert_int_equal(file.clock.length_ms, RESIDENCE_EPOCH_MIN_MS);
    end(&file);
}

static void every_page_is_held_while_waiting_is_allowed(void **state)
{
    struct file file;

    (void)state;
    make(&file, RESIDENCE_MINCORE);
    file.clock.is_on = false;
    assert_true(residence_holds(file.residence, 3));
    assert_true(residence_holds(NULL, 3));
    assert_false(file.clock.met_cold);
    file.clock.is_on = true;
    assert_true(residence_holds(file.residence, PAGES + 1));
    assert_false(residence_holds(file.residence, 3));
    end(&file);
}

static void the_owner_of_a_file_is_told_by_mincore(void **state)
{
    (void)state;
    assert_int_equal(residence_means_for("/proc/self/exe"), RESIDENCE_MINCORE);
    assert_int_equal(residence_means_for("/no/such/file"), RESIDENCE_NOWAIT);
}

/* ---- readers ---- */

/* Takes what the release's files hold out of memory; touched pages of mapped files stay. */
static void drop_files(struct fixture *fixture)
{
    for (unsigned i = 0; i < fixture->file_count; i++) {
        char *path = fixture_path(fixture, fixture->files[i].path.ptr);
        int fd = open(path, O_RDONLY);

        assert_true(fd >= 0);
        drop(fd);
        close(fd);
        free(path);
    }
}

/* Groups of so many rows have overflow pages, which SQLite reads. */
static void make_shelf(struct fixture *fixture, bool is_text)
{
    const char *name = is_text ? "shelves/0001.db" : "notes/0001.db";
    char last[16] = "";

    skip_in_memory(fixture->folder);
    fixture_begin(fixture, name, is_text ? STORE_PARTITION_TEXT : STORE_PARTITION);
    for (unsigned i = 0; i < GROUPS; i++) {
        snprintf(last, sizeof last, "k%04u", i);
        fixture_group(fixture, is_text ? text_key(last) : integer_key(i), GROUP_ROWS, i, 200);
    }
    fixture_end(fixture, name, is_text ? text_key("k0000") : integer_key(0),
                is_text ? text_key(last) : integer_key(GROUPS - 1));
    fixture_open(fixture);
    reader_watch(fixture->reader);
    drop_files(fixture);
}

/* Reads all rows of KEY, as far as it goes. */
static enum err read_group(struct fixture *fixture, unsigned collection, struct key key)
{
    struct group group;
    struct rows rows;
    const struct chunk *chunk = NULL;
    uint32_t row;
    uint64_t count = 0;
    bool found;
    enum err rc = reader_find(fixture->reader, collection, &key, &fixture->answer, &group, &found,
                              &fixture->msg);

    if (rc == ERR_NONE) {
        assert_true(found);
        group_rows(&group, BY_ID, 0, UINT64_MAX, ALL_FIELDS, &rows);
        do {
            rc = rows_next(&rows, &chunk, &row, &fixture->msg);
            count += rc == ERR_NONE && chunk != NULL;
        } while (rc == ERR_NONE && chunk != NULL);
        assert_true(rc != ERR_NONE || count == GROUP_ROWS);
    }
    arena_reset(&fixture->answer);
    return rc;
}

static long waits(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_majflt;
}

static enum err read_without_waiting(struct fixture *fixture, unsigned collection, struct key key)
{
    long before = waits();
    enum err rc;

    reader_begin(fixture->reader, false);
    rc = read_group(fixture, collection, key);
    assert_int_equal(waits(), before);
    return rc;
}

/* The last key first: what is read to open a file lies at its beginning. */
static void read_all(struct fixture *fixture, bool is_text)
{
    unsigned cold = 0;

    for (unsigned i = GROUPS; i-- > 0;) {
        unsigned collection = is_text ? SHELVES : NOTES;
        char name[16];
        struct key key = integer_key(i);
        enum err rc;

        snprintf(name, sizeof name, "k%04u", i);
        if (is_text) {
            key = text_key(name);
        }
        rc = read_without_waiting(fixture, collection, key);
        if (rc != ERR_NONE) {
            assert_int_equal(rc, ERR_COLD);
            assert_non_null(strstr(fixture->msg.text, ".db: not in memory"));
            cold++;
            reader_begin(fixture->reader, true);
            OK(read_group(fixture, collection, key));
            OK(read_without_waiting(fixture, collection, key));
        }
    }
    assert_in_range(cold, 2, GROUPS);
}

static void a_reader_that_may_not_wait_reads_what_is_in_memory_only(void **state)
{
    struct fixture *fixture = *state;

    make_shelf(fixture, false);
    read_all(fixture, false);
}

static void text_keys_are_not_waited_for_either(void **state)
{
    struct fixture *fixture = *state;

    make_shelf(fixture, true);
    read_all(fixture, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_that_is_not_in_memory_is_not_held),
        cmocka_unit_test(an_answer_is_believed_until_the_epoch_ends),
        cmocka_unit_test(epochs_grow_until_a_page_has_left_memory),
        cmocka_unit_test(every_page_is_held_while_waiting_is_allowed),
        cmocka_unit_test(the_owner_of_a_file_is_told_by_mincore),
        cmocka_unit_test_setup_teardown(a_reader_that_may_not_wait_reads_what_is_in_memory_only,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(text_keys_are_not_waited_for_either, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
