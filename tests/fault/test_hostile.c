/*
 * A release whose bytes are not what the builder wrote: verification refuses every change, and a
 * reader that was not asked to verify gives rows or an error with a message, never a crash or a hang.
 *
 * VITRINE_HOSTILE_ROUNDS and VITRINE_HOSTILE_SEED change how many random changes are tried, and which.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "library.h"
#include "mutate.h"
#include "replica/format.h"

enum {
    FILES_MAX = 32,
    HANG_SECONDS = 30,
    BRANCH_LOANS = 300, /* one key in chunks: more than CHUNK_ROWS */
    ROUNDS = 100000,
    READ_ROUNDS = 10, /* one random change in so many is read without verification too */
    GROW_MAX = 2 * FORMAT_PAGE_SIZE,
};

struct hostile_file {
    char path[256]; /* as messages name it */
    char *bytes;    /* as the builder wrote it */
    size_t size;
    int fd;
    const char *name;      /* in the release */
    bool is_read_by_pages; /* a partition or listing: not hashed unless asked to */
    uint64_t right_answer; /* of what is in it, or of everything when it is another file */
};

struct hostile {
    struct library library;
    struct library_keys keys;
    char *dir;          /* of the release */
    struct trust trust; /* in the key that signed it */
    struct hostile_file files[FILES_MAX];
    unsigned file_count;
};

static struct hostile hostile;

/* ---- what was being done, when a sanitizer, a signal or the alarm ends the test ---- */

static struct {
    const char *path;
    const char *change;
    size_t at;
    uint64_t round;
} doing;

static void tell_what(void)
{
    char line[512];
    int len = snprintf(line, sizeof line, "while: %s at %zu of %s, round %" PRIu64 "\n",
                       doing.change, doing.at, doing.path, doing.round);

    if (doing.path != NULL && write(2, line, (size_t)len) < 0) {
        return;
    }
}

static void on_alarm(int number)
{
    (void)number;
    tell_what();
    _exit(1);
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* Millions of small allocations: keep few of them after free, and not where they came from. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:malloc_context_size=3:max_malloc_fill_size=64";
}

/*
 * Verification reads through a buffer of 1 MiB a file, for which a sanitizer's malloc asks the system
 * every time. Here (--wrap) it is one buffer, which makes the test three times as fast.
 */
static char read_buffer[1 << 20];
static bool read_buffer_is_used;

void *__real_memory_alloc(size_t size);
void *__wrap_memory_alloc(size_t size);
void *__wrap_memory_alloc(size_t size)
{
    if (size != sizeof read_buffer || read_buffer_is_used) {
        return __real_memory_alloc(size);
    }
    read_buffer_is_used = true;
    return read_buffer;
}

void __real_free(void *bytes);
void __wrap_free(void *bytes);
void __wrap_free(void *bytes)
{
    if (bytes == read_buffer) {
        read_buffer_is_used = false;
    } else {
        __real_free(bytes);
    }
}

/* ---- the release ---- */

static void add_file(struct hostile_file *file, const char *path)
{
    struct buffer bytes;
    struct errmsg msg;

    buffer_init(&bytes, 1 << 24);
    if (file_read(path, &bytes, &msg) != ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    snprintf(file->path, sizeof file->path, "%s", path);
    file->bytes = bytes.ptr;
    file->size = bytes.len;
    file->is_read_by_pages = strstr(path, ".db") != NULL;
    file->fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(file->fd >= 0);
}

static void add_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char *path = path_join(folder, "%s", entry->d_name);
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        if (S_ISREG(st.st_mode)) {
            assert_true(hostile.file_count < FILES_MAX);
            add_file(&hostile.files[hostile.file_count++], path);
        } else if (entry->d_name[0] != '.') {
            add_folder(path);
        }
        free(path);
    }
    closedir(dir);
}

/* readdir gives files in any order; random changes are to hit the same ones in every run. */
static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct hostile_file *)a)->path + strlen(hostile.dir),
                  ((const struct hostile_file *)b)->path + strlen(hostile.dir));
}

static int set_up(void **state)
{
    struct release *release;
    struct errmsg msg;
    uint64_t number;
    uint64_t rows;
    size_t size = 0;

    (void)state;
    library_make(&hostile.library, BRANCH_LOANS);
    if (library_build(&hostile.library, &number, &msg) != ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    hostile.dir = library_current(&hostile.library);
    hostile.trust = (struct trust){.keys = {*signing_key_public(hostile.library.key)}, .count = 1};
    library_find_keys(&hostile.library, &hostile.keys);
    add_folder(hostile.dir);
    qsort(hostile.files, hostile.file_count, sizeof hostile.files[0], compare_files);
    if (release_open(hostile.dir, &(struct release_check){.verify = true}, &release, &msg) !=
        ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    for (unsigned i = 0; i < hostile.file_count; i++) {
        struct hostile_file *file = &hostile.files[i];

        file->name = file->path + strlen(hostile.dir) + 1;
        if (library_read(release, &hostile.keys, file->is_read_by_pages ? file->name : NULL,
                         &file->right_answer, &rows, &msg) != ERR_NONE) {
            fail_msg("%s", msg.text);
        }
        assert_true(file->right_answer != 0);
        size += file->size;
    }
    release_drop(release);
    printf("release: %u files, %zu bytes\n", hostile.file_count, size);
    signal(SIGALRM, on_alarm);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(tell_what);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    alarm(0);
    for (unsigned i = 0; i < hostile.file_count; i++) {
        close(hostile.files[i].fd);
        free(hostile.files[i].bytes);
    }
    free(hostile.dir);
    library_keys_free(&hostile.keys);
    library_remove(&hostile.library);
    return 0;
}

/* ---- changing and looking ---- */

static void put(const struct hostile_file *file, const char *bytes, size_t size, size_t at)
{
    assert_int_equal(pwrite(file->fd, bytes, size, (off_t)at), (ssize_t)size);
}

static void restore(const struct hostile_file *file)
{
    assert_int_equal(ftruncate(file->fd, (off_t)file->size), 0);
    put(file, file->bytes, file->size, 0);
}

static void begin(const struct hostile_file *file, const char *change, size_t at, uint64_t round)
{
    doing.path = file->path;
    doing.change = change;
    doing.at = at;
    doing.round = round;
    alarm(HANG_SECONDS);
}

/* Verification refuses the release, and what it says names FILE. */
static void assert_refused(const struct hostile_file *file)
{
    struct release *release;
    struct errmsg msg = {""};
    enum err rc =
        release_open(hostile.dir, &(struct release_check){.verify = true, .trust = &hostile.trust},
                     &release, &msg);

    if ((rc != ERR_CORRUPT && rc != ERR_REFUSED) || strstr(msg.text, file->name) == NULL) {
        fail_msg("%s at %zu of %s, round %" PRIu64 ": %s", doing.change, doing.at, file->path,
                 doing.round, rc == ERR_NONE ? "not noticed" : msg.text);
    }
}

struct outcome {
    uint64_t right;    /* the answer is as if nothing had been changed */
    uint64_t wrong;    /* another answer: the price of not verifying */
    uint64_t refused;  /* an error with a message */
    uint64_t unopened; /* of them, those that release_open gave */
};

static void count_outcome(const struct hostile_file *file, enum err rc, const struct errmsg *msg,
                          uint64_t hash, struct outcome *outcome)
{
    if (rc != ERR_NONE && msg->text[0] == '\0') {
        fail_msg("%s at %zu of %s: error %d without a message", doing.change, doing.at, file->path,
                 rc);
    }
    outcome->refused += rc != ERR_NONE;
    outcome->right += rc == ERR_NONE && hash == file->right_answer;
    outcome->wrong += rc == ERR_NONE && hash != file->right_answer;
}

/* Opens the release and reads what is in FILE, without verification. */
static void assert_read_ends_well(const struct hostile_file *file, struct outcome *outcome)
{
    struct release *release = NULL;
    struct errmsg msg = {""};
    uint64_t hash = 0;
    uint64_t rows;
    enum err rc =
        release_open(hostile.dir, &(struct release_check){.verify = false}, &release, &msg);

    if (rc != ERR_NONE) {
        outcome->unopened++;
    } else {
        rc = library_read(release, &hostile.keys, file->is_read_by_pages ? file->name : NULL, &hash,
                          &rows, &msg);
        release_drop(release);
    }
    count_outcome(file, rc, &msg, hash, outcome);
}

static void print_outcome(const struct outcome *outcome)
{
    printf("read: %" PRIu64 " as before, %" PRIu64 " other rows, %" PRIu64 " refused (%" PRIu64
           " when opening)\n",
           outcome->right, outcome->wrong, outcome->refused, outcome->unopened);
}

/* ---- every byte ---- */

static void flip(const struct hostile_file *file, size_t at, unsigned char mask)
{
    char byte = (char)(file->bytes[at] ^ mask);

    put(file, &byte, 1, at);
}

static void verification_refuses_a_change_of_any_byte(void **state)
{
    uint64_t count = 0;

    (void)state;
    for (unsigned i = 0; i < hostile.file_count; i++) {
        const struct hostile_file *file = &hostile.files[i];
        bool is_manifest = strstr(file->path, "manifest.json") != NULL;

        for (size_t at = 0; at < file->size; at++) {
            begin(file, "xor 0xff", at, 0);
            flip(file, at, 0xff);
            assert_refused(file);
            if (is_manifest) {
                begin(file, "xor 1", at, 0);
                flip(file, at, 1);
                assert_refused(file);
            }
            put(file, file->bytes + at, 1, at);
            count += 1 + is_manifest;
        }
    }
    printf("%" PRIu64 " single bytes changed, every one refused\n", count);
}

static void read_with_every_byte_changed(const struct release *whole,
                                         const struct hostile_file *file, struct outcome *outcome)
{
    struct manifest *manifest = whole->manifest;
    struct library_narrow narrow;
    unsigned index = 0;

    while (!slice_is(manifest->files[index].path, file->name)) {
        index++;
    }
    library_narrow(whole, &hostile.keys, &manifest->files[index], &narrow);
    for (size_t at = 0; at < file->size; at++) {
        struct errmsg msg = {""};
        uint64_t hash = 0;
        uint64_t rows;
        enum err rc;

        begin(file, "xor 0xff", at, 0);
        flip(file, at, 0xff);
        rc = library_read(&narrow.release, &narrow.keys, file->name, &hash, &rows, &msg);
        count_outcome(file, rc, &msg, hash, outcome);
        put(file, file->bytes + at, 1, at);
    }
}

static void a_reader_survives_a_change_of_any_byte(void **state)
{
    struct outcome outcome = {0};
    struct release *release;
    struct errmsg msg;

    (void)state;
    if (release_open(hostile.dir, &(struct release_check){.verify = true}, &release, &msg) !=
        ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    for (unsigned i = 0; i < hostile.file_count; i++) {
        if (hostile.files[i].is_read_by_pages) {
            read_with_every_byte_changed(release, &hostile.files[i], &outcome);
        }
    }
    release_drop(release);
    print_outcome(&outcome);
    assert_true(outcome.refused > 1000); /* the damage reached what is read */
    assert_true(outcome.right > 1000);   /* and most pages hold free space */
}

/* ---- random changes ---- */

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* Changes a copy of FILE; false when it came out the same. */
static bool make_draft(const struct hostile_file *file, struct draft *draft, uint64_t round)
{
    const char *change;
    size_t at;

    memcpy(draft->bytes, file->bytes, file->size);
    draft->size = file->size;
    change = mutate(draft, &at);
    begin(file, change, at, round);
    return draft->size != file->size || memcmp(draft->bytes, file->bytes, file->size) != 0;
}

static size_t largest_file(void)
{
    size_t size = 0;

    for (unsigned i = 0; i < hostile.file_count; i++) {
        size = hostile.files[i].size > size ? hostile.files[i].size : size;
    }
    return size;
}

static void random_changes_are_refused_and_survived(void **state)
{
    uint64_t rounds = setting("VITRINE_HOSTILE_ROUNDS", ROUNDS);
    uint64_t seed = setting("VITRINE_HOSTILE_SEED", 1);
    struct draft draft = {.room = largest_file() + GROW_MAX};
    struct outcome outcome = {0};
    uint64_t changed = 0;

    (void)state;
    draft.bytes = malloc(draft.room);
    random_seed(seed);
    for (uint64_t round = 0; round < rounds; round++) {
        const struct hostile_file *file = &hostile.files[random_below(hostile.file_count)];

        if (!make_draft(file, &draft, round)) {
            continue;
        }
        changed++;
        assert_int_equal(ftruncate(file->fd, (off_t)draft.size), 0);
        put(file, draft.bytes, draft.size, 0);
        assert_refused(file);
        if (random_below(READ_ROUNDS) == 0) {
            assert_read_ends_well(file, &outcome);
        }
        restore(file);
    }
    free(draft.bytes);
    printf("%" PRIu64 " random changes of %" PRIu64 " rounds (seed %" PRIu64
           "), every one refused\n",
           changed, rounds, seed);
    print_outcome(&outcome);
    assert_true(changed > rounds / 2);
}

/* ---- and in the end ---- */

static void the_restored_release_is_the_one_that_was_built(void **state)
{
    struct outcome outcome = {0};
    struct release *release;
    struct errmsg msg;

    (void)state;
    if (release_open(hostile.dir, &(struct release_check){.verify = true}, &release, &msg) !=
        ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    release_drop(release);
    assert_read_ends_well(&hostile.files[0], &outcome);
    assert_int_equal(outcome.right, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verification_refuses_a_change_of_any_byte),
        cmocka_unit_test(a_reader_survives_a_change_of_any_byte),
        cmocka_unit_test(random_changes_are_refused_and_survived),
        cmocka_unit_test(the_restored_release_is_the_one_that_was_built),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
