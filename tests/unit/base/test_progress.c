#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/progress.h"

/* Runs WORK with standard error in a file and returns what was written there, on the heap. */
static char *capture(void (*work)(void))
{
    char path[] = "/tmp/vitrine-progress-XXXXXX";
    int file = mkstemp(path);
    int kept = dup(STDERR_FILENO);
    char *text = calloc(1, 1 << 16);
    ssize_t len;

    assert_true(file >= 0 && kept >= 0 && text != NULL);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
    work();
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    len = pread(file, text, (1 << 16) - 1, 0);
    assert_true(len >= 0);
    close(kept);
    close(file);
    return text;
}

static void work_briefly(void)
{
    struct progress progress;

    progress_begin(&progress, "loans", "rows", 100);
    progress_add(&progress, 100);
    progress_end(&progress);
}

static void work_that_ends_at_once_shows_nothing(void **state)
{
    char *text = capture(work_briefly);

    (void)state;
    assert_string_equal(text, "");
    free(text);
}

/* As if half of 1000 rows had taken ten seconds. */
static void work_in_a_log(void)
{
    struct progress progress;

    progress_begin(&progress, "loans", "rows", 1000);
    progress.started_ms -= 10000;
    progress.next_ms -= 10000;
    progress_add(&progress, 500);
    progress_add(&progress, 1);
    progress_end(&progress);
}

static void elsewhere_than_on_a_terminal_it_is_one_log_line(void **state)
{
    char *text = capture(work_in_a_log);
    char *newline = strchr(text, '\n');

    (void)state;
    assert_non_null(newline);
    assert_string_equal(newline, "\n"); /* the second progress_add was not due */
    assert_non_null(strstr(text, " info progress what=\"loans\" done=500 total=1000 unit=rows"));
    assert_non_null(strstr(text, " eta_s="));
    assert_null(strchr(text, '\r'));
    free(text);
}

/* The same with standard error on a terminal of 60 columns. */
static char *capture_terminal(void (*work)(void))
{
    struct winsize size = {.ws_row = 25, .ws_col = 60};
    int kept = dup(STDERR_FILENO);
    char *text = calloc(1, 1 << 16);
    size_t len = 0;
    int master;
    int slave;

    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    assert_int_equal(dup2(slave, STDERR_FILENO), STDERR_FILENO);
    work();
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
    close(slave);
    for (;;) { /* an error is the end: nobody has the terminal open any more */
        ssize_t got = read(master, text + len, (1 << 16) - 1 - len);

        if (got <= 0) {
            break;
        }
        len += (size_t)got;
    }
    close(master);
    return text;
}

/* As if it had begun a thousand seconds ago: some more do not change the rows of each. */
static void begin_early(struct progress *progress, const char *label)
{
    progress_begin(progress, label, "rows", 100000);
    assert_true(progress->is_terminal);
    progress->started_ms -= 1000000;
    progress->next_ms = progress->started_ms + 1;
}

static void work_on_a_terminal(void)
{
    struct progress progress;

    begin_early(&progress, "loans");
    progress_add(&progress, 50500); /* half a row a second more than is told */
    progress_end(&progress);
}

static void on_a_terminal_the_bar_is_drawn_and_erased(void **state)
{
    char *text = capture_terminal(work_on_a_terminal);

    (void)state;
    assert_string_equal(text, "\rloans  [==========>         ]  50 %  50,500 rows  50 rows/s"
                              "\033[K\033[J\r\033[J");
    free(text);
}

static void work_of_three_at_once(void)
{
    struct progress loans;
    struct progress books;
    struct progress brief;

    begin_early(&loans, "loans");
    begin_early(&books, "books");
    progress_begin(&brief, "brief", "rows", 10);
    brief.started_ms += 1000000; /* brief however long this thread stands still */
    progress_add(&books, 25500);
    progress_end(&loans);
    progress_end(&brief);
    progress_end(&books);
}

static void bars_at_the_same_time_have_a_line_each(void **state)
{
    char *text = capture_terminal(work_of_three_at_once);
    const char *books = "books  [=====>              ]  25 %  25,500 rows  25 rows/s\033[K\033[J";
    char expected[1024];

    (void)state;
    snprintf(expected, sizeof expected,
             "\rloans  [>                   ]   0 %%  0 rows  0 rows/s  eta \033[K\r\n%s"
             "\033[1A\r%s\r%s\r\033[J",
             books, books, books);
    assert_string_equal(text, expected);
    free(text);
}

static void *add_many(void *context)
{
    for (int i = 0; i < 100000; i++) {
        progress_add(context, 1);
    }
    return NULL;
}

static void counts_from_several_threads_add_up(void **state)
{
    struct progress progress;
    pthread_t threads[4];

    (void)state;
    progress_begin(&progress, "loans", "rows", 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &progress), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    progress_end(&progress);
    assert_int_equal(atomic_load(&progress.done), 400000);
}

static void large_numbers_are_grouped(void **state)
{
    static const struct {
        uint64_t value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1,000"},
        {2771976, "2,771,976"},
        {123456, "123,456"},
        {UINT64_MAX, "18,446,744,073,709,551,615"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[27];

        assert_string_equal(grouped(text, cases[i].value), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_that_ends_at_once_shows_nothing),
        cmocka_unit_test(elsewhere_than_on_a_terminal_it_is_one_log_line),
        cmocka_unit_test(on_a_terminal_the_bar_is_drawn_and_erased),
        cmocka_unit_test(bars_at_the_same_time_have_a_line_each),
        cmocka_unit_test(counts_from_several_threads_add_up),
        cmocka_unit_test(large_numbers_are_grouped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
