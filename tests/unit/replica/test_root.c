#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/file.h>
#include <cmocka.h>

#include "tests/unit/replica/root_fixture.h"

#define OK(call) PLACE_OK(place, call)

enum { LIST_MAX = 256 };

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    place_make(place);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    place_remove(*state);
    free(*state);
    return 0;
}

/* Releases 1 .. COUNT, each with a content of its own; the last is the current one. */
static void add_releases(struct place *place, uint64_t count)
{
    for (uint64_t number = 1; number <= count; number++) {
        place_add(place, number, number);
    }
    OK(root_activate(place->root, count, &place->msg));
}

static bool offer(struct place *place, uint64_t number)
{
    bool is_active = false;

    OK(root_offer(place->root, number, &is_active, &place->msg));
    assert_int_equal(place_current(place) == number, is_active);
    return is_active;
}

static void refuse(struct place *place, uint64_t number, const char *reason)
{
    char *dir = root_release_dir(place->root, number);

    OK(root_refuse(place->root, dir, reason, &place->msg));
    free(dir);
}

static bool is_refused(struct place *place, uint64_t number)
{
    enum root_hold hold = HOLD_NONE;
    uint64_t hash;

    OK(root_content(place->root, number, &hash, &place->msg));
    OK(root_holds(place->root, number, hash, &hold, &place->msg));
    return hold == HOLD_REFUSED;
}

/* "1 2 3" */
static const char *list(struct place *place, char text[LIST_MAX])
{
    uint64_t *numbers = NULL;
    unsigned count = 0;
    size_t len = 0;

    OK(root_releases(place->root, &numbers, &count, &place->msg));
    text[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, LIST_MAX - len, "%s%u", i == 0 ? "" : " ",
                                (unsigned)numbers[i]);
    }
    free(numbers);
    return text;
}

static void assert_left(struct place *place, unsigned keep, const char *expected)
{
    char text[LIST_MAX];

    OK(root_retire(place->root, keep, &place->msg));
    assert_string_equal(list(place, text), expected);
}

/* ---- by itself ---- */

static void an_offered_release_becomes_the_current_one(void **state)
{
    struct place *place = *state;

    place_add(place, 1, 1);
    assert_true(offer(place, 1));
    place_add(place, 2, 2);
    assert_true(offer(place, 2));
    assert_int_equal(place_count_names(place), 4); /* releases, current, state.json, .state-lock */
}

static void a_release_without_its_manifest_is_not_activated_by_itself(void **state)
{
    struct place *place = *state;
    bool is_active = false;

    add_releases(place, 1);
    assert_int_equal(root_offer(place->root, 2, &is_active, &place->msg), ERR_CORRUPT);
    assert_string_equal(place->msg.text, "the manifest of release 000002 is damaged or missing");
    assert_int_equal(place_current(place), 1);
}

static void a_release_that_was_removed_meanwhile_does_not_become_the_current_one(void **state)
{
    struct place *place = *state;
    char expected[256];

    add_releases(place, 2);
    snprintf(
        expected, sizeof expected,
        "release 000007 was removed meanwhile; `vitrine releases --root %s` lists what there is",
        place->root);
    assert_int_equal(root_activate(place->root, 7, &place->msg), ERR_NOT_FOUND);
    assert_string_equal(place->msg.text, expected);
    assert_int_equal(root_pin(place->root, 7, &place->msg), ERR_NOT_FOUND);
    assert_string_equal(place->msg.text, expected);
    assert_int_equal(place_current(place), 2);
    place_add(place, 3, 3);
    assert_true(offer(place, 3)); /* no pin was left */
}

static void a_pinned_root_stays_where_it_is(void **state)
{
    struct place *place = *state;
    bool was_pinned = false;
    uint64_t number = 0;
    char expected[256];

    add_releases(place, 2);
    OK(root_pin(place->root, 1, &place->msg));
    assert_int_equal(place_current(place), 1);
    assert_false(offer(place, 2));
    snprintf(expected, sizeof expected,
             "the root is pinned to release 000001; `vitrine unpin --root %s` ends that",
             place->root);
    assert_string_equal(place->msg.text, expected);
    assert_int_equal(root_activate(place->root, 2, &place->msg), ERR_REFUSED);
    assert_string_equal(place->msg.text, expected);
    assert_int_equal(root_roll_back(place->root, 1, 2, "x", &place->msg), ERR_REFUSED);
    OK(root_unpin(place->root, &was_pinned, &number, &place->msg));
    assert_true(was_pinned);
    assert_int_equal(number, 1);
    assert_true(offer(place, 2));
    OK(root_unpin(place->root, &was_pinned, &number, &place->msg));
    assert_false(was_pinned);
}

static void a_rolled_back_release_is_not_activated_by_itself_but_a_newer_one_is(void **state)
{
    struct place *place = *state;

    add_releases(place, 2);
    OK(root_roll_back(place->root, 2, 1, "prices are zero", &place->msg));
    assert_int_equal(place_current(place), 1);
    assert_false(offer(place, 2));
    assert_string_equal(place->msg.text, "it was rolled back: prices are zero");
    place_add(place, 3, 2);
    assert_false(offer(place, 3));
    assert_string_equal(place->msg.text, "it holds the same as release 000002, which was rolled "
                                         "back: prices are zero");
    place_add(place, 4, 4);
    assert_true(offer(place, 4));
}

static void an_operator_may_activate_what_was_rolled_back_and_that_forgives_it(void **state)
{
    struct place *place = *state;

    add_releases(place, 2);
    OK(root_roll_back(place->root, 2, 1, "a mistake", &place->msg));
    OK(root_activate(place->root, 2, &place->msg));
    OK(root_activate(place->root, 1, &place->msg));
    assert_true(offer(place, 2));
    place_add(place, 3, 3);
    assert_true(offer(place, 3));
}

static void what_is_older_than_what_was_active_is_not_activated_by_itself(void **state)
{
    struct place *place = *state;
    uint64_t highest = 9;

    OK(root_highest(place->root, &highest, &place->msg));
    assert_int_equal(highest, 0);
    add_releases(place, 3);
    OK(root_activate(place->root, 1, &place->msg));
    OK(root_highest(place->root, &highest, &place->msg));
    assert_int_equal(highest, 3);
    assert_false(offer(place, 2));
    assert_string_equal(place->msg.text, "it is older than release 000003, which was active here");
    assert_true(offer(place, 1)); /* the current one */
    assert_true(offer(place, 3));
}

static void without_its_state_a_root_still_knows_what_is_active(void **state)
{
    struct place *place = *state;
    char *path = path_join(place->root, "state.json");
    uint64_t highest = 0;

    add_releases(place, 3);
    assert_int_equal(unlink(path), 0);
    OK(root_highest(place->root, &highest, &place->msg));
    assert_int_equal(highest, 3);
    assert_false(offer(place, 2));
    OK(root_activate(place->root, 1, &place->msg)); /* remembers what it leaves */
    assert_false(offer(place, 2));
    free(path);
}

/* What root_holds says of release NUMBER; content 0 stands for that of release 3. */
static enum root_hold hold_of(struct place *place, uint64_t number, uint64_t content)
{
    enum root_hold hold = HOLD_NONE;

    if (content == 0) {
        OK(root_content(place->root, 3, &content, &place->msg));
    }
    OK(root_holds(place->root, number, content, &hold, &place->msg));
    return hold;
}

static void a_release_that_is_not_here_can_be_held(void **state)
{
    static const struct {
        uint64_t number;
        uint64_t content;
        enum root_hold hold;
    } cases[] = {{1, 5, HOLD_OLDER},   {3, 0, HOLD_ROLLED_BACK}, {4, 0, HOLD_ROLLED_BACK},
                 {4, 3, HOLD_REFUSED}, {3, 3, HOLD_NONE},        {4, 4, HOLD_NONE},
                 {5, 3, HOLD_NONE}};
    struct place *place = *state;

    add_releases(place, 3);
    OK(root_roll_back(place->root, 3, 2, "x", &place->msg));
    OK(root_refuse_content(place->root, 4, 3, "page 3: hash differs", &place->msg));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(hold_of(place, cases[i].number, cases[i].content), cases[i].hold);
    }
    OK(root_pin(place->root, 2, &place->msg));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(hold_of(place, cases[i].number, cases[i].content),
                         cases[i].hold == HOLD_NONE ? HOLD_PINNED : cases[i].hold);
    }
}

static void one_works_in_a_root_at_a_time(void **state)
{
    struct place *place = *state;
    char expected[128];
    int first = -1;
    int second = -1;

    OK(root_begin_work(place->root, &first, &place->msg));
    assert_int_equal(root_begin_work(place->root, &second, &place->msg), ERR_SYSTEM);
    snprintf(expected, sizeof expected, "another build or pull is at work in %s", place->root);
    assert_string_equal(place->msg.text, expected);
    assert_int_equal(second, -1);
    close(first);
    OK(root_begin_work(place->root, &second, &place->msg));
    close(second);
}

static void a_roll_back_from_another_release_than_the_current_one_is_refused(void **state)
{
    struct place *place = *state;

    add_releases(place, 3);
    assert_int_equal(root_roll_back(place->root, 2, 1, "x", &place->msg), ERR_REFUSED);
    assert_non_null(strstr(place->msg.text, "release 000002 is the current one no longer"));
    assert_int_equal(place_current(place), 3);
}

static void a_refused_release_is_remembered_by_number_and_content(void **state)
{
    struct place *place = *state;
    char *dir = root_release_dir(place->root, 2);

    add_releases(place, 2);
    OK(root_activate(place->root, 1, &place->msg));
    refuse(place, 2, "page 3: hash differs");
    assert_true(is_refused(place, 2));
    assert_false(is_refused(place, 1));
    assert_false(offer(place, 2));
    assert_string_equal(place->msg.text, "it was refused: page 3: hash differs");
    place_add(place, 3, 2); /* another copy of the same data may be whole */
    assert_true(offer(place, 3));
    OK(root_forgive(place->root, dir, &place->msg));
    assert_false(is_refused(place, 2));
    refuse(place, 2, "again");
    place_add(place, 2, 7); /* another release with its number */
    assert_false(is_refused(place, 2));
    free(dir);
}

static void a_folder_that_is_no_release_of_the_root_is_not_remembered(void **state)
{
    struct place *place = *state;
    char *before;
    char *after;

    add_releases(place, 1);
    before = place_state(place);
    OK(root_refuse(place->root, "/tmp/000001", "x", &place->msg));
    OK(root_refuse(place->root, "elsewhere", "x", &place->msg));
    after = place_state(place);
    assert_string_equal(after, before);
    free(after);
    free(before);
}

static void what_is_held_back_is_the_newest_release_that_is_not_current_on_purpose(void **state)
{
    struct place *place = *state;
    char *dir = NULL;

    add_releases(place, 2);
    assert_int_equal(root_held_back(place->root, &dir, &place->msg), ERR_NOT_FOUND);
    OK(root_activate(place->root, 1, &place->msg));
    assert_int_equal(root_held_back(place->root, &dir, &place->msg), ERR_NOT_FOUND);
    OK(root_activate(place->root, 2, &place->msg));
    OK(root_roll_back(place->root, 2, 1, "x", &place->msg));
    OK(root_held_back(place->root, &dir, &place->msg));
    assert_string_equal(strrchr(dir, '/'), "/000002");
    free(dir);
}

/* ---- retention ---- */

static void the_newest_the_current_and_the_pinned_release_are_kept(void **state)
{
    struct place *place = *state;

    add_releases(place, 6);
    assert_left(place, 4, "3 4 5 6");
    OK(root_activate(place->root, 3, &place->msg));
    assert_left(place, 2, "3 5 6");
    OK(root_activate(place->root, 6, &place->msg));
    assert_left(place, 2, "5 6");
    OK(root_pin(place->root, 5, &place->msg));
    place_add(place, 7, 7);
    place_add(place, 8, 8);
    assert_left(place, 2, "5 7 8");
}

static void releases_that_were_put_aside_do_not_push_out_good_ones(void **state)
{
    struct place *place = *state;

    add_releases(place, 7);
    for (uint64_t number = 4; number <= 7; number++) {
        refuse(place, number, "damaged");
    }
    OK(root_activate(place->root, 3, &place->msg));
    assert_left(place, 2, "2 3 6 7");
}

static void a_release_that_a_process_has_open_is_kept_until_it_is_closed(void **state)
{
    struct place *place = *state;
    char *dir = root_release_dir(place->root, 1);
    char *manifest = path_join(dir, "manifest.json");
    int fd;

    add_releases(place, 4);
    fd = open(manifest, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_SH), 0);
    assert_left(place, 2, "1 3 4");
    close(fd);
    assert_left(place, 2, "3 4");
    free(manifest);
    free(dir);
}

static void what_a_kill_left_of_a_release_is_removed(void **state)
{
    struct place *place = *state;
    char *left = path_join(place->root, "releases/.retiring-1/books");

    add_releases(place, 2);
    OK(dir_make(left, &place->msg));
    assert_left(place, 2, "1 2");
    assert_false(file_exists(left));
    free(left);
}

static void what_a_kill_left_of_a_change_is_removed_by_the_next(void **state)
{
    static const char *const names[] = {"state.json.Ab12Cd", "current.77.new", "current.new"};
    struct place *place = *state;

    for (unsigned i = 0; i < 3; i++) {
        char *path = path_join(place->root, "%s", names[i]);

        OK(file_write(path, slice_str("x"), &place->msg));
        free(path);
    }
    add_releases(place, 1);
    /* releases, current, state.json, .state-lock; current.new */
    assert_int_equal(place_count_names(place), 5);
}

static void a_state_that_cannot_be_understood_stops_every_change(void **state)
{
    struct place *place = *state;
    char *path = path_join(place->root, "state.json");
    bool is_active;

    add_releases(place, 2);
    OK(file_write(path, slice_str("{}"), &place->msg));
    assert_int_equal(root_activate(place->root, 1, &place->msg), ERR_CORRUPT);
    assert_non_null(strstr(place->msg.text, "state.json: this is not the state of a root"));
    assert_int_equal(root_offer(place->root, 1, &is_active, &place->msg), ERR_CORRUPT);
    assert_int_equal(root_retire(place->root, 1, &place->msg), ERR_CORRUPT);
    assert_int_equal(place_current(place), 2);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_offered_release_becomes_the_current_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_release_without_its_manifest_is_not_activated_by_itself,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_release_that_was_removed_meanwhile_does_not_become_the_current_one, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(a_pinned_root_stays_where_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_rolled_back_release_is_not_activated_by_itself_but_a_newer_one_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_operator_may_activate_what_was_rolled_back_and_that_forgives_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_is_older_than_what_was_active_is_not_activated_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_its_state_a_root_still_knows_what_is_active, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_release_that_is_not_here_can_be_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_works_in_a_root_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_roll_back_from_another_release_than_the_current_one_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_release_is_remembered_by_number_and_content,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_is_no_release_of_the_root_is_not_remembered,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_is_held_back_is_the_newest_release_that_is_not_current_on_purpose, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(the_newest_the_current_and_the_pinned_release_are_kept,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(releases_that_were_put_aside_do_not_push_out_good_ones,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_release_that_a_process_has_open_is_kept_until_it_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_kill_left_of_a_release_is_removed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_kill_left_of_a_change_is_removed_by_the_next, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_state_that_cannot_be_understood_stops_every_change,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
