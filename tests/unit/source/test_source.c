#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/source/fixture.h"

static void a_url_of_another_kind_is_a_usage_error(void **state)
{
    static const struct {
        const char *url;
        const char *message;
    } cases[] = {
        {"", "a source is written as sqlite:FILE or "
             "postgres://USER@HOST/DATABASE, not as \"\""},
        {"a.db", "a source is written as sqlite:FILE or "
                 "postgres://USER@HOST/DATABASE, not as \"a.db\""},
        {"mysql://me:secret@host/", "a source is written as sqlite:FILE or "
                                    "postgres://USER@HOST/DATABASE, not as \"mysql:...\""},
        {"SQLITE:a", "a source is written as sqlite:FILE or "
                     "postgres://USER@HOST/DATABASE, not as \"SQLITE:...\""},
        {"sqlite:", "the source \"sqlite:\" names nothing; write sqlite:FILE"},
        {"postgres:", "the source \"postgres:\" names nothing; write "
                      "postgres://USER@HOST/DATABASE"},
        {"postgresql:", "the source \"postgresql:\" names nothing; write "
                        "postgresql://USER@HOST/DATABASE"},
    };
    struct source *source = NULL;
    struct errmsg msg;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(source_open(cases[i].url, SOURCE_WRITE, &source, &msg), ERR_USAGE);
        assert_string_equal(msg.text, cases[i].message);
        assert_null(source);
    }
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    source_close(NULL);
    source_rows_close(NULL);
    source_load_abandon(NULL);
}

static void the_sqlite_dialect_needs_a_collation_only(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    const struct source_dialect *dialect;

    OK(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg));
    dialect = source_dialect(source);
    assert_string_equal(dialect->text_order, " COLLATE BINARY");
    assert_string_equal(dialect->nulls_ascending, "");
    assert_string_equal(dialect->nulls_descending, "");
    source_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_of_another_kind_is_a_usage_error),
        cmocka_unit_test(closing_nothing_is_fine),
        cmocka_unit_test_setup_teardown(the_sqlite_dialect_needs_a_collation_only, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
