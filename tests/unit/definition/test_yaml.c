#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/buffer.h"
#include "definition/definition.h"
#include "definition/yaml.h"

struct fixture {
    struct arena arena;
    struct errmsg msg;
    struct yaml yaml;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    arena_init(&fixture->arena, 4096);
    fixture->yaml = (struct yaml){.path = "t.yaml", .arena = &fixture->arena};
    fixture->yaml.msg = &fixture->msg;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static const struct yaml_node *parse(struct fixture *fixture, const char *text)
{
    assert_int_equal(yaml_parse(&fixture->yaml, slice_str(text)), ERR_NONE);
    return fixture->yaml.root;
}

static void assert_text(const struct yaml_node *node, const char *text, bool is_plain)
{
    assert_int_equal(node->kind, YAML_SCALAR);
    assert_true(slice_is(node->text, text));
    assert_int_equal(node->is_plain, is_plain);
}

static void a_tree_holds_what_was_written(void **state)
{
    const struct yaml_node *root = parse(*state, "# head\na: 1\nb:\n  - x\n  - [y, \"z\"]\nc: |\n"
                                                 "  one\n  two\n");
    const struct yaml_node *b = yaml_get(root, "b");

    assert_int_equal(root->kind, YAML_MAPPING);
    assert_int_equal(root->count, 3);
    assert_text(yaml_get(root, "a"), "1", true);
    assert_text(yaml_get(root, "c"), "one\ntwo\n", false);
    assert_int_equal(b->kind, YAML_SEQUENCE);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->items[1]->line, 5);
    assert_int_equal(b->items[1]->column, 5);
    assert_text(b->items[1]->items[1], "z", false);
    assert_int_equal(b->items[1]->items[1]->column, 9);
    assert_null(yaml_get(root, "d"));
    assert_null(yaml_get(b, "a"));
}

static void broken_files_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "t.yaml:1:1: the file is empty; write what docs/definition.md explains"},
        {"# nothing\n", "t.yaml:2:1: the file is empty; write what docs/definition.md explains"},
        {"a: [1, 2", "t.yaml:2:1: did not find expected ',' or ']' while parsing a flow sequence "
                     "that begins in line 1; check the indentation, colons, brackets and quotes "
                     "here and in the line before"},
        {"a:b\nc: d\n", "t.yaml:2:2: mapping values are not allowed in this context; check the "
                        "indentation, colons, brackets and quotes here and in the line before"},
        {"a: 1\nb: \"2\nc: 3\n",
         "t.yaml:4:1: found unexpected end of stream while scanning a quoted scalar that begins in "
         "line 2; check the indentation, colons, brackets and quotes here and in the line before"},
        {"a: b\nc: \xff\n", "t.yaml:2:4: this is not text in UTF-8; save the file as UTF-8 without "
                            "control characters"},
        {"a: \x01\n", "t.yaml:1:4: this is not text in UTF-8; save the file as UTF-8 without "
                      "control characters"},
        {"a: 1\nb: 2\na: 3\n",
         "t.yaml:3:1: \"a\" is there twice, first in line 1; keep one of them"},
        {"? [a]\n: 1\n",
         "t.yaml:1:3: the name of a member is a list or a mapping; write NAME: VALUE"},
        {"a: &x 1\n", "t.yaml:1:4: anchors are not used here; leave &x away"},
        {"a: *x\n", "t.yaml:1:4: aliases are not used here; write the value out"},
        {"a: !t 1\n", "t.yaml:1:4: tags are not used here; leave the one with ! away"},
        {"a: ! 1\n", "t.yaml:1:4: tags are not used here; leave the one with ! away"},
        {"a: !!map {}\n", "t.yaml:1:4: tags are not used here; leave the one with ! away"},
        {"a: \"\\0\"\n", "t.yaml:1:4: a text holds a NUL character; leave \\0 away"},
        {"--- a\n--- b\n", "t.yaml:2:1: a second document begins; keep one in a file"},
    };
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(yaml_parse(&fixture->yaml, slice_str(cases[i].text)), ERR_DEFINITION);
        assert_string_equal(fixture->msg.text, cases[i].message);
    }
}

static void nesting_ends_at_32(void **state)
{
    struct fixture *fixture = *state;
    char text[80] = "";

    memset(text, '[', 31);
    memset(text + 31, ']', 31);
    parse(fixture, text);
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    assert_int_equal(yaml_parse(&fixture->yaml, slice_str(text)), ERR_DEFINITION);
    assert_string_equal(fixture->msg.text,
                        "t.yaml:1:33: nesting is deeper than 32; write it flatter");
}

static void a_mapping_ends_at_1024_members(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text;

    buffer_init(&text, DEFINITION_SIZE_MAX);
    for (int i = 0; i < 1024; i++) {
        buffer_printf(&text, "m%d: 1\n", i);
    }
    assert_int_equal(yaml_parse(&fixture->yaml, buffer_slice(&text)), ERR_NONE);
    buffer_append_str(&text, "last: 1\n");
    assert_int_equal(yaml_parse(&fixture->yaml, buffer_slice(&text)), ERR_DEFINITION);
    assert_string_equal(fixture->msg.text,
                        "t.yaml:1:1: a mapping has 1025 members; at most 1024 may stand in one");
    buffer_free(&text);
}

static void a_file_ends_at_its_limit(void **state)
{
    struct fixture *fixture = *state;
    char *text = malloc(DEFINITION_SIZE_MAX + 1);

    memset(text, ' ', DEFINITION_SIZE_MAX + 1);
    text[0] = 'a';
    assert_int_equal(yaml_parse(&fixture->yaml, slice_of(text, DEFINITION_SIZE_MAX)), ERR_NONE);
    assert_int_equal(yaml_parse(&fixture->yaml, slice_of(text, DEFINITION_SIZE_MAX + 1)),
                     ERR_DEFINITION);
    assert_string_equal(fixture->msg.text,
                        "t.yaml:1:1: the file has 1048577 bytes; at most 1048576 fit");
    free(text);
}

static void a_byte_order_mark_is_passed_over(void **state)
{
    assert_text(yaml_get(parse(*state, "\xef\xbb\xbf"
                                       "a: b\n"),
                         "a"),
                "b", true);
}

static void members_that_are_not_allowed_are_refused(void **state)
{
    static const char *const allowed[] = {"colour", "width", NULL};
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"color: 1", "t.yaml:1:1: a thing has no member \"color\"; did you mean \"colour\"?"},
        {"width: 1\nzzz: 2", "t.yaml:2:1: a thing has no member \"zzz\"; write one of colour, "
                             "width"},
        {"[colour]", "t.yaml:1:1: a thing must be a mapping, not a list; write for example "
                     "{colour: ...}"},
        {"''", "t.yaml:1:1: a thing must be a mapping, not a text in quotes; write for example "
               "{colour: ...}"},
    };
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            yaml_expect_members(&fixture->yaml, parse(fixture, cases[i].text), "a thing", allowed),
            ERR_DEFINITION);
        assert_string_equal(fixture->msg.text, cases[i].message);
    }
    assert_int_equal(yaml_expect_members(&fixture->yaml, parse(fixture, "{width: 1, colour: 2}"),
                                         "a thing", allowed),
                     ERR_NONE);
}

static void typed_values_are_read(void **state)
{
    struct fixture *fixture = *state;
    const struct yaml_node *root = parse(fixture, "{i: -5, n: 0.25, b: true, t: '5', e: \"\"}");
    int64_t integer = 0;
    double number = 0;
    bool boolean = false;
    struct slice text = {"x", 1};

    assert_int_equal(yaml_integer(&fixture->yaml, root->items[0], "i", -5, 5, &integer), ERR_NONE);
    assert_int_equal(integer, -5);
    assert_int_equal(yaml_number(&fixture->yaml, root->items[1], "n", 0, 1, &number), ERR_NONE);
    assert_true(number == 0.25);
    assert_int_equal(yaml_boolean(&fixture->yaml, root->items[2], "b", &boolean), ERR_NONE);
    assert_true(boolean);
    assert_int_equal(yaml_text(&fixture->yaml, root->items[3], "t", &text), ERR_NONE);
    assert_true(slice_is(text, "5"));
    assert_int_equal(yaml_text(&fixture->yaml, root->items[4], "e", &text), ERR_NONE);
    assert_int_equal(text.len, 0);
}

static void values_of_another_type_are_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct yaml_node *root = parse(fixture, "{i: 6, n: x, b: yes, t: {}, e: , q: '5'}");
    int64_t integer;
    double number;
    bool boolean;
    struct slice text;

    assert_int_equal(yaml_integer(&fixture->yaml, root->items[0], "i", 1, 5, &integer),
                     ERR_DEFINITION);
    assert_string_equal(
        fixture->msg.text,
        "t.yaml:1:5: i must be a whole number from 1 to 5, not \"6\"; write for example 1");
    assert_int_equal(yaml_integer(&fixture->yaml, root->items[5], "q", 1, 5, &integer),
                     ERR_DEFINITION);
    assert_string_equal(fixture->msg.text,
                        "t.yaml:1:37: q must be a whole number from 1 to 5, not a text in quotes; "
                        "write for example 1");
    assert_int_equal(yaml_number(&fixture->yaml, root->items[1], "n", 0, 1, &number),
                     ERR_DEFINITION);
    assert_string_equal(fixture->msg.text,
                        "t.yaml:1:11: n must be a number from 0 to 1, not \"x\"; write for "
                        "example 0");
    assert_int_equal(yaml_boolean(&fixture->yaml, root->items[2], "b", &boolean), ERR_DEFINITION);
    assert_string_equal(fixture->msg.text, "t.yaml:1:17: b must be true or false, not \"yes\"");
    assert_int_equal(yaml_text(&fixture->yaml, root->items[3], "t", &text), ERR_DEFINITION);
    assert_string_equal(fixture->msg.text, "t.yaml:1:25: t must be a text, not a mapping; write a "
                                           "word, or \"a text\"");
    assert_int_equal(yaml_text(&fixture->yaml, root->items[4], "e", &text), ERR_DEFINITION);
    assert_string_equal(fixture->msg.text,
                        "t.yaml:1:32: e is missing; write a word, or \"a text\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tree_holds_what_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_files_are_refused_with_their_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nesting_ends_at_32, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mapping_ends_at_1024_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_ends_at_its_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_byte_order_mark_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(members_that_are_not_allowed_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(typed_values_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_of_another_type_are_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
