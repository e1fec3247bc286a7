/* What actions need, made in a PostgreSQL source; a writer that is at work makes it without blocking. */
#include <string.h>

#include "base/log.h"
#include "source/prepare_sql.h"
#include "source/source_postgres.h"

static enum err make_step(const struct source_postgres *source, const struct prepare_step *step,
                          struct errmsg *msg)
{
    struct buffer answer;
    bool is_there;
    enum err rc;

    buffer_init(&answer, POSTGRES_SQL_MAX);
    rc = postgres_ask(source, source->main, step->check, &answer, msg);
    is_there = answer.len > 0 && strchr("t1", answer.ptr[0]) != NULL;
    buffer_free(&answer);
    if (rc != ERR_NONE || is_there || step->sql[0] == '\0') {
        return rc;
    }
    rc = postgres_run(source, source->main, step->sql, msg);
    if (rc != ERR_NONE) {
        return err_wrap(msg, rc, "make %s", step->what);
    }
    log_info("source_prepared", "made=\"%s\"", step->what);
    return ERR_NONE;
}

enum err postgres_prepare_source(struct source *base, const struct definition *definition,
                                 struct errmsg *msg)
{
    struct source_postgres *source = (struct source_postgres *)base;
    struct prepare_plan *plan = prepare_plan_make(definition, SQL_POSTGRES);
    enum err rc = postgres_run(source, source->main, "BEGIN", msg);

    for (unsigned i = 0; rc == ERR_NONE && i < plan->step_count; i++) {
        rc = make_step(source, &plan->steps[i], msg);
    }
    if (rc == ERR_NONE) {
        rc = postgres_run(source, source->main, "COMMIT", msg);
    } else {
        struct errmsg ignored; /* the first error is the one to tell */
        enum err rolled_back = postgres_run(source, source->main, "ROLLBACK", &ignored);

        (void)rolled_back;
    }
    prepare_plan_free(plan);
    return rc;
}
