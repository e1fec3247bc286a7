#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "service/render.h"

enum { TITLE, PAGES, AUTHORS, BRANCHES, FIELD_COUNT };

static struct nested list_of = {.shape = NESTED_LIST};
static struct nested map_of = {.shape = NESTED_MAP};

static struct field fields[FIELD_COUNT] = {
    [TITLE] = {.scalar = {.type = SCALAR_TEXT}, .vector = 0},
    [PAGES] = {.scalar = {.type = SCALAR_INTEGER}, .vector = 1},
    [AUTHORS] = {.scalar = {.type = SCALAR_TEXT}, .nested = &list_of, .vector = 2},
    [BRANCHES] = {.scalar = {.type = SCALAR_TEXT}, .nested = &map_of, .vector = 3},
};

static const struct collection books = {.fields = fields, .field_count = FIELD_COUNT};

/* Two rows: {"Emma", 474, [1], {"a":1}} and nulls. */
static const uint8_t second_is_null[] = {2};
static const uint8_t title_ends[] = {4, 4};
static const uint8_t page_values[] = {0, 0};
static const uint8_t author_ends[] = {3, 3};
static const uint8_t branch_ends[] = {7, 7};
static struct vector vectors[FIELD_COUNT];

static struct vector text_vector(const uint8_t *ends, const char *text)
{
    return (struct vector){
        .encoding = ENCODING_PLAIN_1,
        .width = 1,
        .row_count = 2,
        .nulls = second_is_null,
        .data = ends,
        .text = text,
        .text_size = (uint32_t)strlen(text),
        .loaded_to = (uint32_t)strlen(text),
    };
}

static const struct chunk *two_rows(void)
{
    static const struct chunk chunk = {
        .row_count = 2, .vector_count = FIELD_COUNT, .vectors = vectors};

    vectors[0] = text_vector(title_ends, "Emma");
    vectors[1] = (struct vector){
        .encoding = ENCODING_FRAME_1,
        .width = 1,
        .row_count = 2,
        .nulls = second_is_null,
        .base = 474,
        .data = page_values,
    };
    vectors[2] = text_vector(author_ends, "[1]");
    vectors[3] = text_vector(branch_ends, "{\"a\":1}");
    return &chunk;
}

#define LITERAL(text)                                                                              \
    {                                                                                              \
        .kind = TEMPLATE_LITERAL, .literal = { text, sizeof text - 1 }                             \
    }
#define FIELD(index)                                                                               \
    {                                                                                              \
        .kind = TEMPLATE_FIELD, .field = index                                                     \
    }

static struct template_part row_parts[] = {
    LITERAL("{\"title\":"), FIELD(TITLE),   LITERAL(",\"pages\":"),    FIELD(PAGES),
    LITERAL(",\"by\":"),    FIELD(AUTHORS), LITERAL(",\"branches\":"), FIELD(BRANCHES),
    LITERAL("}"),
};
static const struct template row_template = {row_parts, sizeof row_parts / sizeof row_parts[0]};

static enum err run(const struct template *template, const struct template *row,
                    const struct view *view, struct buffer *out, struct errmsg *msg)
{
    struct program program;
    struct arena arena;
    enum err rc;

    arena_init(&arena, 4096);
    program_compile(&program, template, row, &books, &arena);
    rc = program_run(&program, view, out, msg);
    arena_free(&arena);
    return rc;
}

static void assert_renders(const struct template *template, const struct template *row,
                           const struct view *view, const char *expected)
{
    struct buffer out;
    struct errmsg msg;

    buffer_init(&out, 4096);
    assert_int_equal(run(template, row, view, &out, &msg), ERR_NONE);
    assert_string_equal(buffer_str(&out), expected);
    buffer_free(&out);
}

static const struct ask integer_ask = {
    .key = {.integer = -7}, .key_text = {"-007", 4}, .page = 3, .count = 5};

static void a_row_is_rendered_with_its_values(void **state)
{
    struct view view = {.ask = &integer_ask, .chunk = two_rows(), .row = 0};

    (void)state;
    assert_renders(&row_template, NULL, &view,
                   "{\"title\":\"Emma\",\"pages\":474,\"by\":[1],\"branches\":{\"a\":1}}");
}

static void nulls_and_missing_rows_are_null_or_empty(void **state)
{
    struct view nulls = {.ask = &integer_ask, .chunk = two_rows(), .row = 1};
    struct view missing = {.ask = &integer_ask, .chunk = NULL};

    (void)state;
    assert_renders(&row_template, NULL, &nulls,
                   "{\"title\":null,\"pages\":null,\"by\":[],\"branches\":{}}");
    assert_renders(&row_template, NULL, &missing,
                   "{\"title\":null,\"pages\":null,\"by\":[],\"branches\":{}}");
}

static void a_program_knows_which_stored_fields_it_reads(void **state)
{
    struct template_part parts[] = {FIELD(PAGES), FIELD(BRANCHES), {.kind = TEMPLATE_ROWS}};
    struct template template = {parts, 3};
    struct program program;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    program_compile(&program, &template, &row_template, &books, &arena);
    assert_int_equal(program.vectors, 1 << PAGES | 1 << BRANCHES);
    program_compile(&program, &row_template, NULL, &books, &arena);
    assert_int_equal(program.vectors, 15);
    arena_free(&arena);
}

static enum err append_two(void *context, struct buffer *out, struct errmsg *msg)
{
    (void)context;
    (void)msg;
    buffer_append_str(out, "{},{}");
    return ERR_NONE;
}

static enum err append_damaged(void *context, struct buffer *out, struct errmsg *msg)
{
    (void)context;
    (void)out;
    return err_set(msg, ERR_CORRUPT, "rows are damaged");
}

static struct template_part answer_parts[] = {
    LITERAL("{\"key\":"),
    {.kind = TEMPLATE_KEY},
    LITERAL(",\"text\":"),
    {.kind = TEMPLATE_KEY_TEXT},
    LITERAL(",\"page\":["),
    {.kind = TEMPLATE_PAGE_NUMBER},
    LITERAL(","),
    {.kind = TEMPLATE_PAGE_INDEX},
    LITERAL("],\"count\":"),
    {.kind = TEMPLATE_COUNT},
    LITERAL(",\"total\":"),
    {.kind = TEMPLATE_TOTAL},
    LITERAL(",\"rows\":"),
    {.kind = TEMPLATE_ROWS},
    LITERAL("}"),
};
static const struct template answer_template = {answer_parts,
                                                sizeof answer_parts / sizeof answer_parts[0]};

static void an_answer_holds_what_was_asked_for(void **state)
{
    struct ask text_ask = {.key = {.is_text = true, .text = {"a\"b", 3}},
                           .key_text = {"a\"b", 3},
                           .page = 9007199254740991,
                           .count = 1};
    struct view by_integer = {.ask = &integer_ask, .total = 42, .append_rows = append_two};
    struct view by_text = {.ask = &text_ask, .append_rows = append_two};

    (void)state;
    assert_renders(&answer_template, &row_template, &by_integer,
                   "{\"key\":-7,\"text\":\"-007\",\"page\":[3,2],\"count\":5,\"total\":42,"
                   "\"rows\":[{},{}]}");
    assert_renders(&answer_template, &row_template, &by_text,
                   "{\"key\":\"a\\\"b\",\"text\":\"a\\\"b\",\"page\":[9007199254740991,"
                   "9007199254740990],\"count\":1,\"total\":0,\"rows\":[{},{}]}");
}

static void the_row_of_a_document_is_rendered_by_the_row_template(void **state)
{
    struct template_part parts[] = {LITERAL("["), {.kind = TEMPLATE_ROW}, LITERAL("]")};
    struct template template = {parts, 3};
    struct view view = {.ask = &integer_ask, .chunk = two_rows(), .row = 0};

    (void)state;
    assert_renders(&template, &row_template, &view,
                   "[{\"title\":\"Emma\",\"pages\":474,\"by\":[1],\"branches\":{\"a\":1}}]");
}

static void damaged_text_is_an_error(void **state)
{
    struct view view = {.ask = &integer_ask, .chunk = two_rows(), .row = 0};
    struct errmsg msg = {""};
    struct buffer out;

    (void)state;
    vectors[2].loaded_to = 2;
    buffer_init(&out, 4096);
    assert_int_equal(run(&row_template, NULL, &view, &out, &msg), ERR_CORRUPT);
    assert_string_equal(msg.text, "row 0: the text of stored field 2 lies outside its bytes");
    buffer_free(&out);
}

static void an_error_of_the_rows_ends_the_answer(void **state)
{
    struct view view = {.ask = &integer_ask, .append_rows = append_damaged};
    struct errmsg msg = {""};
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    assert_int_equal(run(&answer_template, &row_template, &view, &out, &msg), ERR_CORRUPT);
    assert_string_equal(msg.text, "rows are damaged");
    buffer_free(&out);
}

static void an_answer_that_does_not_fit_is_an_error_at_every_size(void **state)
{
    struct view view = {.ask = &integer_ask, .chunk = two_rows(), .row = 0};
    struct errmsg msg = {""};

    (void)state;
    for (size_t max = 0; max < 50; max++) {
        struct buffer out;

        buffer_init(&out, max);
        assert_int_equal(run(&row_template, NULL, &view, &out, &msg), ERR_LIMIT);
        assert_true(out.len <= max);
        buffer_free(&out);
    }
    assert_string_equal(msg.text, "the answer is larger than 49 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_rendered_with_its_values),
        cmocka_unit_test(nulls_and_missing_rows_are_null_or_empty),
        cmocka_unit_test(a_program_knows_which_stored_fields_it_reads),
        cmocka_unit_test(an_answer_holds_what_was_asked_for),
        cmocka_unit_test(the_row_of_a_document_is_rendered_by_the_row_template),
        cmocka_unit_test(damaged_text_is_an_error),
        cmocka_unit_test(an_error_of_the_rows_ends_the_answer),
        cmocka_unit_test(an_answer_that_does_not_fit_is_an_error_at_every_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
