#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>

#include "replica/scrub.h"
#include "tests/unit/replica/release_fixture.h"

enum { DAMAGES_MAX = 64 };

/* What a walk from end to end came upon. */
struct seen {
    struct {
        const struct manifest_file *file;
        struct scrub_damage damage;
    } damages[DAMAGES_MAX];
    unsigned count;
    uint64_t pages;
    uint64_t bytes;
    uint64_t most_bytes; /* of one step */
};

/* Notes of more than one step, and a listing of its own. */
static void make_release(struct fixture *fixture)
{
    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    for (unsigned key = 0; key < 600; key++) {
        fixture_group(fixture, integer_key(key), 10, key, 300);
    }
    fixture_end(fixture, "notes/0001.db", integer_key(0), integer_key(599));
    fixture_open(fixture);
}

static struct seen walk(struct fixture *fixture)
{
    struct scrub *scrub = scrub_open(fixture->folder, fixture->release->manifest);
    struct scrub_found found;
    struct seen seen = {.count = 0};

    for (;;) {
        OK(scrub_step(scrub, &found, &fixture->msg));
        if (found.is_done) {
            break;
        }
        seen.pages += found.page_count;
        seen.bytes += found.read_bytes;
        seen.most_bytes = found.read_bytes > seen.most_bytes ? found.read_bytes : seen.most_bytes;
        for (unsigned i = 0; i < found.damage_count; i++) {
            assert_true(seen.count < DAMAGES_MAX);
            seen.damages[seen.count].file = found.file;
            seen.damages[seen.count++].damage = found.damages[i];
        }
    }
    scrub_close(scrub);
    return seen;
}

static void flip(struct fixture *fixture, const char *name, uint64_t offset)
{
    char *path = fixture_path(fixture, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
    free(path);
}

static void assert_damage(const struct seen *seen, unsigned index, const char *name, uint64_t page)
{
    assert_true(index < seen->count);
    assert_true(slice_is(seen->damages[index].file->path, name));
    assert_int_equal(seen->damages[index].damage.page, page);
}

static uint64_t total_pages(const struct fixture *fixture)
{
    return fixture->pages.len / 8;
}

static void a_sound_release_is_read_completely_in_steps(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen;
    uint64_t bytes = 0;

    make_release(fixture);
    for (unsigned i = 0; i < fixture->file_count; i++) {
        bytes += fixture->files[i].size_bytes;
    }
    seen = walk(fixture);
    assert_int_equal(seen.count, 0);
    assert_int_equal(seen.pages, total_pages(fixture));
    assert_int_equal(seen.bytes, bytes);
    assert_true(bytes > 2 * SCRUB_STEP);
    assert_true(seen.most_bytes <= SCRUB_STEP);
}

static void a_flipped_bit_in_any_place_names_its_page(void **state)
{
    struct fixture *fixture = *state;
    uint64_t size;

    make_release(fixture);
    size = fixture->files[0].size_bytes;
    for (uint64_t offset = 0; offset < size; offset += 37 * FORMAT_PAGE_SIZE + 11) {
        struct seen seen;

        flip(fixture, "notes/0001.db", offset);
        seen = walk(fixture);
        assert_int_equal(seen.count, 1);
        assert_damage(&seen, 0, "notes/0001.db", offset / FORMAT_PAGE_SIZE + 1);
        flip(fixture, "notes/0001.db", offset);
    }
    assert_int_equal(walk(fixture).count, 0);
}

static void several_damaged_pages_are_all_named(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen;

    make_release(fixture);
    flip(fixture, "notes/0001.db", 5);
    flip(fixture, "notes/0001.db", FORMAT_PAGE_SIZE + 5);
    flip(fixture, "notes/0001.db", SCRUB_STEP + 5);
    flip(fixture, "sheets/up.listing.db", 100);
    seen = walk(fixture);
    assert_int_equal(seen.count, 4);
    assert_damage(&seen, 0, "notes/0001.db", 1);
    assert_damage(&seen, 1, "notes/0001.db", 2);
    assert_damage(&seen, 2, "notes/0001.db", SCRUB_STEP_PAGES + 1);
    assert_damage(&seen, 3, "sheets/up.listing.db", 1);
}

static void a_file_without_page_hashes_is_judged_as_a_whole(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen;

    make_release(fixture);
    flip(fixture, "definition.yaml", 40);
    seen = walk(fixture);
    assert_int_equal(seen.count, 1);
    assert_damage(&seen, 0, "definition.yaml", 0);
}

/* Otherwise every page would seem damaged. */
static void damaged_page_hashes_accuse_nobody_else(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen;

    make_release(fixture);
    flip(fixture, "pages.xxh3", 17);
    seen = walk(fixture);
    assert_int_equal(seen.count, 1);
    assert_damage(&seen, 0, "pages.xxh3", 0);
    assert_int_equal(seen.pages, 0);
}

static void a_file_that_is_gone_or_cut_is_told(void **state)
{
    struct fixture *fixture = *state;
    char *path = fixture_path(fixture, "notes/0001.db");
    char *listing = fixture_path(fixture, "sheets/up.listing.db");
    struct seen seen;

    make_release(fixture);
    assert_int_equal(truncate(path, FORMAT_PAGE_SIZE), 0);
    assert_int_equal(unlink(listing), 0);
    seen = walk(fixture);
    assert_int_equal(seen.count, 2);
    assert_damage(&seen, 0, "notes/0001.db", 0);
    assert_damage(&seen, 1, "sheets/up.listing.db", 0);
    assert_string_equal(scrub_fault_text(seen.damages[0].damage.fault),
                        "missing or of another size");
    free(listing);
    free(path);
}

static void a_file_that_is_skipped_is_not_read_further(void **state)
{
    struct fixture *fixture = *state;
    struct scrub_found found;
    struct scrub *scrub;
    unsigned steps = 0;

    make_release(fixture);
    scrub = scrub_open(fixture->folder, fixture->release->manifest);
    do {
        OK(scrub_step(scrub, &found, &fixture->msg));
        scrub_skip_file(scrub);
        steps++;
    } while (!found.is_done);
    assert_int_equal(steps, fixture->file_count + 1); /* one each, and the end */
    scrub_close(scrub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_release_is_read_completely_in_steps, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_flipped_bit_in_any_place_names_its_page, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(several_damaged_pages_are_all_named, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_file_without_page_hashes_is_judged_as_a_whole,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(damaged_page_hashes_accuse_nobody_else, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_gone_or_cut_is_told, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_skipped_is_not_read_further, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
