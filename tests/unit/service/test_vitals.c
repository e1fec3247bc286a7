#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "service/vitals.h"
#include "tests/unit/replica/root_fixture.h"

enum { BLOCK_SIZE = 64 << 20, FDS = 20, FD_MOST = 1024 };

static struct place place;

static int setup(void **state)
{
    (void)state;
    place_make(&place);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    place_remove(&place);
    return 0;
}

static struct vitals look(void)
{
    const struct server_options options = {
        .root = place.root, .version = "1.2", .bounds = {.connections = 77}};
    struct vitals vitals;

    vitals_look(&options, &vitals);
    assert_string_equal(vitals.version, "1.2");
    assert_int_equal(vitals.connections, 77);
    return vitals;
}

static uint64_t count_fds(void)
{
    uint64_t count = 0;

    for (int fd = 0; fd < FD_MOST; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static void descriptors_are_counted_without_the_one_that_counts(void **state)
{
    struct vitals before = look();
    struct rlimit limit;
    int fds[FDS];

    (void)state;
    assert_int_equal(before.open_fds, count_fds());
    for (unsigned i = 0; i < FDS; i++) {
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(fds[i] >= 0);
    }
    assert_int_equal(look().open_fds, before.open_fds + FDS);
    for (unsigned i = 0; i < FDS; i++) {
        close(fds[i]);
    }
    assert_int_equal(look().open_fds, before.open_fds);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(before.max_fds, limit.rlim_cur);
}

static void memory_and_time_of_the_process_are_told(void **state)
{
    struct vitals before = look();
    char *block = memory_alloc(BLOCK_SIZE);
    struct vitals after;

    (void)state;
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        block[i] = (char)(i * 7);
    }
    after = look();
    free(block);
    assert_true(after.resident_bytes >= before.resident_bytes + BLOCK_SIZE / 2);
    assert_true(after.virtual_bytes >= after.resident_bytes);
    assert_true(after.cpu_ms > before.cpu_ms);
}

static void the_room_of_the_root_is_told(void **state)
{
    struct vitals vitals = look();

    (void)state;
    assert_true(vitals.has_room);
    assert_true(vitals.free_bytes > 0);
    assert_true(vitals.free_bytes <= vitals.size_bytes);
}

static void the_pin_and_the_newest_refused_release_are_told(void **state)
{
    struct vitals vitals = look();

    (void)state;
    assert_true(vitals.has_state);
    assert_false(vitals.is_pinned);
    assert_int_equal(vitals.refused, 0);
    PLACE_OK(&place, root_refuse_content(place.root, 9, 3, "damaged", &place.msg));
    PLACE_OK(&place, root_refuse_content(place.root, 8, 3, "damaged", &place.msg));
    assert_int_equal(look().refused, 9);
}

static void a_release_that_was_rolled_back_is_no_refused_one(void **state)
{
    struct vitals vitals;

    (void)state;
    place_add(&place, 1, 3);
    place_add(&place, 2, 4);
    PLACE_OK(&place, root_activate(place.root, 2, &place.msg));
    PLACE_OK(&place, root_roll_back(place.root, 2, 1, "prices are zero", &place.msg));
    PLACE_OK(&place, root_pin(place.root, 1, &place.msg));
    vitals = look();
    assert_true(vitals.is_pinned);
    assert_int_equal(vitals.refused, 0);
}

static void a_state_that_cannot_be_read_is_not_there(void **state)
{
    char *path = path_join(place.root, "state.json");

    (void)state;
    PLACE_OK(&place, file_write(path, slice_str("{"), &place.msg));
    free(path);
    assert_false(look().has_state);
    assert_true(look().has_room);
}

static void a_root_that_is_not_there_has_no_room(void **state)
{
    struct vitals vitals;

    (void)state;
    vitals_look(&(struct server_options){.root = "/nowhere/at/all", .version = ""}, &vitals);
    assert_false(vitals.has_room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(descriptors_are_counted_without_the_one_that_counts, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(memory_and_time_of_the_process_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_room_of_the_root_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_pin_and_the_newest_refused_release_are_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_release_that_was_rolled_back_is_no_refused_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_state_that_cannot_be_read_is_not_there, setup, teardown),
        cmocka_unit_test(a_root_that_is_not_there_has_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
