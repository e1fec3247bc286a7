/*
 * The SQLite writer while file operations fail, and while it is killed: what was answered is there, once,
 * and a write that is tried again with its key is there once in any case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/log.h"
#include "fault/vfs.h"
#include "unit/source/writer_fixture.h"

enum {
    WRITES = 4,      /* of a round with a fault */
    ATTEMPTS = 3000, /* of a write, until the writer has recovered */
    KILLS = 25,
    SLOTS = 16,
    KILL_LEAST_MS = 10,
    KILL_SPREAD_MS = 60,
    KILL_ANSWERS = 3, /* the least of every other child */
};

static const char add_sql[] = "INSERT INTO marks VALUES (?1, 'x')";

/* ---- what fails ---- */

static struct {
    atomic_bool is_armed;
    atomic_int call;
    atomic_uint nth;
    atomic_uint seen;
    atomic_bool goes_on; /* all that follow fail, too */
} fault;

static bool fails(enum vfs_call call)
{
    unsigned seen;

    if (!atomic_load(&fault.is_armed) || (int)call != atomic_load(&fault.call)) {
        return false;
    }
    seen = atomic_fetch_add(&fault.seen, 1) + 1;
    return seen == atomic_load(&fault.nth) ||
           (atomic_load(&fault.goes_on) && seen > atomic_load(&fault.nth));
}

static void arm(enum vfs_call call, unsigned nth, bool goes_on)
{
    atomic_store(&fault.call, (int)call);
    atomic_store(&fault.nth, nth);
    atomic_store(&fault.seen, 0);
    atomic_store(&fault.goes_on, goes_on);
    atomic_store(&fault.is_armed, true);
}

/* ---- writes ---- */

static void name_key(struct test_job *test, char key[24], int64_t number)
{
    test->takes[0] = integer_value(number);
    test->job.now_ms = timestamp_now_ms();
    test->job.key = slice_of(key, (size_t)snprintf(key, 24, "key %lld", (long long)number));
}

static enum write_outcome add(struct writer *writer, const struct made_action *made, int64_t number,
                              struct errmsg *msg)
{
    struct test_job test;
    enum write_outcome outcome;
    char key[24];

    job_init(&test, made);
    name_key(&test, key, number);
    outcome = job_run(writer, &test);
    assert_int_equal(test.answers, 1);
    *msg = test.job.msg;
    job_free(&test);
    return outcome;
}

/* As a client that got no answer: the same again, with the same key. */
static void add_at_last(struct writer *writer, const struct made_action *made, int64_t number)
{
    struct errmsg msg;

    for (int i = 0; i < ATTEMPTS; i++) {
        if (add(writer, made, number, &msg) == WRITE_DONE) {
            return;
        }
        usleep(20000);
    }
    fail_msg("the writer does not recover: %s", msg.text);
}

/* One round: some writes while a call fails, all of them again; true when the fault was met. */
static bool run_round(struct fixture *fixture, enum vfs_call call, unsigned nth, bool goes_on)
{
    struct writer *writer;
    struct made_action made;
    struct errmsg msg;
    bool was_met;

    unlink(fixture->path);
    make_action(&made, add_sql, 1);
    arm(call, nth, goes_on);
    writer = open_writer(fixture, 0);
    for (int64_t i = 0; i < WRITES; i++) {
        enum write_outcome outcome = add(writer, &made, i, &msg);

        assert_true(outcome == WRITE_DONE || outcome == WRITE_AWAY);
    }
    was_met = atomic_load(&fault.seen) >= nth;
    atomic_store(&fault.is_armed, false);
    for (int64_t i = 0; i <= WRITES; i++) {
        add_at_last(writer, &made, i);
    }
    writer_close(writer);
    assert_int_equal(file_ask(fixture->path, "SELECT count(*) FROM marks"), WRITES + 1);
    assert_int_equal(file_ask(fixture->path, "SELECT count(DISTINCT shelf) FROM marks"),
                     WRITES + 1);
    assert_int_equal(file_ask(fixture->path, "SELECT count FROM " WRITER_COUNT_TABLE), WRITES + 1);
    return was_met;
}

static void run_rounds(struct fixture *fixture, bool goes_on)
{
    for (int call = VFS_OPEN; call <= VFS_SYNC; call++) {
        unsigned nth = 1;

        while (run_round(fixture, (enum vfs_call)call, nth, goes_on)) {
            nth++;
        }
        assert_true(nth > 1);
    }
}

static void after_any_call_that_fails_every_write_is_there_once(void **state)
{
    run_rounds(*state, false);
}

static void after_any_time_without_a_disk_every_write_is_there_once(void **state)
{
    run_rounds(*state, true);
}

/* ---- killed ---- */

struct slot {
    struct test_job test;
    char key[24];
    int64_t number;
};

static struct writer *child_writer;
static int child_pipe;

static void on_answer(struct write_job *job)
{
    struct slot *slot = (struct slot *)job;
    ssize_t written;

    if (job->outcome == WRITE_DONE) {
        written = write(child_pipe, &slot->number, sizeof slot->number);
        if (written != (ssize_t)sizeof slot->number) {
            _exit(1);
        }
        slot->number += SLOTS;
    }
    arena_reset(&slot->test.arena);
    buffer_clear(&job->body);
    name_key(&slot->test, slot->key, slot->number);
    writer_submit(child_writer, job);
}

/* Writes without end, each slot its own numbers from NEXT on. */
static void write_until_killed(struct fixture *fixture, const int64_t *next, int to)
{
    static struct slot slots[SLOTS];
    static struct made_action made;

    child_pipe = to;
    make_action(&made, add_sql, 1);
    child_writer = open_writer(fixture, 0);
    for (unsigned i = 0; i < SLOTS; i++) {
        job_init(&slots[i].test, &made);
        slots[i].test.job.done = on_answer;
        slots[i].number = next[i];
        name_key(&slots[i].test, slots[i].key, slots[i].number);
        writer_submit(child_writer, &slots[i].test.job);
    }
    for (;;) {
        pause();
    }
}

/* Reads what is acknowledged for some time, LEAST at least, then kills, then reads the rest. */
static uint64_t run_child(struct fixture *fixture, int64_t *next, uint64_t least)
{
    int64_t ends_ms = monotonic_ms() + KILL_LEAST_MS + random() % KILL_SPREAD_MS;
    uint64_t answered = 0;
    int64_t number;
    int pipes[2];
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        write_until_killed(fixture, next, pipes[1]);
    }
    close(pipes[1]);
    for (bool is_killed = false;;) {
        struct pollfd ready = {.fd = pipes[0], .events = POLLIN};
        int64_t left_ms = ends_ms - monotonic_ms();

        if (!is_killed && left_ms <= 0 && answered >= least) {
            kill(child, SIGKILL);
            is_killed = true;
        }
        if (poll(&ready, 1, is_killed || left_ms <= 0 ? -1 : (int)left_ms) <= 0) {
            continue;
        }
        if (read(pipes[0], &number, sizeof number) != (ssize_t)sizeof number) {
            break;
        }
        assert_int_equal(next[number % SLOTS], number);
        next[number % SLOTS] = number + SLOTS;
        answered++;
    }
    close(pipes[0]);
    waitpid(child, NULL, 0);
    return answered;
}

static void after_kills_every_write_that_was_answered_is_there_once(void **state)
{
    struct fixture *fixture = *state;
    int64_t next[SLOTS];
    uint64_t answered = 0;
    char sql[200];

    for (unsigned i = 0; i < SLOTS; i++) {
        next[i] = i;
    }
    for (int i = 0; i < KILLS; i++) {
        answered += run_child(fixture, next, i % 2 == 0 ? KILL_ANSWERS : 0);
    }
    assert_true(answered > KILLS);
    assert_int_equal(file_ask(fixture->path, "SELECT count(*) - count(DISTINCT shelf) FROM marks"),
                     0);
    for (unsigned i = 0; i < SLOTS; i++) {
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM marks WHERE shelf %% %d = %u AND shelf < %lld", SLOTS, i,
                 (long long)next[i]);
        assert_int_equal(file_ask(fixture->path, sql), (next[i] - i) / SLOTS);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(after_kills_every_write_that_was_answered_is_there_once), /* forks: no thread before */
        TEST(after_any_call_that_fails_every_write_is_there_once),
        TEST(after_any_time_without_a_disk_every_write_is_there_once),
    };

    log_set_level(LOG_ERROR);
    if (!vfs_register(fails)) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
