#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/options.h"

struct values {
    const char *root;
    const char *color;
    int64_t threads;
    int64_t limit;
    int64_t every_ms;
    int64_t rate;
    bool dirt;
    struct option_texts trust;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct values, root, "the folder with releases/ and current"),
    OPTION_TEXT("color", "NAME", NULL, struct values, color, "of the cover"),
    OPTION_INTEGER("threads", "N", "2", 1, 256, struct values, threads, "event loops"),
    OPTION_INTEGER("limit", "N", NULL, 0, INT64_MAX, struct values, limit,
                   "a sentence that is so long that it does not fit on one line of the help"),
    OPTION_DURATION("every", "TIME", "2s", struct values, every_ms, "how often to look"),
    OPTION_SIZE("rate", "BYTES", "1K", struct values, rate, "how fast"),
    OPTION_FLAG("dirt", struct values, dirt, "add the dirt of real exports"),
    OPTION_TEXTS("trust", "PUB", struct values, trust, "a file of keys"),
    OPTION_END,
};

static const struct command command = {
    .name = "lend",
    .usage = "--root DIR [options] [BOOK]",
    .about = "Lends a book.",
    .description = NULL,
    .options = options,
    .least_arguments = 0,
    .most_arguments = 1,
};

enum { WORDS_MAX = 8 };

/* Parses a command line given as words; the first is added here. */
static enum err parse(const struct command *c, const char *const *words, option_extra extra,
                      void *context, struct values *out, struct arguments *arguments,
                      struct errmsg *msg)
{
    static char *argv[WORDS_MAX + 1];
    int argc = 1;

    argv[0] = (char *)"lend";
    while (words[argc - 1] != NULL && argc < WORDS_MAX) {
        argv[argc] = (char *)words[argc - 1];
        argc++;
    }
    return options_parse(c, argc, argv, out, extra, context, arguments, msg);
}

static void defaults_fill_what_is_not_given(void **state)
{
    static const char *const words[] = {"--root", "r", NULL};
    struct values v;
    struct arguments arguments;
    struct errmsg msg;

    (void)state;
    memset(&v, 0xff, sizeof v);
    assert_int_equal(parse(&command, words, NULL, NULL, &v, &arguments, &msg), ERR_NONE);
    assert_string_equal(v.root, "r");
    assert_null(v.color);
    assert_int_equal(v.threads, 2);
    assert_int_equal(v.limit, 0);
    assert_int_equal(v.every_ms, 2000);
    assert_false(v.dirt);
    assert_int_equal(v.trust.count, 0);
    assert_int_equal(arguments.count, 0);
    assert_false(arguments.help);
}

static void an_option_of_texts_may_be_given_several_times(void **state)
{
    static const char *const words[] = {"--trust", "a", "--root=r", "--trust=b", NULL};
    char *argv[OPTION_TEXTS_MAX + 3] = {(char *)"lend", (char *)"--root=r"};
    struct values v;
    struct arguments arguments;
    struct errmsg msg;

    (void)state;
    assert_int_equal(parse(&command, words, NULL, NULL, &v, &arguments, &msg), ERR_NONE);
    assert_int_equal(v.trust.count, 2);
    assert_string_equal(v.trust.items[0], "a");
    assert_string_equal(v.trust.items[1], "b");
    for (int i = 0; i <= OPTION_TEXTS_MAX; i++) {
        argv[2 + i] = (char *)"--trust=c";
    }
    assert_int_equal(
        options_parse(&command, OPTION_TEXTS_MAX + 2, argv, &v, NULL, NULL, &arguments, &msg),
        ERR_NONE);
    assert_int_equal(v.trust.count, OPTION_TEXTS_MAX);
    assert_int_equal(
        options_parse(&command, OPTION_TEXTS_MAX + 3, argv, &v, NULL, NULL, &arguments, &msg),
        ERR_USAGE);
    assert_string_equal(msg.text, "--trust: given more than 16 times");
}

static void values_follow_a_blank_or_an_equals_sign(void **state)
{
    static const char *const words[] = {"--root=a=b", "--threads", "8",    "--dirt",
                                        "--every=1h", "--color=",  "book", NULL};
    struct values v;
    struct arguments arguments;
    struct errmsg msg;

    (void)state;
    assert_int_equal(parse(&command, words, NULL, NULL, &v, &arguments, &msg), ERR_NONE);
    assert_string_equal(v.root, "a=b");
    assert_string_equal(v.color, "");
    assert_int_equal(v.threads, 8);
    assert_int_equal(v.every_ms, 3600000);
    assert_true(v.dirt);
    assert_int_equal(arguments.count, 1);
    assert_string_equal(arguments.items[0], "book");
}

static void what_follows_two_dashes_is_an_argument(void **state)
{
    static const char *const words[] = {"--root", "r", "--", "--dirt", NULL};
    static const char *const dash[] = {"-", "--root", "r", NULL};
    struct values v;
    struct arguments arguments;
    struct errmsg msg;

    (void)state;
    assert_int_equal(parse(&command, words, NULL, NULL, &v, &arguments, &msg), ERR_NONE);
    assert_false(v.dirt);
    assert_string_equal(arguments.items[0], "--dirt");
    assert_int_equal(parse(&command, dash, NULL, NULL, &v, &arguments, &msg), ERR_NONE);
    assert_string_equal(arguments.items[0], "-");
}

static void durations_have_units(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"--every=0", 0},
        {"--every=250ms", 250},
        {"--every=5s", 5000},
        {"--every=10m", 600000},
        {"--every=1h", 3600000},
        {"--every=7", 7000},
        {"--every=1000h", 3600000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const words[] = {"--root=r", cases[i].text, NULL};
        struct values v;
        struct arguments arguments;
        struct errmsg msg;

        assert_int_equal(parse(&command, words, NULL, NULL, &v, &arguments, &msg), ERR_NONE);
        assert_true(v.every_ms == cases[i].ms);
    }
}

static void sizes_have_units(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"--dirt", 1024}, /* the default */
        {"--rate=0", 0},           {"--rate=4096", 4096},
        {"--rate=64K", 65536},     {"--rate=500M", 524288000},
        {"--rate=2G", 2147483648},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const words[] = {"--root=r", cases[i].text, NULL};
        struct values v;
        struct arguments arguments;
        struct errmsg msg;

        assert_int_equal(parse(&command, words, NULL, NULL, &v, &arguments, &msg), ERR_NONE);
        assert_true(v.rate == cases[i].bytes);
    }
}

static void mistakes_are_answered_with_what_to_write(void **state)
{
    static const struct {
        const char *words[4];
        const char *message;
    } cases[] = {
        {{NULL}, "--root DIR is missing; usage: vitrine lend --root DIR [options] [BOOK]"},
        {{"--root", NULL}, "--root needs a value: --root DIR"},
        {{"--root", "--dirt", NULL}, "--root needs a value: --root DIR"},
        {{"--root=r", "--threads=x", NULL},
         "--threads: \"x\" is not an integer; write one from 1 to 256"},
        {{"--root=r", "--threads=", NULL},
         "--threads: \"\" is not an integer; write one from 1 to 256"},
        {{"--root=r", "--threads=0", NULL},
         "--threads: 0 is out of bounds; write an integer from 1 to 256"},
        {{"--root=r", "--threads", "257", NULL},
         "--threads: 257 is out of bounds; write an integer from 1 to 256"},
        {{"--root=r", "--limit", "-1", NULL},
         "--limit: -1 is out of bounds; write an integer 0 or more"},
        {{"--root=r", "--every=5x", NULL},
         "--every: \"5x\" is not a duration; write 250ms, 5s, 10m or 1h"},
        {{"--root=r", "--every=ms", NULL},
         "--every: \"ms\" is not a duration; write 250ms, 5s, 10m or 1h"},
        {{"--root=r", "--every=-5s", NULL},
         "--every: \"-5s\" is not a duration; write 250ms, 5s, 10m or 1h"},
        {{"--root=r", "--every=9223372036854775807h", NULL},
         "--every: \"9223372036854775807h\" is not a duration; write 250ms, 5s, 10m or 1h"},
        {{"--root=r", "--rate=5m", NULL},
         "--rate: \"5m\" is not a size; write 4096, 64K, 500M or 2G"},
        {{"--root=r", "--rate=9223372036854775807G", NULL},
         "--rate: \"9223372036854775807G\" is not a size; write 4096, 64K, 500M or 2G"},
        {{"--root=r", "--dirt=yes", NULL}, "--dirt takes no value"},
        {{"--root=r", "--thread=3", NULL}, "there is no option --thread; did you mean --threads?"},
        {{"--rot", "r", NULL}, "there is no option --rot; did you mean --root?"},
        {{"--colour=red", NULL}, "there is no option --colour; did you mean --color?"},
        {{"--unheard-of", NULL}, "there is no option --unheard-of"},
        {{"-r", "x", NULL}, "there is no option -r; options begin with two dashes"},
        {{"--root=r", "one", "two", NULL},
         "\"two\" is one argument too many; usage: vitrine lend --root DIR [options] [BOOK]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct values v;
        struct arguments arguments = {.count = 77};
        struct errmsg msg = {""};

        assert_int_equal(parse(&command, cases[i].words, NULL, NULL, &v, &arguments, &msg),
                         ERR_USAGE);
        assert_string_equal(msg.text, cases[i].message);
        assert_int_equal(arguments.count, 77);
    }
}

static void a_missing_argument_is_answered_with_the_usage(void **state)
{
    static const char *const words[] = {"--root=r", NULL};
    struct command strict = command;
    struct values v;
    struct arguments arguments;
    struct errmsg msg;

    (void)state;
    strict.least_arguments = 1;
    assert_int_equal(parse(&strict, words, NULL, NULL, &v, &arguments, &msg), ERR_USAGE);
    assert_string_equal(msg.text,
                        "an argument is missing; usage: vitrine lend --root DIR [options] [BOOK]");
}

static void help_wins_over_later_mistakes(void **state)
{
    static const char *const words[] = {"--help", "--nonsense", NULL};
    static const char *const letter[] = {"-h", NULL};
    struct values v;
    struct arguments arguments;
    struct errmsg msg;

    (void)state;
    assert_int_equal(parse(&command, words, NULL, NULL, &v, &arguments, &msg), ERR_NONE);
    assert_true(arguments.help);
    assert_int_equal(parse(&command, letter, NULL, NULL, &v, &arguments, &msg), ERR_NONE);
    assert_true(arguments.help);
}

/* Knows --NAME in "books" and "loans"; the values are noted. */
static enum err take_extra(void *context, const char *name, const char *value, struct errmsg *msg)
{
    char *notes = context;

    if (strcmp(name, "books") != 0 && strcmp(name, "loans") != 0) {
        return ERR_NOT_FOUND;
    }
    if (value == NULL) {
        return err_set(msg, ERR_USAGE, "--%s needs a number", name);
    }
    strcat(strcat(strcat(notes, name), "="), value);
    return ERR_NONE;
}

static void options_that_come_from_data_are_asked_for(void **state)
{
    static const char *const words[] = {"--root=r", "--books", "5", "--loans=7", "book", NULL};
    static const char *const unknown[] = {"--root=r", "--thread", "5", NULL};
    static const char *const bare[] = {"--root=r", "--books", "--dirt", NULL};
    char notes[100] = "";
    struct values v;
    struct arguments arguments;
    struct errmsg msg;

    (void)state;
    assert_int_equal(parse(&command, words, take_extra, notes, &v, &arguments, &msg), ERR_NONE);
    assert_string_equal(notes, "books=5loans=7");
    assert_string_equal(arguments.items[0], "book");
    assert_int_equal(parse(&command, unknown, take_extra, notes, &v, &arguments, &msg), ERR_USAGE);
    assert_string_equal(msg.text, "there is no option --thread; did you mean --threads?");
    assert_int_equal(parse(&command, bare, take_extra, notes, &v, &arguments, &msg), ERR_USAGE);
    assert_string_equal(msg.text, "--books needs a number");
}

static void help_lists_options_with_defaults_and_bounds(void **state)
{
    static const char expected[] =
        "Usage: vitrine lend --root DIR [options] [BOOK]\n"
        "\n"
        "Lends a book.\n"
        "\n"
        "Options:\n"
        "  --root DIR    the folder with releases/ and current (required)\n"
        "  --color NAME  of the cover\n"
        "  --threads N   event loops (default 2; from 1 to 256)\n"
        "  --limit N     a sentence that is so long that it does not fit on one line of\n"
        "                the help (0 or more)\n"
        "  --every TIME  how often to look (default 2s)\n"
        "  --rate BYTES  how fast (default 1K)\n"
        "  --dirt        add the dirt of real exports\n"
        "  --trust PUB   a file of keys (may be given several times)\n"
        "  --help        print this text\n";
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    options_help(&command, to);
    fclose(to);
    assert_string_equal(text, expected);
    free(text);
}

static void a_manual_page_has_the_same_and_no_text_of_it_is_taken_for_an_instruction(void **state)
{
    static const struct option dotted[] = {
        OPTION_TEXT("read-as", "FORM", ".csv", struct values, color, ".csv or C:\\'s"),
        OPTION_FLAG("dirt", struct values, dirt, "add dirt"),
        OPTION_END,
    };
    static const struct command lend = {
        .name = "lend",
        .usage = "--read-as FORM",
        .about = "lends a book",
        .description = "First.\n'Second'.",
        .options = dotted,
    };
    static const char expected[] = ".SS vitrine lend\n"
                                   "\\fBvitrine lend\\fR \\-\\-read\\-as FORM\n"
                                   ".PP\n"
                                   "lends a book\n"
                                   ".PP\n"
                                   "First.\n.br\n\\&'Second'.\n"
                                   ".TP\n"
                                   "\\fB\\-\\-read\\-as\\fR \\fIFORM\\fR\n"
                                   "\\&.csv or C:\\e's (default .csv)\n"
                                   ".TP\n"
                                   "\\fB\\-\\-dirt\\fR\n"
                                   "add dirt\n";
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    options_man(&lend, to);
    fclose(to);
    assert_string_equal(text, expected);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_not_given),
        cmocka_unit_test(an_option_of_texts_may_be_given_several_times),
        cmocka_unit_test(values_follow_a_blank_or_an_equals_sign),
        cmocka_unit_test(what_follows_two_dashes_is_an_argument),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(mistakes_are_answered_with_what_to_write),
        cmocka_unit_test(a_missing_argument_is_answered_with_the_usage),
        cmocka_unit_test(help_wins_over_later_mistakes),
        cmocka_unit_test(options_that_come_from_data_are_asked_for),
        cmocka_unit_test(help_lists_options_with_defaults_and_bounds),
        cmocka_unit_test(a_manual_page_has_the_same_and_no_text_of_it_is_taken_for_an_instruction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
