#define XXH_INLINE_ALL /* for its secret */
#include <xxhash.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "replica/digest.h"
#include "tests/unit/replica/release_fixture.h"

/* XXH3 of long texts: blocks of 16 stripes of 8 lanes. A block adds to 8 sums, and nothing else. */
enum { BLOCK_SIZE = 1024, STRIPES = 16, LANES = 8, LAST_FREE = 13 };

static uint64_t secret_of(unsigned stripe, unsigned lane)
{
    return load_u64le(XXH3_kSecret + 8 * (size_t)(stripe + lane));
}

static uint8_t *lane_of(uint8_t *block, unsigned stripe, unsigned lane)
{
    return block + 64 * (size_t)stripe + 8 * (size_t)lane;
}

static void sum_block(uint8_t *block, uint64_t *sums)
{
    memset(sums, 0, LANES * sizeof *sums);
    for (unsigned stripe = 0; stripe < STRIPES; stripe++) {
        for (unsigned lane = 0; lane < LANES; lane++) {
            uint64_t data = load_u64le(lane_of(block, stripe, lane));
            uint64_t mixed = data ^ secret_of(stripe, lane);

            sums[lane ^ 1] += data;
            sums[lane] += (mixed & UINT32_MAX) * (mixed >> 32);
        }
    }
}

/*
 * Writes what it likes to most of BLOCK and makes the hash of whatever holds it come out as before: in
 * two stripes a lane whose product is 0 takes the low or the high half of what a sum lacks.
 */
static void forge(uint8_t *block)
{
    uint64_t wanted[LANES];
    uint64_t sums[LANES];

    sum_block(block, wanted);
    memset(block, 'x', 64 * (size_t)LAST_FREE);
    for (unsigned lane = 0; lane < LANES; lane++) {
        store_u64le(lane_of(block, LAST_FREE, lane), secret_of(LAST_FREE, lane));
        store_u64le(lane_of(block, LAST_FREE + 1, lane), secret_of(LAST_FREE + 1, lane));
    }
    sum_block(block, sums);
    for (unsigned lane = 0; lane < LANES; lane++) {
        uint8_t *high = lane_of(block, LAST_FREE, lane);
        uint8_t *low = lane_of(block, LAST_FREE + 1, lane);
        uint64_t lacks = wanted[lane ^ 1] - sums[lane ^ 1];
        uint64_t before = load_u64le(low);
        uint64_t after =
            (before & ~(uint64_t)UINT32_MAX) | (uint32_t)((uint32_t)before + (uint32_t)lacks);

        store_u64le(low, after);
        store_u64le(high, load_u64le(high) + lacks - (after - before));
    }
}

/* Forges the second page of a partition. */
static void forge_file(struct fixture *fixture, const char *name)
{
    char *path = fixture_path(fixture, name);
    struct buffer bytes;

    buffer_init(&bytes, 1 << 24);
    OK(file_read(path, &bytes, &fixture->msg));
    assert_true(bytes.len >= 3 * FORMAT_PAGE_SIZE);
    forge((uint8_t *)bytes.ptr + FORMAT_PAGE_SIZE);
    OK(file_write(path, buffer_slice(&bytes), &fixture->msg));
    buffer_free(&bytes);
    free(path);
}

static void make_release(struct fixture *fixture)
{
    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    for (unsigned key = 0; key < 10; key++) {
        fixture_group(fixture, integer_key(key), 10, key, 60);
    }
    fixture_end(fixture, "notes/0001.db", integer_key(0), integer_key(9));
    fixture_publish(fixture);
}

static enum err verify(struct fixture *fixture)
{
    struct release *release = NULL;
    enum err rc = release_open(fixture->folder, &(struct release_check){.verify = true}, &release,
                               &fixture->msg);

    release_drop(release);
    return rc;
}

static void a_file_that_was_made_to_pass_is_found_by_its_digest_alone(void **state)
{
    struct fixture *fixture = *state;
    char expected[400];

    make_release(fixture);
    for (unsigned i = 0; i < fixture->file_count; i++) {
        char *path = fixture_path(fixture, fixture->files[i].path.ptr);

        OK(file_digest(path, fixture->files[i].digest, &fixture->msg));
        free(path);
    }
    forge_file(fixture, "notes/0001.db");
    OK(verify(fixture)); /* every page hash, and that of the file, fits */
    for (unsigned i = 0; i < fixture->file_count; i++) {
        fixture->files[i].has_digest = true;
    }
    fixture_write_manifest(fixture);
    assert_int_equal(verify(fixture), ERR_CORRUPT);
    snprintf(expected, sizeof expected,
             "%s/notes/0001.db: the digest differs from the manifest although the hash does not: "
             "somebody made the file to pass",
             fixture->folder);
    assert_string_equal(fixture->msg.text, expected);
}

static void digests_are_blake2b_of_256_bits(void **state)
{
    static const uint8_t empty[DIGEST_SIZE] = {0x0e, 0x57, 0x51, 0xc0, 0x26, 0xe5, 0x43, 0xb2,
                                               0xe8, 0xab, 0x2e, 0xb0, 0x60, 0x99, 0xda, 0xa1,
                                               0xd1, 0xe5, 0xdf, 0x47, 0x77, 0x8f, 0x77, 0x87,
                                               0xfa, 0xab, 0x45, 0xcd, 0xf1, 0x2f, 0xe3, 0xa8};
    struct fixture *fixture = *state;
    uint8_t digest[DIGEST_SIZE];

    OK(file_digest("/dev/null", digest, &fixture->msg));
    assert_memory_equal(digest, empty, sizeof digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_was_made_to_pass_is_found_by_its_digest_alone,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(digests_are_blake2b_of_256_bits, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
