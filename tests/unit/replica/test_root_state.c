#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "replica/root_state.h"

static void start(struct root_state *state)
{
    struct errmsg msg;

    assert_int_equal(root_state_parse("s", slice_str(""), state, &msg), ERR_NONE);
    assert_int_equal(state->mark_count, 0);
    assert_false(state->is_pinned);
}

static void add(struct root_state *state, enum mark_kind kind, uint64_t number, uint64_t hash,
                struct slice reason)
{
    root_state_add(state, (struct root_mark){.kind = kind,
                                             .number = number,
                                             .content_hash = hash,
                                             .at_ms = 1600000000123,
                                             .reason = reason});
}

static void what_is_written_reads_back(void **unused)
{
    struct root_state state;
    struct root_state again;
    struct buffer text;
    struct errmsg msg;

    (void)unused;
    start(&state);
    state.highest = 44;
    state.is_pinned = true;
    state.pinned = 41;
    add(&state, MARK_REFUSED, 42, UINT64_MAX, slice_str("loans/0001.db: \"page\" 3"));
    add(&state, MARK_ROLLED_BACK, 43, 7, slice_str("Bücherei\n"));
    buffer_init(&text, ROOT_STATE_SIZE_MAX);
    root_state_write(&state, &text);
    assert_int_equal(root_state_parse("s", buffer_slice(&text), &again, &msg), ERR_NONE);
    assert_int_equal(again.highest, 44);
    assert_true(again.is_pinned);
    assert_int_equal(again.pinned, 41);
    assert_int_equal(again.mark_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(again.marks[i].kind, state.marks[i].kind);
        assert_true(again.marks[i].number == state.marks[i].number);
        assert_true(again.marks[i].content_hash == state.marks[i].content_hash);
        assert_true(again.marks[i].at_ms == state.marks[i].at_ms);
        assert_true(slice_equal(again.marks[i].reason, state.marks[i].reason));
    }
    buffer_free(&text);
    root_state_free(&again);
    root_state_free(&state);
}

static void a_release_has_one_mark_the_last(void **unused)
{
    struct root_state state;

    (void)unused;
    start(&state);
    add(&state, MARK_REFUSED, 1, 5, slice_str("a"));
    add(&state, MARK_REFUSED, 1, 6, slice_str("b"));
    add(&state, MARK_ROLLED_BACK, 1, 5, slice_str("c"));
    assert_int_equal(state.mark_count, 2);
    assert_int_equal(root_state_mark(&state, 1, 5)->kind, MARK_ROLLED_BACK);
    assert_non_null(root_state_rolled_back(&state, 5));
    assert_null(root_state_rolled_back(&state, 6));
    root_state_remove(&state, 1, 5);
    assert_null(root_state_mark(&state, 1, 5));
    assert_non_null(root_state_mark(&state, 1, 6));
    root_state_free(&state);
}

static void beyond_the_most_the_oldest_mark_is_forgotten(void **unused)
{
    struct root_state state;

    (void)unused;
    start(&state);
    for (uint64_t number = 1; number <= ROOT_MARKS_MAX + 3; number++) {
        add(&state, MARK_REFUSED, number, number, slice_str("x"));
    }
    assert_int_equal(state.mark_count, ROOT_MARKS_MAX);
    assert_null(root_state_mark(&state, 3, 3));
    assert_non_null(root_state_mark(&state, 4, 4));
    assert_non_null(root_state_mark(&state, ROOT_MARKS_MAX + 3, ROOT_MARKS_MAX + 3));
    root_state_free(&state);
}

static void a_reason_is_cut_and_valid_utf8(void **unused)
{
    char big[ROOT_REASON_MAX + 10];
    struct root_state state;

    (void)unused;
    start(&state);
    memset(big, 'a', sizeof big);
    memcpy(big + ROOT_REASON_MAX - 1, "ü", 2); /* lies across the end */
    add(&state, MARK_REFUSED, 1, 1, slice_of(big, sizeof big));
    assert_int_equal(state.marks[0].reason.len, ROOT_REASON_MAX - 1);
    assert_true(utf8_is_valid(state.marks[0].reason));
    add(&state, MARK_REFUSED, 2, 2, slice_str("file \xff\xfe.db"));
    assert_true(slice_is(state.marks[1].reason, "file ?\?.db"));
    root_state_free(&state);
}

static void what_is_not_a_state_is_refused_with_what_to_do(void **unused)
{
    static const char *const texts[] = {
        "\n",
        "x",
        "[]",
        "{}",
        "{\"vitrine\": \"root\", \"version\": 1}",
        "{\"vitrine\": \"root\", \"version\": 2, \"marks\": []}",
        "{\"vitrine\": \"release\", \"version\": 1, \"marks\": []}",
        "{\"vitrine\": \"root\", \"version\": 1, \"highest\": \"1\", \"marks\": []}",
        "{\"vitrine\": \"root\", \"version\": 1, \"pinned\": -1, \"marks\": []}",
        "{\"vitrine\": \"root\", \"version\": 1, \"pinned\": \"1\", \"marks\": []}",
        "{\"vitrine\": \"root\", \"version\": 1, \"marks\": [{}]}",
        "{\"vitrine\": \"root\", \"version\": 1, \"marks\": [{\"release\": 1, \"content\": \"12\", "
        "\"mark\": \"refused\", \"at\": \"2026-11-21T02:30:00Z\", \"reason\": \"\"}]}",
        "{\"vitrine\": \"root\", \"version\": 1, \"marks\": [{\"release\": 1, \"content\": "
        "\"0123456789abcdef\", \"mark\": \"odd\", \"at\": \"2026-11-21T02:30:00Z\", \"reason\": "
        "\"\"}]}",
        "{\"vitrine\": \"root\", \"version\": 1, \"marks\": [{\"release\": 1, \"content\": "
        "\"0123456789abcdef\", \"mark\": \"refused\", \"at\": \"today\", \"reason\": \"\"}]}",
        "{\"vitrine\": \"root\", \"version\": 1, \"marks\": [{\"release\": 1, \"content\": "
        "\"0123456789abcdef\", \"mark\": \"refused\", \"at\": \"2026-11-21T02:30:00Z\"}]}",
    };

    (void)unused;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct root_state state;
        struct errmsg msg;

        assert_int_equal(root_state_parse("r/state.json", slice_str(texts[i]), &state, &msg),
                         ERR_CORRUPT);
        assert_string_equal(msg.text,
                            "r/state.json: this is not the state of a root; mend it, or remove it, "
                            "which forgets the pin, every release that was refused or rolled "
                            "back, and how new what was served has been");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_release_has_one_mark_the_last),
        cmocka_unit_test(beyond_the_most_the_oldest_mark_is_forgotten),
        cmocka_unit_test(a_reason_is_cut_and_valid_utf8),
        cmocka_unit_test(what_is_not_a_state_is_refused_with_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
