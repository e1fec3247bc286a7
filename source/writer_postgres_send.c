#include <stdio.h>
#include <xxhash.h>

#include "base/timestamp.h"
#include "source/writer_postgres.h"

/* ---- statements that a connection knows ---- */

static uint64_t call_hash(struct slice sql, const struct call *call)
{
    return XXH3_64bits_withSeed(sql.ptr, sql.len,
                                XXH3_64bits(call->types, call->count * sizeof call->types[0]));
}

static struct prepared *find_prepared(struct link *link, struct slice sql, const struct call *call)
{
    uint64_t hash = call_hash(sql, call);
    struct prepared **bucket = &link->prepared[hash & (LINK_PREPARED_BUCKETS - 1)];
    struct prepared *prepared = *bucket;

    while (prepared != NULL && prepared->hash != hash) {
        prepared = prepared->next;
    }
    if (prepared == NULL) {
        prepared = arena_calloc(&link->arena, 1, sizeof *prepared);
        prepared->hash = hash;
        snprintf(prepared->name, sizeof prepared->name, "s%016llx", (unsigned long long)hash);
        prepared->next = *bucket;
        *bucket = prepared;
        link->prepared_count++;
    }
    return prepared;
}

static bool prepare(struct link *link, struct prepared *prepared, struct slice sql,
                    const struct call *call)
{
    prepared->is_asked = true;
    if (!prepared->is_there) {
        link_push(link, ITEM_PREPARE, 0, prepared);
        if (PQsendPrepare(link->conn, prepared->name, sql.ptr, (int)call->count, call->types) !=
            1) {
            return false;
        }
    }
    link_push(link, ITEM_DESCRIBE, 0, prepared);
    return PQsendDescribePrepared(link->conn, prepared->name) == 1;
}

/* ---- parameters ---- */

static const struct statement *statement_at(const struct link *link, unsigned number)
{
    return &link->run.job->action->statements[number];
}

static unsigned item_count(const struct write_job *job, const struct statement *statement)
{
    return statement->each < 0 ? 1 : job->items[statement->each].count;
}

static void fill_call(const struct write_job *job, const struct statement *statement, unsigned item,
                      struct call *call)
{
    call->count = 0;
    for (unsigned i = 0; i < statement->binding_count[SQL_POSTGRES]; i++) {
        const struct binding *binding = &statement->bindings[SQL_POSTGRES][i];
        struct value value = writer_bound_value(job, binding, item);

        call_add(call, &binding->scalar, &value);
    }
}

/* ---- statements ---- */

/* Whether STATEMENT takes what a statement from FIRST on returns: those are not answered yet. */
static bool needs_results(const struct statement *statement, unsigned first)
{
    for (unsigned i = 0; i < statement->binding_count[SQL_POSTGRES]; i++) {
        const struct binding *binding = &statement->bindings[SQL_POSTGRES][i];

        if (binding->kind == BINDING_RETURNED && binding->statement >= first) {
            return true;
        }
    }
    return false;
}

/* What comes back is known before the statement is run for the first time. */
static bool columns_fit(struct link *link, const struct statement *statement,
                        const struct prepared *prepared)
{
    struct write_job *job = link->run.job;

    if (statement->return_count > 0 && prepared->column_count != statement->return_count) {
        err_set(&job->msg, ERR_SOURCE, "%s: %u columns come back where %u are declared (in: %.*s)",
                link->writer->place.label, prepared->column_count, statement->return_count,
                SLICE_ARG(statement->sql[SQL_POSTGRES]));
        return false;
    }
    for (unsigned i = 0; i < statement->return_count; i++) {
        const struct returned *returned = &statement->returns[i];

        if (!writer_column_fits(&returned->scalar, prepared->columns[i])) {
            err_set(&job->msg, ERR_SOURCE,
                    "%s: %.*s comes back with a type that is no %s; cast it in the statement",
                    link->writer->place.label, SLICE_ARG(returned->name),
                    scalar_type_name(returned->scalar.type));
            return false;
        }
    }
    return true;
}

static bool begin(struct link *link)
{
    const struct action *action = link->run.job->action;

    link->run.has_begun = true;
    return link_send_own(
        link, action->only_reads && link->run.job->key.len == 0 ? OWN_BEGIN_READING : OWN_BEGIN,
        NULL);
}

/*
 * Finds the statements from FIRST on that need no results among those that the connection knows, and
 * sends the preparation of the others. All of them are sure to be sent, or none: without a BEGIN the Sync
 * commits what stands before it.
 */
static bool look_over(struct link *link, unsigned first, bool *is_unknown)
{
    const struct write_job *job = link->run.job;

    *is_unknown = false;
    for (unsigned i = first; i < job->action->statement_count; i++) {
        const struct statement *statement = statement_at(link, i);
        struct prepared *prepared;
        struct call call;

        if (item_count(job, statement) == 0 || needs_results(statement, first)) {
            continue;
        }
        fill_call(job, statement, 0, &call);
        prepared = find_prepared(link, statement->sql[SQL_POSTGRES], &call);
        link->run.known[i] = prepared;
        if (!prepared->is_described) {
            *is_unknown = true;
            if (!prepared->is_asked &&
                !prepare(link, prepared, statement->sql[SQL_POSTGRES], &call)) {
                return false;
            }
        } else if (!columns_fit(link, statement, prepared)) {
            run_fail(link, WRITE_FAILED);
        }
    }
    return true;
}

/* Once for each item, with types that are the same for all of them. */
static bool send_statement(struct link *link, unsigned number)
{
    const struct write_job *job = link->run.job;
    const struct statement *statement = statement_at(link, number);
    struct prepared *prepared = link->run.known[number];
    unsigned count = item_count(job, statement);
    struct call call;

    for (unsigned i = 0; i < count; i++) {
        fill_call(job, statement, i, &call);
        link_push(link, ITEM_STATEMENT, number, NULL);
        if (PQsendQueryPrepared(link->conn, prepared->name, (int)call.count, call.values,
                                call.lengths, call.formats, 1) != 1) {
            return false;
        }
    }
    return true;
}

/* ---- transactions ---- */

/* PREPARED is NULL for a statement that is not run. */
static bool column_may_fail(const struct statement *statement, const struct prepared *prepared,
                            unsigned column)
{
    const struct scalar *scalar = &statement->returns[column].scalar;

    return scalar->type == SCALAR_TEXT || scalar->type == SCALAR_DECIMAL ||
           (prepared != NULL && writer_column_may_fail(scalar, prepared->columns[column]));
}

/*
 * Whether `reply` may find what it cannot say: a text beyond what an answer may have, a decimal beyond 64
 * bits, an integer with a fraction. Integers beyond 64 bits come as digits.
 */
static bool reply_may_fail(const struct run *run)
{
    const struct action *action = run->job->action;

    for (unsigned i = 0; action->is_json && i < action->statement_count; i++) {
        const struct statement *statement = &action->statements[i];

        for (unsigned column = 0; column < statement->return_count; column++) {
            if (column_may_fail(statement, run->known[i], column)) {
                return true;
            }
        }
    }
    return false;
}

/* Nothing that comes back of statements FIRST.. can forbid the COMMIT any more. */
static bool is_decided(const struct run *run, unsigned first)
{
    const struct action *action = run->job->action;

    if (run->job->key.len > 0 || (!action->only_reads && reply_may_fail(run))) {
        return false; /* the answer is kept, or at least written, first */
    }
    for (unsigned i = first; i < action->statement_count && !action->only_reads; i++) {
        if (action->statements[i].missing.status != 0 || action->statements[i].is_rows) {
            return false;
        }
    }
    return true;
}

/* What begins otherwise may change something and yet find nothing: WITH, a comment before it, functions. */
static bool begins_with_change(struct slice sql)
{
    static const char *const words[] = {"insert", "update", "delete"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (sql.len >= strlen(words[i]) && strncasecmp(sql.ptr, words[i], strlen(words[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* One statement that is run once, and that changed nothing when it found nothing. */
static bool is_single(const struct run *run)
{
    const struct action *action = run->job->action;
    const struct statement *only = &action->statements[0];

    return run->job->key.len == 0 && action->statement_count == 1 && only->each < 0 &&
           !only->is_rows && begins_with_change(only->sql[SQL_POSTGRES]) && !reply_may_fail(run);
}

/*
 * What is sent up to one Sync is one transaction by itself. Without BEGIN then, unless several reads
 * are to see one state.
 */
static bool needs_begin(const struct link *link)
{
    const struct write_job *job = link->run.job;
    const struct action *action = job->action;

    if (link->run.has_begun) {
        return false;
    }
    if (action->only_reads && job->key.len == 0) {
        return action->statement_count > 1;
    }
    if (is_single(&link->run)) {
        return false;
    }
    for (unsigned i = 0; i < action->statement_count; i++) {
        if (needs_results(&action->statements[i], 0)) {
            return true;
        }
    }
    return !is_decided(&link->run, 0);
}

/* Without a COMMIT of its own a transaction ends with the Sync. */
static bool end_transaction(struct link *link)
{
    const struct write_job *job = link->run.job;
    bool writes = !job->action->only_reads || job->key.len > 0;

    link->run.may_be_committed = true;
    if (writes && !link_send_own(link, OWN_POSITION, NULL)) {
        return false;
    }
    return !link->run.has_begun || link_send_own(link, OWN_COMMIT, NULL);
}

bool run_send_statements(struct link *link)
{
    struct run *run = &link->run;
    const struct action *action = run->job->action;
    unsigned first = run->next;
    bool is_unknown;

    if (!look_over(link, first, &is_unknown)) {
        return false;
    }
    if (is_unknown || run->has_failed) {
        return link_sync(link);
    }
    if (needs_begin(link) && !begin(link)) {
        return false;
    }
    for (; run->next < action->statement_count; run->next++) {
        if (needs_results(&action->statements[run->next], first)) {
            return link_sync(link);
        }
        if (!send_statement(link, run->next)) {
            return false;
        }
    }
    if ((!run->has_begun || is_decided(run, first)) && !end_transaction(link)) {
        return false;
    }
    return link_sync(link);
}

bool run_send_claim(struct link *link)
{
    const struct write_job *job = link->run.job;
    struct call call = {.count = 0};

    call_add_text(&call, job->key);
    call_add_integer(&call, (int64_t)job->fingerprint);
    call_add_integer(&call, job->now_ms + link->writer->base.options.keep_keys_ms);
    call_add_integer(&call, job->now_ms);
    return begin(link) && link_send_own(link, OWN_CLAIM, &call) && link_sync(link);
}

/* The transaction has changed nothing, so it need not be made durable. */
bool run_send_replay(struct link *link)
{
    struct call call = {.count = 0};

    call_add_text(&call, link->run.job->key);
    return link_send_own(link, OWN_REPLAY, &call) && run_send_rollback(link);
}

bool run_send_commit(struct link *link)
{
    const struct write_job *job = link->run.job;
    struct call call = {.count = 0};

    if (job->key.len > 0) {
        call_add_text(&call, job->key);
        call_add_integer(&call, job->status);
        call_add_text(&call, buffer_slice(&job->body));
        if (!link_send_own(link, OWN_KEEP, &call)) {
            return false;
        }
    }
    return end_transaction(link) && link_sync(link);
}

bool run_send_rollback(struct link *link)
{
    return link_send_own(link, OWN_ROLLBACK, NULL) && link_sync(link);
}

bool run_send_sweep(struct link *link)
{
    struct call call = {.count = 0};

    call_add_integer(&call, timestamp_now_ms());
    return link_send_own(link, OWN_SWEEP, &call) && link_sync(link);
}
