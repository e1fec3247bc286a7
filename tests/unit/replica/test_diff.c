/* Walking the keys of a release, and comparing two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "replica/diff.h"
#include "replica/walk.h"
#include "tests/unit/replica/release_fixture.h"

enum { LARGE_ROWS = 700, TEXT_MAX = 1024 };

struct sides {
    struct fixture *fixtures[2];
};

static int set_up(void **state)
{
    struct sides *sides = memory_calloc(1, sizeof *sides);

    *state = sides;
    return fixture_setup((void **)&sides->fixtures[0]) |
           fixture_setup((void **)&sides->fixtures[1]);
}

static int tear_down(void **state)
{
    struct sides *sides = *state;
    int rc = fixture_teardown((void **)&sides->fixtures[0]) |
             fixture_teardown((void **)&sides->fixtures[1]);

    free(sides);
    return rc;
}

/* Keys FIRST .. LAST in steps of STEP; the rows follow from SALT, those of key 30 are many. */
static void add_notes(struct fixture *fixture, const char *name, unsigned first, unsigned last,
                      unsigned step, unsigned changed, unsigned large_salt)
{
    fixture_begin(fixture, name, STORE_PARTITION);
    for (unsigned key = first; key <= last; key += step) {
        if (key == 30) {
            fixture_large(fixture, integer_key(key), LARGE_ROWS, large_salt, 20);
        } else {
            fixture_group(fixture, integer_key(key), 3, key == changed ? 99 : key, 20);
        }
    }
    fixture_end(fixture, name, integer_key(first), integer_key(last));
}

static void add_shelves(struct fixture *fixture, const char *const *names, unsigned count)
{
    fixture_begin(fixture, "shelves/0001.db", STORE_PARTITION_TEXT);
    for (unsigned i = 0; i < count; i++) {
        fixture_group(fixture, text_key(names[i]), 2, 1, 20);
    }
    fixture_end(fixture, "shelves/0001.db", text_key(names[0]), text_key(names[count - 1]));
}

static void on_key(void *context, enum diff_kind kind, const struct key *key)
{
    char *text = context;
    size_t len = strlen(text);

    if (key->is_text) {
        snprintf(text + len, TEXT_MAX - len, " %c%.*s", "+-~"[kind], SLICE_ARG(key->text));
    } else {
        snprintf(text + len, TEXT_MAX - len, " %c%d", "+-~"[kind], (int)key -> integer);
    }
}

static struct diff compare(struct sides *sides, const char *name, char *text)
{
    struct fixture *fixture = sides->fixtures[0];
    struct diff diff;

    text[0] = '\0';
    OK(diff_collection(sides->fixtures[0]->reader, sides->fixtures[1]->reader, slice_str(name),
                       on_key, text, &diff, &fixture->msg));
    return diff;
}

static void a_walk_gives_every_key_of_every_partition_in_order(void **state)
{
    struct fixture *fixture = ((struct sides *)*state)->fixtures[0];
    struct walk walk;
    struct key key;
    bool found;
    int64_t expected = 0;

    add_notes(fixture, "notes/0001.db", 0, 12, 4, 0, 1);
    add_notes(fixture, "notes/0002.db", 16, 40, 4, 0, 1);
    fixture_open(fixture);
    walk_open(&walk, fixture->reader, NOTES);
    for (;;) {
        OK(walk_next(&walk, &key, &found, &fixture->msg));
        if (!found) {
            break;
        }
        assert_false(key.is_text);
        assert_int_equal(key.integer, expected);
        expected += 4;
    }
    assert_int_equal(expected, 44);
    walk_close(&walk);
    walk_open(&walk, fixture->reader, SHELVES); /* no partition at all */
    OK(walk_next(&walk, &key, &found, &fixture->msg));
    assert_false(found);
    walk_close(&walk);
}

static void keys_that_were_added_removed_and_changed_are_told_apart(void **state)
{
    struct sides *sides = *state;
    struct fixture *fixture;
    char text[TEXT_MAX];
    struct diff diff;

    /* The same keys in other partitions are no difference. */
    add_notes(sides->fixtures[0], "notes/0001.db", 0, 10, 2, 4, 1);
    add_notes(sides->fixtures[0], "notes/0002.db", 12, 30, 2, 0, 1);
    add_notes(sides->fixtures[1], "notes/0001.db", 2, 34, 2, 0, 1);
    for (unsigned i = 0; i < 2; i++) {
        fixture = sides->fixtures[i];
        fixture_open(fixture);
    }
    diff = compare(sides, "notes", text);
    assert_string_equal(text, " -0 ~4 +32 +34");
    assert_int_equal(diff.counts[DIFF_ADDED], 2);
    assert_int_equal(diff.counts[DIFF_REMOVED], 1);
    assert_int_equal(diff.counts[DIFF_CHANGED], 1);
    assert_int_equal(diff.keys[0], 16);
    assert_int_equal(diff.keys[1], 17);
    assert_int_equal(diff.rows[0], 15 * 3 + LARGE_ROWS);
    assert_int_equal(diff.rows[1], 16 * 3 + LARGE_ROWS);
}

static void text_keys_are_compared_by_their_bytes(void **state)
{
    static const char *const before[] = {"B", "a", "z"};
    static const char *const after[] = {"B", "aa", "z", "\xc3\xbc"};
    struct sides *sides = *state;
    char text[TEXT_MAX];

    add_shelves(sides->fixtures[0], before, 3);
    add_shelves(sides->fixtures[1], after, 4);
    for (unsigned i = 0; i < 2; i++) {
        fixture_open(sides->fixtures[i]);
    }
    compare(sides, "shelves", text);
    assert_string_equal(text, " -a +aa +\xc3\xbc");
}

static void a_collection_that_is_on_neither_side_differs_in_nothing(void **state)
{
    struct sides *sides = *state;
    char text[TEXT_MAX];
    struct diff diff;

    for (unsigned i = 0; i < 2; i++) {
        fixture_open(sides->fixtures[i]);
    }
    diff = compare(sides, "nothing", text);
    assert_string_equal(text, "");
    assert_int_equal(diff.keys[0] + diff.keys[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_walk_gives_every_key_of_every_partition_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(keys_that_were_added_removed_and_changed_are_told_apart,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(text_keys_are_compared_by_their_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_collection_that_is_on_neither_side_differs_in_nothing,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
