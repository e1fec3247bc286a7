#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "source/source_record.h"
#include "unit/source/fixture.h"

static const struct source_record sample = {
    .file_size = 1ULL << 40,
    .file_hash = 0xfedcba9876543210,
    .table_hash = 0x0123456789abcdef,
    .loaded = 1,
    .rejected = 3,
    .keeps_rejects = true,
    .rejects = {"\"a\0\xff\"\n", 6},
};

static void load_one(struct fixture *fixture, struct source *source,
                     const struct source_record *record)
{
    struct value values[] = {integer_value(7),
                             text_value("a"),
                             integer_value(0),
                             text_value("1.00"),
                             {.type = VALUE_NULL}};
    struct source_load *load;

    OK(source_load_begin(source, &loans, &load, &fixture->msg));
    OK(source_load_row(load, values, &fixture->msg));
    source_load_describe(load, record);
    OK(source_load_finish(load, &fixture->msg));
}

static bool find(struct fixture *fixture, struct source *source, struct source_record *out,
                 struct buffer *rejects)
{
    bool found;

    OK(source_find_record(source, &loans, out, rejects, &found, &fixture->msg));
    return found;
}

static void assert_same(const struct source_record *a, const struct source_record *b)
{
    assert_int_equal(a->file_size, b->file_size);
    assert_int_equal(a->file_hash, b->file_hash);
    assert_int_equal(a->table_hash, b->table_hash);
    assert_int_equal(a->loaded, b->loaded);
    assert_int_equal(a->rejected, b->rejected);
    assert_int_equal(a->keeps_rejects, b->keeps_rejects);
    assert_true(slice_equal(a->rejects, b->rejects));
}

/* Each test has a source with what a server has in the same place: VITRINE_TEST_POSTGRES. */
static struct source *open_source(struct fixture *fixture)
{
    const char *server = getenv("VITRINE_TEST_POSTGRES");
    struct source *source;

    OK(source_open(server == NULL ? fixture->url : server, SOURCE_WRITE, &source, &fixture->msg));
    return source;
}

static void a_record_comes_back_with_every_byte_of_its_rejects(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture);
    struct source_record record;
    struct buffer rejects;

    buffer_init(&rejects, 100);
    load_one(fixture, source, &sample);
    assert_true(find(fixture, source, &record, &rejects));
    assert_same(&record, &sample);
    source_close(source);
    buffer_free(&rejects);
}

static void a_load_replaces_the_record_of_the_one_before(void **state)
{
    struct source_record other = {.file_size = 5, .file_hash = 6, .loaded = 1};
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture);
    struct source_record record;
    struct buffer rejects;

    buffer_init(&rejects, 100);
    load_one(fixture, source, &sample);
    load_one(fixture, source, &other);
    assert_true(find(fixture, source, &record, &rejects));
    assert_same(&record, &other);
    load_one(fixture, source, NULL);
    assert_true(find(fixture, source, &record, &rejects));
    assert_same(&record, &source_record_none);
    source_close(source);
    buffer_free(&rejects);
}

static void an_abandoned_load_leaves_the_record_of_the_one_before(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture);
    struct source_record other = {.file_size = 5};
    struct source_record record;
    struct source_load *load;
    struct buffer rejects;

    buffer_init(&rejects, 100);
    load_one(fixture, source, &sample);
    OK(source_load_begin(source, &loans, &load, &fixture->msg));
    source_load_describe(load, &other);
    source_load_abandon(load);
    assert_true(find(fixture, source, &record, &rejects));
    assert_same(&record, &sample);
    source_close(source);
    buffer_free(&rejects);
}

static void an_empty_source_has_no_record(void **state)
{
    struct fixture *fixture = *state;
    struct source_record record;
    struct buffer rejects;
    struct source *source;

    buffer_init(&rejects, 100);
    OK(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg));
    assert_false(find(fixture, source, &record, &rejects));
    OK(source_settle(source, &fixture->msg));
    source_close(source);
    buffer_free(&rejects);
}

static void a_text_that_is_no_hash_is_like_no_other(void **state)
{
    (void)state;
    assert_true(source_record_hash("fedcba9876543210") == 0xfedcba9876543210);
    assert_int_equal(source_record_hash(""), 0);
    assert_int_equal(source_record_hash("fedcba987654321"), 0);
    assert_int_equal(source_record_hash("fedcba987654321g"), 0);
    assert_int_equal(source_record_hash("fedcba98765432100"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_record_comes_back_with_every_byte_of_its_rejects),
        TEST(a_load_replaces_the_record_of_the_one_before),
        TEST(an_abandoned_load_leaves_the_record_of_the_one_before),
        TEST(an_empty_source_has_no_record),
        cmocka_unit_test(a_text_that_is_no_hash_is_like_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
