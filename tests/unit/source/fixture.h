/*
 * A folder under /tmp for one test, and a table of loans to load.
 */
#ifndef VITRINE_TESTS_SOURCE_FIXTURE_H
#define VITRINE_TESTS_SOURCE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "source/source.h"

struct fixture {
    char folder[64];
    char path[96];
    char url[128];
    struct errmsg msg;
};

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/vitrine_source_XXXXXX");
    if (mkdtemp(fixture->folder) == NULL) {
        return -1;
    }
    snprintf(fixture->path, sizeof fixture->path, "%s/a.db", fixture->folder);
    snprintf(fixture->url, sizeof fixture->url, "sqlite:%s", fixture->path);
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    enum err rc = dir_remove(fixture->folder, &fixture->msg);

    free(fixture);
    return rc == ERR_NONE ? 0 : -1;
}

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != ERR_NONE) {                                                                  \
            fail_msg("%s: %s", #call, fixture->msg.text);                                          \
        }                                                                                          \
    } while (0)

#define LOAN_COLUMN(text, kind, required)                                                          \
    {                                                                                              \
        .name = {text, sizeof text - 1}, .header = {text, sizeof text - 1}, .type = kind,          \
        .scale = 2, .is_required = required                                                        \
    }

static struct table_column loan_columns[] = {
    LOAN_COLUMN("id", COLUMN_INTEGER, true),     LOAN_COLUMN("book", COLUMN_TEXT, false),
    LOAN_COLUMN("due", COLUMN_TIMESTAMP, false), LOAN_COLUMN("fee", COLUMN_DECIMAL, false),
    LOAN_COLUMN("weight", COLUMN_NUMBER, false),
};

static struct table_index loan_indexes[] = {{{1}, 1}, {{2, 1}, 2}};

static const struct table loans = {
    .name = {"loans", 5},
    .file = {"loans.csv", 9},
    .columns = loan_columns,
    .column_count = 5,
    .primary_key = 0,
    .indexes = loan_indexes,
    .index_count = 2,
};

static inline struct value integer_value(int64_t integer)
{
    return (struct value){.type = VALUE_INTEGER, .integer = integer};
}

static inline struct value text_value(const char *text)
{
    return (struct value){.type = VALUE_TEXT, .text = slice_str(text)};
}

#endif
