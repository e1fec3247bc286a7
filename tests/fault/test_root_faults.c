/*
 * Changes of a root in which a system call fails, or in which the process is killed: at the first, the
 * second, ... until the change succeeds. What is remembered and what `current` leads to is as before
 * or as after, never a mix that serves what was not asked for; the next change works, and leaves no
 * temporary files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "tests/fault/calls.h"
#include "tests/unit/replica/root_fixture.h"

/* ---- the changes ---- */

/* Of a root with releases 1 to 4, of which 3 is the current one. */
static enum err roll_back(const char *root, struct errmsg *msg)
{
    return root_roll_back(root, 3, 2, "prices are zero", msg);
}

static enum err pin(const char *root, struct errmsg *msg)
{
    return root_pin(root, 1, msg);
}

static enum err refuse(const char *root, struct errmsg *msg)
{
    char *dir = root_release_dir(root, 2);
    enum err rc = root_refuse(root, dir, "page 3: hash differs", msg);

    free(dir);
    return rc;
}

static enum err offer(const char *root, struct errmsg *msg)
{
    bool is_active;

    return root_offer(root, 4, &is_active, msg);
}

/* Forgets the mark that the first change of `prepare` made. */
static enum err activate(const char *root, struct errmsg *msg)
{
    return root_activate(root, 1, msg);
}

static const struct {
    const char *name;
    enum err (*run)(const char *root, struct errmsg *msg);
    uint64_t leads_to;
} changes[] = {
    {"roll back", roll_back, 2}, {"pin", pin, 1},           {"refuse", refuse, 3},
    {"offer", offer, 4},         {"activate", activate, 1},
};

enum { CHANGE_COUNT = sizeof changes / sizeof changes[0] };

/* Release 1 is refused, so that there is a state before the change. */
static void prepare(struct place *place)
{
    char *dir = NULL;

    place_make(place);
    for (uint64_t number = 1; number <= 4; number++) {
        place_add(place, number, number);
    }
    dir = root_release_dir(place->root, 1);
    PLACE_OK(place, root_activate(place->root, 3, &place->msg));
    PLACE_OK(place, root_refuse(place->root, dir, "a byte is wrong", &place->msg));
    free(dir);
}

/* Names that do not depend on the time, in place of the state's text. */
static char *state_without_times(struct place *place)
{
    char *text = place_state(place);

    for (char *at = strstr(text, "\"at\": \""); at != NULL; at = strstr(at + 1, "\"at\": \"")) {
        memset(at + 7, '-', 24);
    }
    return text;
}

/* What CHANGE leaves when nothing fails. */
static char *state_after(unsigned change)
{
    struct place place;
    char *text;

    prepare(&place);
    PLACE_OK(&place, changes[change].run(place.root, &place.msg));
    assert_int_equal(place_current(&place), changes[change].leads_to);
    text = state_without_times(&place);
    place_remove(&place);
    return text;
}

/* The root takes another change, and nothing is left of the one that ended. */
static void assert_works(struct place *place)
{
    bool was_pinned;
    uint64_t number;

    PLACE_OK(place, root_unpin(place->root, &was_pinned, &number, &place->msg));
    PLACE_OK(place, root_activate(place->root, 3, &place->msg));
    assert_int_equal(place_current(place), 3);
    assert_true(place_count_names(place) <= 4); /* releases, current, .state-lock, state.json */
}

static void every_call_that_fails_leaves_the_root_as_it_was(void **unused)
{
    (void)unused;
    for (unsigned change = 0; change < CHANGE_COUNT; change++) {
        char *after = state_after(change);
        uint64_t failures = 0;

        for (uint64_t nth = 1; nth < CALLS_MAX; nth++) {
            struct place place;
            char *before;
            char *now;
            enum err rc;

            prepare(&place);
            before = state_without_times(&place);
            place.msg.text[0] = '\0';
            calls_arm(nth, false);
            rc = changes[change].run(place.root, &place.msg);
            calls_disarm();
            now = state_without_times(&place);
            if (rc != ERR_NONE) {
                failures++;
                assert_true(place.msg.text[0] != '\0');
            }
            assert_string_equal(now, rc == ERR_NONE ? after : before);
            assert_int_equal(place_current(&place), rc == ERR_NONE ? changes[change].leads_to : 3);
            assert_works(&place);
            place_remove(&place);
            free(now);
            free(before);
            if (calls_seen() < nth) {
                break;
            }
            assert_true(nth + 1 < CALLS_MAX);
        }
        printf("%-10s %2u calls failed it\n", changes[change].name, (unsigned)failures);
        assert_true(failures > 5);
        free(after);
    }
}

/* Whether the child was killed; it does the change, killed at its call NTH. */
static bool kill_at(struct place *place, unsigned change, uint64_t nth)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        struct errmsg msg;
        enum err rc;

        calls_arm(nth, true);
        rc = changes[change].run(place->root, &msg);
        calls_disarm();
        _exit(rc == ERR_NONE ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void every_kill_leaves_the_state_and_the_link_as_before_or_as_after(void **unused)
{
    (void)unused;
    for (unsigned change = 0; change < CHANGE_COUNT; change++) {
        char *after = state_after(change);
        uint64_t kills = 0;
        bool was_killed = true;

        for (uint64_t nth = 1; was_killed && nth < CALLS_MAX; nth++) {
            struct place place;
            char *before;
            char *now;
            uint64_t current;

            prepare(&place);
            before = state_without_times(&place);
            was_killed = kill_at(&place, change, nth);
            kills += was_killed;
            now = state_without_times(&place);
            current = place_current(&place);
            assert_true(strcmp(now, before) == 0 || strcmp(now, after) == 0);
            assert_true(current == 3 || current == changes[change].leads_to);
            /* The link moves only when what goes with it is remembered. */
            assert_true(current == 3 || strcmp(now, after) == 0);
            assert_works(&place);
            place_remove(&place);
            free(now);
            free(before);
        }
        printf("%-10s %2u kills\n", changes[change].name, (unsigned)kills);
        assert_false(was_killed);
        assert_true(kills > 5);
        free(after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_that_fails_leaves_the_root_as_it_was),
        cmocka_unit_test(every_kill_leaves_the_state_and_the_link_as_before_or_as_after),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
