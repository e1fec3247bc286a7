#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/process.h"

enum { OUTPUT_MAX = 1 << 20 };

struct heard {
    struct buffer out;
    struct buffer err;
};

static void on_stdout(void *context, struct slice bytes)
{
    buffer_append_slice(&((struct heard *)context)->out, bytes);
}

static void on_stderr(void *context, struct slice bytes)
{
    buffer_append_slice(&((struct heard *)context)->err, bytes);
}

/* Runs SCRIPT by a shell. */
static enum err run(const char *script, struct heard *heard, int *status, struct errmsg *msg)
{
    const char *const arguments[] = {"sh", "-c", script, NULL};

    buffer_init(&heard->out, OUTPUT_MAX);
    buffer_init(&heard->err, OUTPUT_MAX);
    return process_run(&(struct process){.arguments = arguments,
                                         .on_stdout = on_stdout,
                                         .on_stderr = on_stderr,
                                         .context = heard},
                       status, msg);
}

/* Neither gone nor a zombie. */
static bool is_running(pid_t pid)
{
    char path[64];
    char state = 'X';
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
            state = 'X'; /* it ended meanwhile */
        }
        fclose(file);
    }
    return state != 'X' && state != 'Z';
}

static void forget(struct heard *heard)
{
    buffer_free(&heard->out);
    buffer_free(&heard->err);
}

static void both_streams_are_heard_to_their_end(void **state)
{
    struct heard heard;
    struct errmsg msg;
    int status;

    (void)state;
    assert_int_equal(run("head -c 300000 /dev/zero; echo no >&2; exit 7", &heard, &status, &msg),
                     ERR_NONE);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(heard.out.len, 300000);
    assert_string_equal(buffer_str(&heard.err), "no\n");
    forget(&heard);
}

static void the_input_is_empty_and_the_locale_is_c(void **state)
{
    struct heard heard;
    struct errmsg msg;
    int status;

    (void)state;
    setenv("LC_ALL", "C.UTF-8", 1);
    assert_int_equal(run("cat; echo $LC_ALL", &heard, &status, &msg), ERR_NONE);
    assert_string_equal(buffer_str(&heard.out), "C\n");
    forget(&heard);
}

static void a_program_that_does_not_exist_is_named(void **state)
{
    const char *const arguments[] = {"vitrine-no-such-program", NULL};
    struct errmsg msg;
    int status;

    (void)state;
    assert_int_equal(process_run(&(struct process){.arguments = arguments}, &status, &msg),
                     ERR_NOT_FOUND);
    assert_string_equal(msg.text, "there is no program vitrine-no-such-program; install it");
}

static void an_end_is_described(void **state)
{
    char text[64];
    struct heard heard;
    struct errmsg msg;
    int status;

    (void)state;
    assert_int_equal(run("kill -9 $$", &heard, &status, &msg), ERR_NONE);
    assert_string_equal(process_describe_end(status, text, sizeof text), "signal 9 (Killed)");
    forget(&heard);
    assert_int_equal(run("exit 3", &heard, &status, &msg), ERR_NONE);
    assert_string_equal(process_describe_end(status, text, sizeof text), "exit code 3");
    forget(&heard);
}

static void what_a_child_leaves_behind_is_killed(void **state)
{
    struct heard heard;
    struct errmsg msg;
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(run("sleep 300 >/dev/null 2>&1 & echo $!", &heard, &status, &msg), ERR_NONE);
    pid = (pid_t)strtol(buffer_str(&heard.out), NULL, 10);
    forget(&heard);
    assert_int_equal(status, 0);
    for (unsigned i = 0; i < 6000 && is_running(pid); i++) {
        interrupt_sleep(10);
    }
    assert_false(is_running(pid));
}

static void the_end_of_a_child_is_told_when_sigchld_is_ignored(void **state)
{
    struct heard heard;
    struct errmsg msg;
    int status;

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    alarm(60);
    assert_int_equal(run("exit 3", &heard, &status, &msg), ERR_NONE);
    alarm(0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
    forget(&heard);
}

static void a_child_hears_signals_that_its_parent_blocks(void **state)
{
    struct heard heard;
    struct errmsg msg;
    sigset_t set;
    int status;

    (void)state;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    assert_int_equal(run("kill -TERM $$; exit 3", &heard, &status, &msg), ERR_NONE);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    assert_true(WIFSIGNALED(status));
    forget(&heard);
}

/* Runs SCRIPT, which may read nothing for SILENCE_MS. */
static int status_of_reader(const char *script, int64_t silence_ms)
{
    const char *const arguments[] = {"sh", "-c", script, NULL};
    struct errmsg msg;
    int status;

    assert_int_equal(
        process_run(&(struct process){.arguments = arguments, .silence_ms = silence_ms}, &status,
                    &msg),
        ERR_NONE);
    return status;
}

static void a_child_that_reads_nothing_for_too_long_is_ended(void **state)
{
    int64_t begun_ms = monotonic_ms();

    (void)state;
    assert_int_equal(status_of_reader("echo words; exec sleep 300", 1000), PROCESS_SILENT);
    assert_in_range(monotonic_ms() - begun_ms, 1000, 60000);
}

static void a_child_lives_on_while_what_it_started_reads(void **state)
{
    (void)state;
    assert_int_equal(
        status_of_reader("(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.5; done) & wait", 4000),
        0);
}

/* In a process of its own, where the flag stays up: how long it took, or -1. */
static int64_t time_interrupted(void)
{
    struct heard heard;
    struct errmsg msg;
    int status;
    int64_t begun_ms = monotonic_ms();
    enum err rc;

    interrupt_catch();
    rc = run("trap '' TERM; kill -TERM $PPID; sleep 300", &heard, &status, &msg);
    forget(&heard);
    return rc == ERR_INTERRUPTED && strcmp(msg.text, "stopped while sh was at work") == 0
               ? monotonic_ms() - begun_ms
               : -1;
}

/* A busy machine makes it longer, but not each time. */
static void an_interrupt_ends_a_child_that_does_not_listen_within_a_second(void **state)
{
    int64_t least_ms = INT64_MAX;

    (void)state;
    signal(SIGCHLD, SIG_DFL);
    for (unsigned i = 0; i < 8 && least_ms > 1000; i++) {
        int64_t took_ms = -1;
        int pipes[2];
        pid_t child;

        assert_int_equal(pipe(pipes), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            took_ms = time_interrupted();
            _exit(write(pipes[1], &took_ms, sizeof took_ms) != (ssize_t)sizeof took_ms);
        }
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(read(pipes[0], &took_ms, sizeof took_ms), sizeof took_ms);
        close(pipes[0]);
        close(pipes[1]);
        assert_true(took_ms >= 500);
        least_ms = took_ms < least_ms ? took_ms : least_ms;
    }
    assert_true(least_ms <= 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_streams_are_heard_to_their_end),
        cmocka_unit_test(the_input_is_empty_and_the_locale_is_c),
        cmocka_unit_test(a_program_that_does_not_exist_is_named),
        cmocka_unit_test(an_end_is_described),
        cmocka_unit_test(what_a_child_leaves_behind_is_killed),
        cmocka_unit_test(the_end_of_a_child_is_told_when_sigchld_is_ignored),
        cmocka_unit_test(a_child_hears_signals_that_its_parent_blocks),
        cmocka_unit_test(a_child_that_reads_nothing_for_too_long_is_ended),
        cmocka_unit_test(a_child_lives_on_while_what_it_started_reads),
        cmocka_unit_test(an_interrupt_ends_a_child_that_does_not_listen_within_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
