/* Threads: uv_thread_create is in service/cold.c. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>
#include <cmocka.h>

#include "service/answer.h"
#include "service/bounds.h"
#include "service/cold.h"
#include "tests/unit/replica/release_fixture.h"

enum { GROUPS = 60, GROUP_ROWS = 200, WAITING_MAX = 8 };

/* An answerer as a loop has it, over a release that is not in memory. */
struct stage {
    struct fixture *fixture;
    struct plan *plan;
    struct cold_pool *pool;
    struct later_queue ready;
    struct answerer answerer;
    struct buffer out;
};

static void drop_files(struct fixture *fixture)
{
    struct statfs info;

    assert_int_equal(statfs(fixture->folder, &info), 0);
    if (info.f_type == TMPFS_MAGIC) {
        skip(); /* it cannot leave memory */
    }
    for (unsigned i = 0; i < fixture->file_count; i++) {
        char *path = fixture_path(fixture, fixture->files[i].path.ptr);
        int fd = open(path, O_RDONLY);

        assert_true(fd >= 0);
        assert_int_equal(fsync(fd), 0);
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        close(fd);
        free(path);
    }
}

static void stage_begin(struct stage *stage, struct fixture *fixture, unsigned waiting_max)
{
    const struct release_check check = {.verify = false};

    *stage = (struct stage){.fixture = fixture};
    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    for (unsigned i = 0; i < GROUPS; i++) {
        fixture_group(fixture, integer_key(i), GROUP_ROWS, i, 200);
    }
    fixture_end(fixture, "notes/0001.db", integer_key(0), integer_key(GROUPS - 1));
    fixture_publish(fixture);
    drop_files(fixture);
    OK(plan_open(fixture->folder, &check, &stage->plan, &fixture->msg));
    OK(cold_pool_open(2, waiting_max, stage->plan, &stage->pool, &fixture->msg));
    later_queue_init(&stage->ready, NULL);
    buffer_init(&stage->out, BOUNDS_ANSWER_MAX);
    answerer_init(&stage->answerer);
    stage->answerer.cold = stage->pool;
    stage->answerer.ready = &stage->ready;
    OK(answerer_serve(&stage->answerer, plan_hold(stage->plan), &fixture->msg));
}

static void stage_end(struct stage *stage)
{
    answerer_free(&stage->answerer);
    later_queue_free(&stage->ready);
    buffer_free(&stage->out);
    plan_drop(stage->plan);
}

static struct later *ask(struct stage *stage, unsigned key)
{
    char target[32];
    struct request request = {.method = METHOD_GET, .keep_alive = true};

    snprintf(target, sizeof target, "/notes?folder=%u", key);
    request.target = slice_str(target);
    buffer_clear(&stage->out);
    return answer_request(&stage->answerer, &request, &stage->out);
}

static struct later *wait_for_ready(struct stage *stage)
{
    struct later *later;

    for (unsigned i = 0; i < 60000; i++) {
        later = later_queue_take(&stage->ready);
        if (later != NULL) {
            return later;
        }
        usleep(1000);
    }
    fail_msg("%s", "the pool gives nothing back");
    return NULL;
}

static void a_cold_key_is_answered_when_the_pool_has_read_it(void **state)
{
    struct stage stage;
    struct later *later;
    char *waited;

    stage_begin(&stage, *state, WAITING_MAX);
    later = ask(&stage, GROUPS - 1);
    assert_non_null(later);
    assert_int_equal(stage.out.len, 0);
    assert_ptr_equal(wait_for_ready(&stage), later);
    later->keep_alive = true;
    later->answer(later, &stage.out);
    assert_non_null(strstr(buffer_str(&stage.out), "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(buffer_str(&stage.out), "body 59-"));
    waited = memory_copy_str(strstr(buffer_str(&stage.out), "\r\n\r\n"));
    /* Now it is in memory, and looks the same. */
    assert_null(ask(&stage, GROUPS - 1));
    assert_string_equal(strstr(buffer_str(&stage.out), "\r\n\r\n"), waited);
    assert_int_equal(stage.answerer.cold_reads, 1);
    assert_int_equal(stage.answerer.cold_refusals, 0);
    free(waited);
    cold_pool_close(stage.pool);
    stage_end(&stage);
}

static void one_more_than_may_wait_is_told_to_come_again(void **state)
{
    struct stage stage;

    stage_begin(&stage, *state, 0);
    assert_null(ask(&stage, GROUPS - 1));
    assert_non_null(strstr(buffer_str(&stage.out), "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(buffer_str(&stage.out), "\r\nRetry-After: 1\r\n"));
    assert_non_null(
        strstr(buffer_str(&stage.out), "\r\n\r\nError: too many requests wait for the disk"));
    assert_int_equal(stage.answerer.cold_refusals, 1);
    cold_pool_close(stage.pool);
    stage_end(&stage);
}

static void what_waits_is_given_back_when_the_pool_ends(void **state)
{
    struct stage stage;
    unsigned asked = 0;
    unsigned given = 0;
    struct later *next;

    stage_begin(&stage, *state, GROUPS);
    for (unsigned i = GROUPS; i-- > 0;) {
        asked += ask(&stage, i) != NULL;
    }
    assert_in_range(asked, 2, GROUPS);
    cold_pool_close(stage.pool);
    for (struct later *at = later_queue_take(&stage.ready); at != NULL; at = next) {
        next = at->next;
        at->answer(at, NULL);
        given++;
    }
    assert_int_equal(given, asked);
    stage_end(&stage);
}

/* Asks for KEY and takes it back; false when it was in memory. FORGET: before anything is read. */
static bool was_cold(struct stage *stage, unsigned key, bool forget)
{
    struct later *later = ask(stage, key);

    if (later == NULL) {
        return false;
    }
    if (forget) {
        later_forget(later);
    }
    assert_ptr_equal(wait_for_ready(stage), later);
    later->answer(later, NULL);
    return true;
}

/*
 * From now on the threads of the pool run only while this one waits: all are on one processor, on
 * which theirs is the last claim. Returns the processors to go back to.
 */
static cpu_set_t come_first(void)
{
    struct sched_param none = {.sched_priority = 0};
    DIR *tasks = opendir("/proc/self/task");
    cpu_set_t before;
    cpu_set_t here;

    assert_non_null(tasks);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&here);
    CPU_SET((unsigned)sched_getcpu(), &here);
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

        if (thread > 0) {
            assert_int_equal(sched_setaffinity(thread, sizeof here, &here), 0);
        }
        if (thread > 0 && thread != getpid()) {
            assert_int_equal(sched_setscheduler(thread, SCHED_IDLE, &none), 0);
        }
    }
    closedir(tasks);
    return before;
}

static void nothing_is_read_for_a_client_that_is_gone(void **state)
{
    struct stage stage;
    unsigned gone = 0;
    unsigned still_cold = 0;
    cpu_set_t processors;

    stage_begin(&stage, *state, WAITING_MAX);
    processors = come_first();
    for (unsigned i = 0; i < GROUPS; i++) {
        if (was_cold(&stage, i, true)) {
            gone++;
            still_cold += was_cold(&stage, i, false);
        }
    }
    assert_in_range(gone, GROUPS / 2, GROUPS);
    assert_in_range(still_cold, gone / 2, gone);
    assert_int_equal(sched_setaffinity(0, sizeof processors, &processors), 0);
    cold_pool_close(stage.pool);
    stage_end(&stage);
}

static void the_threads_let_go_of_a_plan_that_is_served_no_more(void **state)
{
    struct stage stage;
    struct plan *newer;
    const struct release_check check = {.verify = false};

    stage_begin(&stage, *state, WAITING_MAX);
    if (plan_open(stage.fixture->folder, &check, &newer, &stage.fixture->msg) != ERR_NONE) {
        fail();
    }
    cold_pool_serve(stage.pool, newer);
    for (unsigned i = 0; i < 60000 && atomic_load(&stage.plan->references) > 2; i++) {
        usleep(1000);
    }
    assert_int_equal(atomic_load(&stage.plan->references), 2); /* of the stage and its answerer */
    cold_pool_close(stage.pool);
    stage_end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cold_key_is_answered_when_the_pool_has_read_it,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(one_more_than_may_wait_is_told_to_come_again, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_waits_is_given_back_when_the_pool_ends, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_read_for_a_client_that_is_gone, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_threads_let_go_of_a_plan_that_is_served_no_more,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
