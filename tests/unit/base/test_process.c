#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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
        assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
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
    assert_int_equal(run("sleep 30 >/dev/null 2>&1 & echo $!", &heard, &status, &msg), ERR_NONE);
    pid = (pid_t)strtol(buffer_str(&heard.out), NULL, 10);
    forget(&heard);
    assert_int_equal(status, 0);
    for (unsigned i = 0; i < 100 && is_running(pid); i++) {
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
    alarm(20);
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

/* Runs SCRIPT, which may read nothing for a second. */
static int status_of_reader(const char *script)
{
    const char *const arguments[] = {"sh", "-c", script, NULL};
    struct errmsg msg;
    int status;

    assert_int_equal(
        process_run(&(struct process){.arguments = arguments, .silence_ms = 1000}, &status, &msg),
        ERR_NONE);
    return status;
}

static void a_child_that_reads_nothing_for_too_long_is_ended(void **state)
{
    int64_t begun_ms = monotonic_ms();

    (void)state;
    assert_int_equal(status_of_reader("echo words; exec sleep 30"), PROCESS_SILENT);
    assert_in_range(monotonic_ms() - begun_ms, 1000, 4000);
}

static void a_child_lives_on_while_what_it_started_reads(void **state)
{
    (void)state;
    assert_int_equal(status_of_reader("(for i in 1 2 3 4 5; do sleep 0.5; done) & wait"), 0);
}

/* The last one: the flag stays up. */
static void an_interrupt_ends_a_child_that_does_not_listen_within_a_second(void **state)
{
    struct heard heard;
    struct errmsg msg;
    int status;
    int64_t begun_ms = monotonic_ms();

    (void)state;
    interrupt_catch();
    assert_int_equal(run("trap '' TERM; kill -TERM $PPID; sleep 30", &heard, &status, &msg),
                     ERR_INTERRUPTED);
    assert_string_equal(msg.text, "stopped while sh was at work");
    assert_in_range(monotonic_ms() - begun_ms, 500, 1000);
    forget(&heard);
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
