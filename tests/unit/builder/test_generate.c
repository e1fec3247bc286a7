#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/number.h"
#include "builder/generate.h"
#include "builder/generate_spread.h"
#include "builder/generate_text.h"

#define ROUTE                                                                                      \
    "collections:\n"                                                                               \
    "  books:\n"                                                                                   \
    "    key: id\n"                                                                                \
    "    rows: SELECT id, title FROM books\n"                                                      \
    "    fields: {id: integer, title: text}\n"                                                     \
    "routes:\n"                                                                                    \
    "  - {get: /books/:id, from: books, key: {path: id}, answer: $row}\n"

#define BOOKS                                                                                      \
    "name: library\n"                                                                              \
    "tables:\n"                                                                                    \
    "  books:\n"                                                                                   \
    "    file: books.csv\n"                                                                        \
    "    primary_key: id\n"                                                                        \
    "    sample: {root: true}\n"                                                                   \
    "    columns:\n"                                                                               \
    "      id: {type: integer, required: true, sample: sequence}\n"                                \
    "      title: {type: text, sample: {words: [2, 4]}}\n"

#define COPIES                                                                                     \
    "  copies:\n"                                                                                  \
    "    file: copies.csv\n"                                                                       \
    "    primary_key: id\n"                                                                        \
    "    sample: {each: books, mean: 2, most: 3}\n"                                                \
    "    columns:\n"                                                                               \
    "      id: {type: integer, required: true, sample: sequence}\n"                                \
    "      book_id: {type: integer, required: true, sample: parent}\n"                             \
    "      shelf: {type: text, sample: {distinct: [north, east, \"the \\\"west\\\", wing\"]}}\n"   \
    "      is_first: {type: boolean, sample: first}\n"

#define LOANS                                                                                      \
    "  loans:\n"                                                                                   \
    "    file: loans.csv\n"                                                                        \
    "    primary_key: id\n"                                                                        \
    "    sample: {each: books, mean: 4, shape: skewed}\n"                                          \
    "    columns:\n"                                                                               \
    "      id: {type: integer, required: true, sample: sequence}\n"                                \
    "      book_id: {type: integer, required: true, sample: parent}\n"                             \
    "      day: {type: timestamp, sample: {timestamp: [2015-01-01, 2021-12-31]}}\n"                \
    "      note: {type: text, sample: {text: [20, 90], mean: 50, null: 0.2}}\n"

#define PAIRS                                                                                      \
    "  checks:\n"                                                                                  \
    "    file: checks.csv\n"                                                                       \
    "    sample: {each: loans, with: copies}\n"                                                    \
    "    columns:\n"                                                                               \
    "      loan_id: {type: integer, required: true, sample: parent}\n"                             \
    "      copy_id: {type: integer, required: true, sample: with}\n"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/vitrine-generate-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
    struct errmsg msg;

    (void)state;
    return dir_remove(dir, &msg) != ERR_NONE;
}

static struct definition *load(const char *text)
{
    struct definition *definition = NULL;
    struct errmsg msg = {""};
    enum err rc = definition_parse("d.yaml", slice_str(text), &definition, &msg);

    assert_string_equal(msg.text, "");
    assert_int_equal(rc, ERR_NONE);
    return definition;
}

/* Generates TEXT's tables; the content of NAME, which the caller frees. */
static struct buffer content_of(const char *text, const struct generate_options *options,
                                const char *name)
{
    struct definition *definition = load(text);
    struct generate_report report;
    struct errmsg msg = {""};
    struct buffer content;
    char *path = path_join(dir, "%s", name);
    enum err rc = generate_exports(definition, options, dir, &report, &msg);

    assert_string_equal(msg.text, "");
    assert_int_equal(rc, ERR_NONE);
    buffer_init(&content, 64 << 20);
    assert_int_equal(file_read(path, &content, &msg), ERR_NONE);
    free(path);
    free(report.tables);
    definition_free(definition);
    return content;
}

static size_t count_of(const struct buffer *content, const char *needle)
{
    size_t count = 0;
    const char *at = content->ptr;
    const char *end = content->ptr + content->len;
    size_t len = strlen(needle);

    while ((at = memmem(at, (size_t)(end - at), needle, len)) != NULL) {
        count++;
        at += len;
    }
    return count;
}

static void the_same_seed_gives_the_same_bytes_and_another_seed_others(void **state)
{
    struct generate_options options = {.scale = 300, .seed = 7, .has_dirt = true};
    struct buffer first = content_of(BOOKS LOANS ROUTE, &options, "loans.csv");
    struct buffer again = content_of(BOOKS LOANS ROUTE, &options, "loans.csv");
    struct buffer other;

    (void)state;
    options.seed = 8;
    other = content_of(BOOKS LOANS ROUTE, &options, "loans.csv");
    assert_true(slice_equal(buffer_slice(&first), buffer_slice(&again)));
    assert_false(slice_equal(buffer_slice(&first), buffer_slice(&other)));
    buffer_free(&first);
    buffer_free(&again);
    buffer_free(&other);
}

static void a_table_is_the_same_whether_others_are_written_or_not(void **state)
{
    struct generate_options options = {.scale = 100, .seed = 1};
    struct buffer all = content_of(BOOKS COPIES LOANS PAIRS ROUTE, &options, "checks.csv");
    struct buffer alone;

    (void)state;
    options.only = "checks";
    alone = content_of(BOOKS COPIES LOANS PAIRS ROUTE, &options, "checks.csv");
    assert_true(slice_equal(buffer_slice(&all), buffer_slice(&alone)));
    buffer_free(&all);
    buffer_free(&alone);
}

static void a_pair_table_has_one_row_for_each_pair_of_one_root_row(void **state)
{
    struct definition *definition = load(BOOKS COPIES LOANS PAIRS ROUTE);
    struct generate_options options = {.scale = 1, .seed = 3};
    struct errmsg msg;

    (void)state;
    for (options.seed = 1; options.seed < 30; options.seed++) {
        struct generate_report report;

        assert_int_equal(generate_exports(definition, &options, dir, &report, &msg), ERR_NONE);
        assert_int_equal(report.table_count, 4);
        assert_int_equal(report.tables[3].row_count,
                         report.tables[1].row_count * report.tables[2].row_count);
        free(report.tables);
    }
    definition_free(definition);
}

static void texts_are_quoted_and_distinct_within_a_parent(void **state)
{
    struct generate_options options = {.scale = 200, .seed = 1};
    struct buffer content = content_of(BOOKS COPIES ROUTE, &options, "copies.csv");

    (void)state;
    assert_memory_equal(content.ptr, "id,book_id,shelf,is_first\n1,", 28);
    assert_true(count_of(&content, ",\"the \"\"west\"\", wing\",") > 0);
    for (unsigned book = 1; book <= 200; book++) {
        char needle[64];

        snprintf(needle, sizeof needle, ",%u,\"north\",", book);
        assert_true(count_of(&content, needle) <= 1);
        snprintf(needle, sizeof needle, ",%u,\"east\",", book);
        assert_true(count_of(&content, needle) <= 1);
    }
    buffer_free(&content);
}

static double mean_of(const struct spread *spread)
{
    double sum = 0;

    /* The sum of P(value > v) over v. */
    for (unsigned v = 0; v + 1 < spread->count; v++) {
        sum += 1 - spread->limits[v] / 4294967296.0;
    }
    return sum;
}

static void rows_of_a_parent_meet_the_mean_and_the_share_of_none(void **state)
{
    static const struct table_sample cases[] = {
        {.mean = 5.77489, .shape = SHAPE_SKEWED, .none = 0.17, .most = 600},
        {.mean = 1.5, .shape = SHAPE_SKEWED, .none = 0.3, .most = 60},
        {.mean = 2.2, .shape = SHAPE_EVEN, .none = -1, .most = 17},
        {.mean = 5.78, .shape = SHAPE_EVEN, .none = -1, .most = 6},
        {.mean = 1.95, .shape = SHAPE_EVEN, .none = 0.02, .most = 12},
        {.mean = 3, .shape = SHAPE_EVEN, .none = -1, .least = 2, .most = 9},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena;
        struct spread spread;
        double none;

        arena_init(&arena, 4096);
        spread_init_rows(&spread, &arena, &cases[i]);
        none = spread.limits[0] / 4294967296.0;
        assert_true(mean_of(&spread) > cases[i].mean * 0.9999);
        assert_true(mean_of(&spread) < cases[i].mean * 1.0001);
        assert_true(cases[i].none < 0 ||
                    (none > cases[i].none - 1e-6 && none < cases[i].none + 1e-6));
        assert_true(spread_pick(&spread, UINT32_MAX) <= cases[i].most);
        assert_true(spread_pick(&spread, cases[i].none < 0 ? 0 : spread.limits[0]) >=
                    cases[i].least);
        arena_free(&arena);
    }
}

static void every_place_of_the_line_is_taken_once(void **state)
{
    static const uint64_t counts[] = {1, 2, 3, 1000, 1023, 1024, 1025};

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        bool *taken = calloc(counts[i], sizeof *taken);

        for (uint64_t k = 0; k < counts[i]; k++) {
            uint64_t place = spread_place(99, k, counts[i]) * counts[i] >> 32;

            assert_true(place < counts[i] && !taken[place]);
            taken[place] = true;
        }
        free(taken);
    }
}

static void texts_keep_to_their_bytes_and_are_valid(void **state)
{
    struct arena arena;
    struct vocabulary *words;
    struct random random = random_start(5, 5);
    char *text = malloc(600 + GENERATE_TEXT_SLACK);

    (void)state;
    arena_init(&arena, 65536);
    words = vocabulary_new(&arena);
    for (unsigned i = 0; i < 20000; i++) {
        struct text_wish wish = {.least = 20 + i % 50, .most = 80 + i % 500};
        size_t len;

        wish.target = wish.least + i % (wish.most - wish.least);
        wish.end = i % 3 == 0 ? slice_str("?") : slice_str("");
        len = (size_t)(text_write(words, &random, &wish, text) - text);
        assert_true(len >= wish.least / 2 && len <= wish.most);
        assert_true(utf8_is_valid(slice_of(text, len)));
        assert_true(wish.end.len == 0 || text[len - 1] == '?');
    }
    free(text);
    arena_free(&arena);
}

static void dirt_of_every_kind_is_there(void **state)
{
    static const char *const loans[] = {"\"null\"",     ",one more", " (again) ", "\\",
                                        "\"\"Well\"\"", "\nx",       "yesterday", "\n,"};
    struct generate_options options = {.scale = 6000, .seed = 1, .has_dirt = true};
    struct buffer content = content_of(BOOKS COPIES LOANS ROUTE, &options, "loans.csv");

    (void)state;
    for (size_t i = 0; i < sizeof loans / sizeof loans[0]; i++) {
        assert_true(count_of(&content, loans[i]) > 0);
    }
    assert_false(utf8_is_valid(buffer_slice(&content)));
    assert_true(count_of(&content, "\r\n") > 20000); /* the third table ends its lines so */
    buffer_free(&content);
    content = content_of(BOOKS COPIES LOANS ROUTE, &options, "books.csv");
    assert_memory_equal(content.ptr, "\xef\xbb\xbfid,", 6);
    buffer_free(&content);
    content = content_of(BOOKS COPIES LOANS ROUTE, &options, "copies.csv");
    assert_true(content.ptr[content.len - 1] != '\n');
    buffer_free(&content);
}

static void samples_that_do_not_fit_are_refused_with_their_column(void **state)
{
    static const struct {
        const char *text;
        const char *only;
        const char *message;
    } cases[] = {
        {"name: library\ntables:\n  books:\n    file: b.csv\n    columns: {id: integer}\n" ROUTE,
         NULL, "no table is the root of the samples; one must say sample: {root: true}"},
        {BOOKS "      pages: integer\n" ROUTE, NULL,
         "table books: column pages has no sample; say how to make it"},
        {BOOKS "      pages: {type: integer, sample: name}\n" ROUTE, NULL,
         "table books: column pages: the sample name does not make values of its type"},
        {BOOKS "      pages: {type: integer, sample: parent}\n" ROUTE, NULL,
         "table books: column pages: the root table has no parent for the sample parent"},
        {BOOKS "      pages: {type: integer, least: 1, most: 5, sample: {integer: [1, 6]}}\n" ROUTE,
         NULL, "table books: column pages: the sample leaves the bounds 1 to 5"},
        {BOOKS "      pages: {type: integer, required: true, sample: {integer: [1, 6], null: 0.1}}"
               "\n" ROUTE,
         NULL, "table books: column pages: a required column cannot be null in its sample"},
        {BOOKS "      site: {type: url, sample: {url: \"https://a.example/{digit:3}\"}}\n" ROUTE,
         NULL,
         "table books: column site: a URL has places like {digits:13} or {hex:12}, of 1 to 64 "
         "characters"},
        {BOOKS PAIRS ROUTE, NULL,
         "table checks: its sample names loans, which is no table with a sample that leads to the "
         "root"},
        {BOOKS ROUTE, "books,shelves", "--only: there is no table shelves with a sample"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct definition *definition = load(cases[i].text);
        struct generate_options options = {.scale = 10, .seed = 1, .only = cases[i].only};
        struct generate_report report;
        struct errmsg msg;

        assert_int_not_equal(generate_exports(definition, &options, dir, &report, &msg), ERR_NONE);
        assert_string_equal(msg.text, cases[i].message);
        definition_free(definition);
    }
}

static void a_file_that_cannot_be_written_takes_the_others_with_it(void **state)
{
    struct definition *definition = load(BOOKS LOANS ROUTE);
    struct generate_options options = {.scale = 20000, .seed = 1};
    struct generate_report report;
    struct rlimit before;
    struct rlimit small;
    struct errmsg msg;
    char *books = path_join(dir, "books.csv");
    char *loans = path_join(dir, "loans.csv");

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(generate_exports(definition, &options, dir, &report, &msg), ERR_SYSTEM);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_non_null(strstr(msg.text, "write "));
    assert_non_null(strstr(msg.text, "loans.csv: File too large"));
    assert_false(file_exists(books));
    assert_false(file_exists(loans));
    free(books);
    free(loans);
    definition_free(definition);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_seed_gives_the_same_bytes_and_another_seed_others),
        TEST(a_table_is_the_same_whether_others_are_written_or_not),
        TEST(a_pair_table_has_one_row_for_each_pair_of_one_root_row),
        TEST(texts_are_quoted_and_distinct_within_a_parent),
        TEST(rows_of_a_parent_meet_the_mean_and_the_share_of_none),
        TEST(every_place_of_the_line_is_taken_once),
        TEST(texts_keep_to_their_bytes_and_are_valid),
        TEST(dirt_of_every_kind_is_there),
        TEST(samples_that_do_not_fit_are_refused_with_their_column),
        TEST(a_file_that_cannot_be_written_takes_the_others_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
