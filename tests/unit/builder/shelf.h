/*
 * A definition, and an SQLite source made by SQL statements, for one test.
 */
#ifndef VITRINE_TESTS_BUILDER_SHELF_H
#define VITRINE_TESTS_BUILDER_SHELF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/file.h"
#include "builder/key_range.h"
#include "definition/definition.h"
#include "source/source.h"

static const struct key_range everything = {.row_count = 0};

struct shelf {
    char folder[64];
    char database[96];
    char url[128];
    struct definition *definition;
    struct source *source;
    struct errmsg msg;
};

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != ERR_NONE) {                                                                  \
            fail_msg("%s: %s", #call, shelf->msg.text);                                            \
        }                                                                                          \
    } while (0)

static inline int shelf_setup(void **state)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);

    snprintf(shelf->folder, sizeof shelf->folder, "/tmp/vitrine_builder_XXXXXX");
    if (mkdtemp(shelf->folder) == NULL) {
        return -1;
    }
    snprintf(shelf->database, sizeof shelf->database, "%s/source.db", shelf->folder);
    snprintf(shelf->url, sizeof shelf->url, "sqlite:%s", shelf->database);
    *state = shelf;
    return 0;
}

static inline int shelf_teardown(void **state)
{
    struct shelf *shelf = *state;
    enum err rc;

    source_close(shelf->source);
    definition_free(shelf->definition);
    rc = dir_remove(shelf->folder, &shelf->msg);
    free(shelf);
    return rc == ERR_NONE ? 0 : -1;
}

/* COLLECTIONS: what stands below `collections:`, indented by two. */
static inline const struct collection *shelf_define(struct shelf *shelf, const char *collections)
{
    struct buffer text;

    buffer_init(&text, 1 << 20);
    buffer_printf(&text,
                  "name: shelf\ncollections:\n%sroutes:\n  - get: /x\n    from: x\n"
                  "    key: {query: k}\n    answer: $key\n",
                  collections);
    OK(definition_parse("test.yaml", buffer_slice(&text), &shelf->definition, &shelf->msg));
    buffer_free(&text);
    return &shelf->definition->collections[0];
}

/* Runs SQL on a new database and opens it as the source. */
static inline void shelf_fill(struct shelf *shelf, const char *sql)
{
    sqlite3 *db = NULL;
    char *error = NULL;

    assert_int_equal(sqlite3_open(shelf->database, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) {
        fail_msg("%s", error);
    }
    sqlite3_close(db);
    OK(source_open(shelf->url, SOURCE_READ, &shelf->source, &shelf->msg));
    OK(source_begin(&shelf->source, 1, &shelf->msg));
}

#endif
