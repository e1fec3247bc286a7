#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "replica/format.h"
#include "replica/pull_pages.h"

/* COUNT page hashes from FIRST on, as pages.xxh3 holds them. */
static void add_pages(struct buffer *pages, uint64_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t hash[8];

        store_u64le(hash, (first + i) * 0x9E3779B97F4A7C15ULL);
        buffer_append(pages, hash, sizeof hash);
    }
}

static struct manifest_file file_of(uint64_t first_page, uint64_t page_count)
{
    return (struct manifest_file){.kind = FILE_PARTITION,
                                  .first_page = first_page,
                                  .size_bytes = page_count * FORMAT_PAGE_SIZE};
}

static void half_of_the_pages_make_differences_worth_while(void **state)
{
    static const struct {
        unsigned shared;
        bool expected;
    } cases[] = {{0, false}, {1, false}, {49, false}, {50, true}, {100, true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer pages;
        struct buffer old_pages;
        struct manifest_file file = file_of(3, 100);
        struct manifest_file old = file_of(7, 200);

        buffer_init(&pages, 1 << 20);
        buffer_init(&old_pages, 1 << 20);
        add_pages(&pages, 5000, 3); /* of the file before */
        add_pages(&pages, 100, cases[i].shared);
        add_pages(&pages, 9000, 100 - cases[i].shared);
        add_pages(&old_pages, 6000, 7);
        add_pages(&old_pages, 50, 200); /* the shared ones are elsewhere in it */
        assert_int_equal(pull_pages_shared(&file, &pages, &old, &old_pages), cases[i].expected);
        buffer_free(&pages);
        buffer_free(&old_pages);
    }
}

static void page_hashes_that_are_too_few_share_nothing(void **state)
{
    static const struct {
        uint64_t first_page;
        uint64_t page_count;
    } cases[] = {{0, 0}, {0, 101}, {1, 100}, {UINT64_MAX, 1}, {0, UINT64_MAX / FORMAT_PAGE_SIZE}};
    struct manifest_file whole = file_of(0, 100);
    struct buffer pages;

    (void)state;
    buffer_init(&pages, 1 << 20);
    add_pages(&pages, 1, 100);
    assert_true(pull_pages_shared(&whole, &pages, &whole, &pages));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct manifest_file file = file_of(cases[i].first_page, cases[i].page_count);

        assert_false(pull_pages_shared(&file, &pages, &whole, &pages));
        assert_false(pull_pages_shared(&whole, &pages, &file, &pages));
    }
    buffer_free(&pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_the_pages_make_differences_worth_while),
        cmocka_unit_test(page_hashes_that_are_too_few_share_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
