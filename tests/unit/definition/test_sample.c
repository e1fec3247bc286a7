#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "definition/sample.h"

struct fixture {
    struct arena arena;
    struct errmsg msg;
    struct yaml yaml;
};

static struct yaml *parse(struct fixture *fixture, const char *text)
{
    arena_init(&fixture->arena, 4096);
    fixture->msg.text[0] = '\0';
    fixture->yaml = (struct yaml){.path = "d.yaml", .arena = &fixture->arena, .msg = &fixture->msg};
    assert_int_equal(yaml_parse(&fixture->yaml, slice_str(text)), ERR_NONE);
    return &fixture->yaml;
}

static enum err parse_column(struct fixture *fixture, const char *text, struct sample **out)
{
    struct yaml *yaml = parse(fixture, text);

    return sample_parse_column(yaml, yaml_get(yaml->root, "sample"), out);
}

static enum err parse_table(struct fixture *fixture, const char *text, struct table_sample **out)
{
    struct yaml *yaml = parse(fixture, text);

    return sample_parse_table(yaml, yaml_get(yaml->root, "sample"), out);
}

static void every_kind_of_column_is_read(void **state)
{
    static const struct {
        const char *text;
        enum sample_kind kind;
        int64_t least;
        int64_t most;
    } cases[] = {
        {"sample: sequence", SAMPLE_SEQUENCE, 0, 0},
        {"sample: parent", SAMPLE_PARENT, 0, 0},
        {"sample: with", SAMPLE_WITH, 0, 0},
        {"sample: first", SAMPLE_FIRST, 0, 0},
        {"sample: name", SAMPLE_NAME, 0, 0},
        {"sample: {of: email, null: 0.5}", SAMPLE_EMAIL, 0, 0},
        {"sample: {pick: books, zero: 0.02}", SAMPLE_PICK, 0, 0},
        {"sample: {integer: [-3, 5]}", SAMPLE_INTEGER, -3, 5},
        {"sample: {skewed: [0, 40]}", SAMPLE_SKEWED, 0, 40},
        {"sample: {decimal: [10, 900]}", SAMPLE_DECIMAL, 10, 900},
        {"sample: {choice: [a, b], weights: [1, 2]}", SAMPLE_CHOICE, 0, 0},
        {"sample: {distinct: [a, b]}", SAMPLE_DISTINCT, 0, 0},
        {"sample: {words: [2, 4]}", SAMPLE_WORDS, 2, 4},
        {"sample: {text: [20, 80], mean: 40, end: \"?\"}", SAMPLE_TEXT, 20, 80},
        {"sample: {url: \"https://a.example/{hex:4}\", pool: 9}", SAMPLE_URL, 0, 0},
        {"sample: {timestamp: [1970-01-02, 1970-01-03]}", SAMPLE_TIMESTAMP, 86400000, 172800000},
        {"sample: {boolean: 0.8}", SAMPLE_BOOLEAN, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        struct sample *sample = NULL;
        enum err rc = parse_column(&fixture, cases[i].text, &sample);

        assert_string_equal(fixture.msg.text, "");
        assert_int_equal(rc, ERR_NONE);
        assert_int_equal(sample->kind, cases[i].kind);
        assert_int_equal(sample->least, cases[i].least);
        assert_int_equal(sample->most, cases[i].most);
        arena_free(&fixture.arena);
    }
}

static void members_beside_the_kind_are_kept(void **state)
{
    struct fixture fixture;
    struct sample *sample;

    (void)state;
    assert_int_equal(parse_column(&fixture,
                                  "sample: {text: [20, 80], mean: 40, end: \"?\", null: 0.25}",
                                  &sample),
                     ERR_NONE);
    assert_true(sample->mean == 40 && sample->null_share == 0.25);
    assert_true(slice_is(sample->end, "?"));
    arena_free(&fixture.arena);
    assert_int_equal(
        parse_column(&fixture, "sample: {choice: [a, \"b \\\"c\\\"\"], weights: [3, 1]}", &sample),
        ERR_NONE);
    assert_int_equal(sample->choice_count, 2);
    assert_true(slice_is(sample->choices[1], "b \"c\"") && sample->weights[0] == 3);
    arena_free(&fixture.arena);
    assert_int_equal(parse_column(&fixture, "sample: {pick: books, zero: 0.02}", &sample),
                     ERR_NONE);
    assert_true(slice_is(sample->table, "books") && sample->share == 0.02);
    arena_free(&fixture.arena);
}

static void wrong_samples_of_columns_are_refused_with_place_and_advice(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"sample: sequenc",
         "d.yaml:1:9: \"sequenc\" is not a sample; write one of sequence, parent, with, first, "
         "name, email, or a mapping like {integer: [1, 5]}"},
        {"sample: integer", "d.yaml:1:9: integer needs its values: {integer: ...}"},
        {"sample: {null: 0.5}",
         "d.yaml:1:9: a sample says its kind: {integer: [1, 5]}, {of: name}"},
        {"sample: {words: [1, 2], integer: [1, 5]}", "d.yaml:1:17: a sample is of one kind only"},
        {"sample: {integer: [5, 1]}",
         "d.yaml:1:19: the least value is above the most; write [least, most]"},
        {"sample: {integer: [1, 2, 3]}", "d.yaml:1:19: a range is two values: [least, most]"},
        {"sample: {integer: [1, 3], weights: [1, 2]}",
         "d.yaml:1:36: weights is a list with one number a value, 3 here, at most 1000"},
        {"sample: {choice: [a], weights: [0]}", "d.yaml:1:32: one weight at least must be above 0"},
        {"sample: {words: [1, 2], weights: [1, 2]}", "d.yaml:1:34: weights does not go with words"},
        {"sample: {choice: []}",
         "d.yaml:1:18: a list of 1 to 1000 values is wanted here: [S, M, L]"},
        {"sample: {timestamp: [2015-01-01]}",
         "d.yaml:1:21: a timestamp lies between two days: [2015-01-01, 2021-12-31]"},
        {"sample: {timestamp: [2015-01-01, soon]}",
         "d.yaml:1:34: \"soon\" is not a day; write one like 2015-01-31"},
        {"sample: {timestamp: [2015-01-02, 2015-01-01]}",
         "d.yaml:1:21: the first day is after the last"},
        {"sample: {text: [20, 80], mean: 90}", "d.yaml:1:32: the mean must lie between 20 and 80"},
        {"sample: {text: [20, 80], end: \"\"}", "d.yaml:1:31: end is 1 to 16 bytes, like \"?\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        struct sample *sample = NULL;

        assert_int_equal(parse_column(&fixture, cases[i].text, &sample), ERR_DEFINITION);
        assert_string_equal(fixture.msg.text, cases[i].message);
        assert_null(sample);
        arena_free(&fixture.arena);
    }
}

static void the_rows_of_a_table_are_read_with_their_defaults(void **state)
{
    struct fixture fixture;
    struct table_sample *sample;

    (void)state;
    assert_int_equal(parse_table(&fixture, "sample: {root: true}", &sample), ERR_NONE);
    assert_true(sample->is_root);
    arena_free(&fixture.arena);
    assert_int_equal(parse_table(&fixture, "sample: {each: books, mean: 2.5}", &sample), ERR_NONE);
    assert_true(slice_is(sample->each, "books") && sample->mean == 2.5);
    assert_true(sample->shape == SHAPE_EVEN && sample->none < 0 && sample->most == 18);
    arena_free(&fixture.arena);
    assert_int_equal(
        parse_table(&fixture, "sample: {each: books, mean: 5, shape: skewed}", &sample), ERR_NONE);
    assert_true(sample->shape == SHAPE_SKEWED && sample->none == 0.17 && sample->most == 600);
    arena_free(&fixture.arena);
    assert_int_equal(parse_table(&fixture, "sample: {each: loans, with: copies}", &sample),
                     ERR_NONE);
    assert_true(slice_is(sample->each, "loans") && slice_is(sample->with, "copies"));
    arena_free(&fixture.arena);
}

static void wrong_samples_of_tables_are_refused_with_place_and_advice(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"sample: {mean: 3}",
         "d.yaml:1:9: a table's sample is {root: true} or {each: TABLE, mean: N}"},
        {"sample: {root: false}", "d.yaml:1:9: the root table is {root: true} and nothing else"},
        {"sample: {root: true, mean: 3}",
         "d.yaml:1:9: the root table is {root: true} and nothing else"},
        {"sample: {each: books}",
         "d.yaml:1:9: mean is missing: how many rows a parent has, mean: 3.5"},
        {"sample: {each: books, mean: 3, shape: round}", "d.yaml:1:39: shape is even or skewed"},
        {"sample: {each: books, mean: 7, most: 6}",
         "d.yaml:1:29: a mean of 7 rows cannot be: it must lie between 0 and 6"},
        {"sample: {each: books, mean: 0.5, none: 0.2}",
         "d.yaml:1:29: a mean of 0.5 rows cannot be: it must lie between 0.8 and 8"},
        {"sample: {each: books, with: loans, mean: 3}",
         "d.yaml:1:42: mean does not go with `with`: there is one row a pair"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        struct table_sample *sample = NULL;

        assert_int_equal(parse_table(&fixture, cases[i].text, &sample), ERR_DEFINITION);
        assert_string_equal(fixture.msg.text, cases[i].message);
        assert_null(sample);
        arena_free(&fixture.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_column_is_read),
        cmocka_unit_test(members_beside_the_kind_are_kept),
        cmocka_unit_test(wrong_samples_of_columns_are_refused_with_place_and_advice),
        cmocka_unit_test(the_rows_of_a_table_are_read_with_their_defaults),
        cmocka_unit_test(wrong_samples_of_tables_are_refused_with_place_and_advice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
