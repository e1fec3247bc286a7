#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "service/reply.h"

enum { BODY_MAX = 4096 };

#define NOTHING                                                                                    \
    {                                                                                              \
        .type = VALUE_NULL                                                                         \
    }
#define INTEGER(n)                                                                                 \
    {                                                                                              \
        .type = VALUE_INTEGER, .integer = (n)                                                      \
    }
#define REAL(r)                                                                                    \
    {                                                                                              \
        .type = VALUE_REAL, .real = (r)                                                            \
    }
#define TEXT(t)                                                                                    \
    {                                                                                              \
        .type = VALUE_TEXT, .text = {.ptr = (t), .len = sizeof(t) - 1 }                            \
    }
#define SLICE(t)                                                                                   \
    {                                                                                              \
        .ptr = (t), .len = sizeof(t) - 1                                                           \
    }

/* Writes an answer that is the column "c" of SCALAR alone, which came back as VALUE. */
static enum err write_column(const struct scalar *scalar, struct value value, struct buffer *out,
                             struct errmsg *msg)
{
    struct returned column = {.name = SLICE("c"), .scalar = *scalar};
    struct statement statement = {.returns = &column, .return_count = 1};
    struct template_part part = {.kind = TEMPLATE_RETURNED};
    struct action action = {
        .statements = &statement, .is_json = true, .answer = {.parts = &part, .count = 1}};
    struct write_rows rows = {.values = &value, .row_count = 1};
    struct write_job job = {.action = &action, .rows = &rows};

    return reply_write(&job, out, msg);
}

static void a_column_that_came_back_is_written_by_its_type(void **state)
{
    static const struct {
        struct scalar scalar;
        struct value value;
        const char *json;
    } cases[] = {
        {{.type = SCALAR_INTEGER}, NOTHING, "null"},
        {{.type = SCALAR_INTEGER}, INTEGER(-5), "-5"},
        {{.type = SCALAR_INTEGER, .is_quoted = true}, INTEGER(5), "\"5\""},
        {{.type = SCALAR_INTEGER}, TEXT("12"), "12"},
        {{.type = SCALAR_INTEGER},
         TEXT("123456789012345678901234567890"),
         "123456789012345678901234567890"},
        {{.type = SCALAR_INTEGER}, TEXT("-9223372036854775809"), "-9223372036854775809"},
        {{.type = SCALAR_INTEGER, .is_quoted = true},
         TEXT("9223372036854775808"),
         "\"9223372036854775808\""},
        {{.type = SCALAR_TEXT}, NOTHING, "null"},
        {{.type = SCALAR_TEXT}, TEXT("a\"\n<"), "\"a\\\"\\n<\""},
        {{.type = SCALAR_TEXT}, INTEGER(7), "\"7\""},
        {{.type = SCALAR_TEXT}, REAL(0.5), "\"0.5\""},
        {{.type = SCALAR_BOOLEAN}, INTEGER(1), "true"},
        {{.type = SCALAR_BOOLEAN}, TEXT("f"), "false"},
        {{.type = SCALAR_TIMESTAMP}, INTEGER(1500), "\"1970-01-01T00:00:01.500Z\""},
        {{.type = SCALAR_DECIMAL, .scale = 2}, TEXT("140"), "\"140.00\""},
        {{.type = SCALAR_NUMBER}, REAL(0.25), "0.25"},
        {{.type = SCALAR_NUMBER}, INTEGER(3), "3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer out;
        struct errmsg msg;

        buffer_init(&out, BODY_MAX);
        assert_int_equal(write_column(&cases[i].scalar, cases[i].value, &out, &msg), ERR_NONE);
        assert_string_equal(buffer_str(&out), cases[i].json);
        buffer_free(&out);
    }
}

static void a_column_that_is_not_of_its_type_is_refused_with_its_name(void **state)
{
    static const struct {
        enum scalar_type type;
        struct value value;
        const char *message;
    } cases[] = {
        {SCALAR_INTEGER, TEXT("x"), "column c: \"x\" is not an integer"},
        {SCALAR_INTEGER, TEXT("-"), "column c: \"-\" is not an integer"},
        {SCALAR_INTEGER, TEXT("1.5"), "column c: \"1.5\" is not an integer"},
        {SCALAR_INTEGER, TEXT("0099999999999999999999"),
         "column c: \"0099999999999999999999\" is not an integer"},
        {SCALAR_BOOLEAN, INTEGER(2), "column c: 2 is not a boolean (true, false, 1, 0)"},
        {SCALAR_TEXT, TEXT("a\xff"), "column c: a text that is not UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct scalar scalar = {.type = cases[i].type};
        struct buffer out;
        struct errmsg msg;

        buffer_init(&out, BODY_MAX);
        assert_int_equal(write_column(&scalar, cases[i].value, &out, &msg), ERR_INPUT);
        assert_string_equal(msg.text, cases[i].message);
        buffer_free(&out);
    }
}

/* {"t": $text, "l": $list, "m": $map, "id": $id, "rows": $rows}; the first statement has `returns`, the
 * second has `rows`. */
struct library {
    struct take takes[3];
    struct statement statements[2];
    struct returned columns[2];
    struct template_part parts[11];
    struct action action;
    struct value values[3];
    struct write_items items[3];
    struct write_rows rows[2];
    struct write_job job;
};

static void library_make(struct library *l)
{
    static const struct template_part parts[] = {
        {.kind = TEMPLATE_LITERAL, .literal = SLICE("{\"t\":")},
        {.kind = TEMPLATE_TAKE, .field = 0},
        {.kind = TEMPLATE_LITERAL, .literal = SLICE(",\"l\":")},
        {.kind = TEMPLATE_TAKE, .field = 1},
        {.kind = TEMPLATE_LITERAL, .literal = SLICE(",\"m\":")},
        {.kind = TEMPLATE_TAKE, .field = 2},
        {.kind = TEMPLATE_LITERAL, .literal = SLICE(",\"id\":")},
        {.kind = TEMPLATE_RETURNED, .statement = 0, .field = 1},
        {.kind = TEMPLATE_LITERAL, .literal = SLICE(",\"rows\":")},
        {.kind = TEMPLATE_ROWS},
        {.kind = TEMPLATE_LITERAL, .literal = SLICE("}")},
    };

    *l = (struct library){
        .takes = {{.rule = {.type = SCALAR_TEXT}},
                  {.rule = {.type = SCALAR_BOOLEAN}, .shape = TAKE_LIST},
                  {.rule = {.type = SCALAR_INTEGER},
                   .names = {.type = SCALAR_INTEGER},
                   .shape = TAKE_MAP}},
        .columns = {{.name = SLICE("isbn"), .scalar = {.type = SCALAR_TEXT}},
                    {.name = SLICE("a \"count\""), .scalar = {.type = SCALAR_INTEGER}}},
        .action = {.take_count = 3, .statement_count = 2, .rows = 1, .is_json = true},
    };
    memcpy(l->parts, parts, sizeof parts);
    for (unsigned i = 0; i < 2; i++) {
        l->statements[i] = (struct statement){.returns = l->columns, .return_count = 2};
    }
    l->action.takes = l->takes;
    l->action.statements = l->statements;
    l->action.answer = (struct template){.parts = l->parts, .count = 11};
    l->job = (struct write_job){
        .action = &l->action, .takes = l->values, .items = l->items, .rows = l->rows};
}

static void an_answer_holds_what_was_taken_and_all_rows_with_their_names(void **state)
{
    struct value truths[] = {INTEGER(1), INTEGER(0)};
    struct value names[] = {INTEGER(14), INTEGER(15)};
    struct value values[] = {INTEGER(5), INTEGER(1)};
    struct value rows[] = {TEXT("x"), INTEGER(1), TEXT("y"), NOTHING};
    struct library l;
    struct buffer out;
    struct errmsg msg;

    (void)state;
    library_make(&l);
    l.values[0] = (struct value)TEXT("a\tb");
    l.items[1] = (struct write_items){.values = truths, .count = 2};
    l.items[2] = (struct write_items){.values = values, .names = names, .count = 2};
    l.rows[0] = (struct write_rows){.values = rows, .row_count = 1};
    l.rows[1] = (struct write_rows){.values = rows, .row_count = 2};
    buffer_init(&out, BODY_MAX);
    assert_int_equal(reply_write(&l.job, &out, &msg), ERR_NONE);
    assert_string_equal(buffer_str(&out),
                        "{\"t\":\"a\\tb\",\"l\":[true,false],\"m\":{\"14\":5,\"15\":1},\"id\":1,"
                        "\"rows\":[{\"isbn\":\"x\",\"a \\\"count\\\"\":1},"
                        "{\"isbn\":\"y\",\"a \\\"count\\\"\":null}]}");
    buffer_free(&out);
}

static void what_did_not_come_is_null_or_empty(void **state)
{
    struct library l;
    struct buffer out;
    struct errmsg msg;

    (void)state;
    library_make(&l);
    buffer_init(&out, BODY_MAX);
    assert_int_equal(reply_write(&l.job, &out, &msg), ERR_NONE);
    assert_string_equal(buffer_str(&out), "{\"t\":null,\"l\":[],\"m\":{},\"id\":null,\"rows\":[]}");
    buffer_free(&out);
}

static void a_body_beyond_its_bound_is_refused(void **state)
{
    struct library l;
    struct buffer out;
    struct errmsg msg;

    (void)state;
    library_make(&l);
    buffer_init(&out, 16);
    assert_int_equal(reply_write(&l.job, &out, &msg), ERR_LIMIT);
    assert_string_equal(msg.text, "the answer is larger than 16 bytes");
    buffer_free(&out);
}

static void an_action_without_template_answers_its_text(void **state)
{
    struct action action = {.text = SLICE("Created")};
    struct write_job job = {.action = &action};
    struct buffer out;
    struct errmsg msg;

    (void)state;
    buffer_init(&out, BODY_MAX);
    assert_int_equal(reply_write(&job, &out, &msg), ERR_NONE);
    assert_string_equal(buffer_str(&out), "Created");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_column_that_came_back_is_written_by_its_type),
        cmocka_unit_test(a_column_that_is_not_of_its_type_is_refused_with_its_name),
        cmocka_unit_test(an_answer_holds_what_was_taken_and_all_rows_with_their_names),
        cmocka_unit_test(what_did_not_come_is_null_or_empty),
        cmocka_unit_test(a_body_beyond_its_bound_is_refused),
        cmocka_unit_test(an_action_without_template_answers_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
