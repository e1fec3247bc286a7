#include "source/prepare_sql.h"

#include <inttypes.h>
#include <stdlib.h>

#include "source/prepare_dialect.h"
#include "source/sql_text.h"

static const struct prepare_dialect *const dialects[SQL_DIALECTS] = {
    [SQL_SQLITE] = &prepare_sqlite,
    [SQL_POSTGRES] = &prepare_postgres,
};

/* ---- steps ---- */

static const char *keep(struct prepare_plan *plan, const struct buffer *text)
{
    return arena_copy(&plan->arena, buffer_slice(text)).ptr;
}

static void add_step(struct prepare_plan *plan, struct prepare_draft *draft)
{
    plan->steps[plan->step_count++] = (struct prepare_step){
        .what = keep(plan, &draft->what),
        .check = keep(plan, &draft->check),
        .sql = keep(plan, &draft->sql),
    };
    buffer_clear(&draft->what);
    buffer_clear(&draft->check);
    buffer_clear(&draft->sql);
}

static void append_rows(struct buffer *sql, const struct prepare_dialect *dialect,
                        const struct table *table)
{
    buffer_append_str(sql, "; INSERT INTO ");
    sql_append_name(sql, table->name);
    buffer_append_str(sql, " VALUES ");
    for (unsigned row = 0; row < table->row_count; row++) {
        for (unsigned i = 0; i < table->column_count; i++) {
            buffer_append_str(sql, i > 0 ? ", " : row > 0 ? ", (" : "(");
            dialect->append_value(sql, &table->columns[i],
                                  &table->rows[row * table->column_count + i]);
        }
        buffer_append_byte(sql, ')');
    }
}

static void draft_table(struct prepare_draft *draft, const struct prepare_dialect *dialect,
                        const struct table *table)
{
    buffer_printf(&draft->what, "table %.*s", SLICE_ARG(table->name));
    dialect->append_check(&draft->check, table->name);
    dialect->append_table(&draft->sql, table);
    if (table->row_count > 0) {
        append_rows(&draft->sql, dialect, table);
    }
    if (dialect->append_after_rows != NULL) {
        dialect->append_after_rows(&draft->sql, table);
    }
}

static void draft_own_table(struct prepare_draft *draft, const struct prepare_dialect *dialect,
                            const struct prepare_own_table *own)
{
    buffer_printf(&draft->what, "table %s", own->name);
    dialect->append_check(&draft->check, slice_str(own->name));
    buffer_append_str(&draft->sql, own->sql);
}

static void add_steps(struct prepare_plan *plan, const struct definition *definition,
                      const struct prepare_dialect *dialect, struct prepare_draft *draft)
{
    if (dialect->lock != NULL) {
        buffer_append_str(&draft->what, "the right to prepare");
        buffer_append_str(&draft->check, dialect->lock);
        add_step(plan, draft);
    }
    for (unsigned i = 0; i < dialect->own_count; i++) {
        draft_own_table(draft, dialect, &dialect->own[i]);
        add_step(plan, draft);
    }
    for (unsigned i = 0; i < definition->table_count; i++) {
        const struct table *table = &definition->tables[i];

        if (!table_has_file(table)) {
            draft_table(draft, dialect, table);
            add_step(plan, draft);
        } else if (dialect->draft_imported != NULL && dialect->draft_imported(draft, table)) {
            add_step(plan, draft);
        }
    }
}

/* ---- the plan ---- */

struct prepare_plan *prepare_plan_make(const struct definition *definition,
                                       enum sql_dialect dialect)
{
    struct prepare_plan *plan = memory_calloc(1, sizeof *plan);
    unsigned most = 1 + dialects[dialect]->own_count + definition->table_count;
    struct prepare_draft draft;

    arena_init(&plan->arena, 4096);
    plan->steps = arena_calloc(&plan->arena, most, sizeof *plan->steps);
    buffer_init(&draft.what, SIZE_MAX / 2);
    buffer_init(&draft.check, SIZE_MAX / 2);
    buffer_init(&draft.sql, SIZE_MAX / 2);
    add_steps(plan, definition, dialects[dialect], &draft);
    buffer_free(&draft.what);
    buffer_free(&draft.check);
    buffer_free(&draft.sql);
    return plan;
}

void prepare_plan_free(struct prepare_plan *plan)
{
    if (plan != NULL) {
        arena_free(&plan->arena);
        free(plan);
    }
}

/* ---- what the dialects share ---- */

void prepare_append_plain(struct buffer *sql, const struct value *value)
{
    switch (value->type) {
    case VALUE_NULL:
        buffer_append_str(sql, "NULL");
        break;
    case VALUE_INTEGER:
        buffer_printf(sql, "%" PRId64, value->integer);
        break;
    case VALUE_REAL:
        buffer_printf(sql, "%.17g", value->real);
        break;
    default:
        sql_append_text(sql, value->text);
        break;
    }
}
