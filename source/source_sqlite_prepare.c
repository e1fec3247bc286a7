/* What actions need, made in an SQLite source. */
#include "base/log.h"
#include "source/source_sqlite.h"

static enum err is_made(struct source_sqlite *source, const struct prepare_step *step, bool *out,
                        struct errmsg *msg)
{
    int64_t answer = 0;
    enum err rc = sqlite_ask(source, step->check, &answer, msg);

    *out = answer != 0;
    return rc;
}

static enum err make_step(struct source_sqlite *source, const struct prepare_step *step,
                          struct errmsg *msg)
{
    bool is_there = false;
    enum err rc = is_made(source, step, &is_there, msg);

    if (rc != ERR_NONE || is_there) {
        return rc;
    }
    rc = sqlite_run(source, step->sql, msg);
    if (rc != ERR_NONE) {
        return err_wrap(msg, rc, "make %s", step->what);
    }
    log_info("source_prepared", "made=\"%s\"", step->what);
    return ERR_NONE;
}

static enum err make_plan(struct source_sqlite *source, const struct prepare_plan *plan,
                          struct errmsg *msg)
{
    enum err rc = sqlite_run(source, "BEGIN IMMEDIATE", msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    for (unsigned i = 0; rc == ERR_NONE && i < plan->step_count; i++) {
        rc = make_step(source, &plan->steps[i], msg);
    }
    if (rc == ERR_NONE) {
        rc = sqlite_run(source, "COMMIT", msg);
    }
    if (rc != ERR_NONE) {
        (void)sqlite3_exec(source->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return rc;
}

enum err sqlite_prepare(struct source_sqlite *source, const struct prepare_plan *plan,
                        struct errmsg *msg)
{
    bool is_there = true;

    for (unsigned i = 0; is_there && i < plan->step_count; i++) {
        enum err rc = is_made(source, &plan->steps[i], &is_there, msg);

        if (rc != ERR_NONE) {
            return rc;
        }
    }
    return is_there ? ERR_NONE : make_plan(source, plan, msg);
}

enum err sqlite_prepare_source(struct source *base, const struct definition *definition,
                               struct errmsg *msg)
{
    struct prepare_plan *plan = prepare_plan_make(definition, SQL_SQLITE);
    enum err rc = sqlite_prepare((struct source_sqlite *)base, plan, msg);

    prepare_plan_free(plan);
    return rc;
}
