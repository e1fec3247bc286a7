#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/buffer.h"
#include "definition/sql_scan.h"

/* The names of SQL with blanks between them; "!" when something has no end. */
static void check_names(const char *sql, enum sql_dialect dialect, const char *expected)
{
    struct sql_scan scan = {.sql = slice_str(sql), .dialect = dialect};
    struct sql_token token = sql_next(&scan);
    struct buffer names;

    buffer_init(&names, 4096);
    for (; token.kind != SQL_END; token = sql_next(&scan)) {
        if (token.kind == SQL_OPEN) {
            buffer_append_byte(&names, '!');
        } else if (token.kind == SQL_NAME) {
            buffer_append_str(&names, names.len == 0 ? "" : " ");
            buffer_append_slice(&names, token.name);
            buffer_append_str(&names, token.member.len == 0 ? "" : ".");
            buffer_append_slice(&names, token.member);
        }
    }
    assert_string_equal(buffer_str(&names), expected);
    buffer_free(&names);
}

static void names_are_found_where_they_are_names(void **state)
{
    static const struct {
        const char *sql;
        const char *sqlite;
        const char *postgres; /* NULL: the same */
    } cases[] = {
        {"SELECT :a,:b_2 ,(:C)", "a b_2 C", NULL},
        {":photos.value, :map.name, :a.b.c, :a. b", "photos.value map.name a.b a", NULL},
        {"a::text, :b::text, c := :d, 1:2", "b d", NULL},
        {"':a', ':b''s :c', \":d\", \"\"\":e\", :f", "f", NULL},
        {"-- :a\n:b --:c", "b", NULL},
        {"/* :a */ :b /* :c * / */ :d", "b d", NULL},
        {"/* /* :a */ :b /* */", "b", "!"},
        {"/* /* */ :a */ :b", "a b", "b"},
        {"`:a` [:b]", "", "a b"},
        {"x[:a], y[1]]:b", "b", "a b"},
        {"E'\\':a', :b", "a!", "b"},
        {"e'\\\\' :a", "a", NULL},
        {"be'\\' :a", "a", NULL},
        {"$$ :a $$ :b", "a b", "b"},
        {"$tag$ :a $$ $tag$ :b", "a b", "b"},
        {"$1 :a $2", "a", NULL},
        {"$tag$ :a $tag", "a", "!"},
        {"a$b$ :c", "c", NULL},
        {"'open :a", "!", NULL},
        {"\"open :a", "!", NULL},
        {"[open :a", "!", "a"},
        {"/* open :a", "!", NULL},
        {"1.5e3:a :", "a", NULL},
        {"gr\xc3\xb6\xc3\x9f"
         "e:a, :\xc3\xb6",
         "a", NULL},
        {"", "", NULL},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *postgres = cases[i].postgres == NULL ? cases[i].sqlite : cases[i].postgres;

        check_names(cases[i].sql, SQL_SQLITE, cases[i].sqlite);
        check_names(cases[i].sql, SQL_POSTGRES, postgres);
    }
}

static void tokens_cover_the_statement_and_nothing_behind_it(void **state)
{
    static const char sql[] =
        "WITH a AS (/* x */ SELECT E'\\'' || $q$ b $q$ , \"c\"::int, [d], `e`)"
        " -- f\n INSERT INTO g VALUES (:h.value, :i, 1.5, '''')";

    (void)state;
    for (size_t size = 0; size < sizeof sql; size++) {
        char *copy = malloc(size + 1); /* so that reading past the end is found */

        memcpy(copy, sql, size);
        for (unsigned dialect = 0; dialect < SQL_DIALECTS; dialect++) {
            struct sql_scan scan = {.sql = slice_of(copy, size),
                                    .dialect = (enum sql_dialect)dialect};
            struct sql_token token = sql_next(&scan);
            const char *end = copy;

            while (token.kind != SQL_END) {
                assert_true(token.text.len > 0 && token.text.ptr >= end);
                end = token.text.ptr + token.text.len;
                assert_true(end <= copy + size);
                token = sql_next(&scan);
            }
            assert_int_equal(scan.at, size);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_where_they_are_names),
        cmocka_unit_test(tokens_cover_the_statement_and_nothing_behind_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
