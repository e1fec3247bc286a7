#include "base/clock.h"
#include "base/log.h"
#include "source/writer_postgres.h"

enum { PLAN_LIMIT_MS = 60000 };

/* Its tables may be large and in use: it has more time than a job. */
static const char begin_sql[] = "BEGIN; SET LOCAL statement_timeout = '60s'";

static void ask(struct link *link, const char *sql)
{
    if (PQsendQuery(link->conn, sql) != 1 || !link_flush(link)) {
        struct errmsg msg;

        link_complain(link, &msg);
        link_fail(link, &msg);
    }
}

void plan_begin(struct link *link)
{
    link->writer->planner = link;
    link->state = LINK_PLANNING;
    link->limit_ms = monotonic_ms() + PLAN_LIMIT_MS;
    link->plan_step = 0;
    link->is_checking = false;
    ask(link, begin_sql);
}

void plan_on_result(struct link *link, const PGresult *result)
{
    if (link->is_checking && PQresultStatus(result) == PGRES_TUPLES_OK) {
        link->is_made = PQntuples(result) == 1 && strchr("t1", PQgetvalue(result, 0, 0)[0]) != NULL;
    }
}

static void end_plan(struct link *link)
{
    struct writer_postgres *writer = link->writer;

    writer_prepared(&writer->base, writer->plan, true);
    writer->plan = NULL;
    writer->planner = NULL;
    link_make_ready(link);
}

/* The check of the next step, or the end of the transaction. */
static void next_step(struct link *link)
{
    const struct prepare_plan *plan = link->writer->plan;

    link->plan_step++;
    if (link->plan_step <= plan->step_count) {
        link->is_checking = true;
        link->is_made = false;
        ask(link, plan->steps[link->plan_step - 1].check);
    } else if (link->plan_step == plan->step_count + 1) {
        ask(link, "COMMIT");
    } else {
        end_plan(link);
    }
}

void plan_on_end(struct link *link)
{
    const struct prepare_step *step;

    if (!link->is_checking || link->is_made) {
        next_step(link);
        return;
    }
    link->is_checking = false;
    step = &link->writer->plan->steps[link->plan_step - 1];
    if (step->sql[0] == '\0') {
        next_step(link);
        return;
    }
    log_info("source_prepared", "what=\"%s\"", step->what);
    ask(link, step->sql);
}
