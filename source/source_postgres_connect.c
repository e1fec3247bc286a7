#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "source/source_postgres.h"
#include "source/source_postgres_wait.h"

enum {
    ERROR_MAX = 4096,              /* bytes of a text of libpq that is passed on */
    LEAST_SERVER_VERSION = 130000, /* the first with pg_current_snapshot */
};

/* ---- the URL ---- */

enum err postgres_read_place(struct source_postgres *source, const char *place, struct errmsg *msg)
{
    bool is_url = strncmp(place, "//", 2) == 0;
    char *problem = NULL;
    struct buffer text;
    enum err rc = ERR_NONE;

    buffer_init(&text, SIZE_MAX / 2);
    buffer_printf(&text, "%s%s", is_url ? "postgresql:" : "", place);
    source->options = PQconninfoParse(buffer_str(&text), &problem);
    if (source->options == NULL) {
        postgres_without_quoted(&text, problem == NULL ? "no memory" : problem);
        rc = err_set(msg, ERR_USAGE,
                     "the source is neither postgres://USER@HOST/DATABASE nor "
                     "postgres:KEYWORD=VALUE ...: %s",
                     buffer_str(&text));
    }
    PQfreemem(problem);
    buffer_free(&text);
    return rc;
}

static const PQconninfoOption *find_option(const struct source_postgres *source, const char *name)
{
    const PQconninfoOption *option = source->options;

    while (option->keyword != NULL && strcmp(option->keyword, name) != 0) {
        option++;
    }
    return option->keyword == NULL ? NULL : option;
}

/* ---- what we ask for unless somebody else decided ---- */

static const struct preference {
    const char *name;
    const char *value;
} preferences[] = {
    {"connect_timeout", "10"}, {"keepalives_idle", "30"},     {"keepalives_interval", "10"},
    {"keepalives_count", "3"}, {"tcp_user_timeout", "60000"},
};

/* A service file may hold any of them, and what is given here would win over it. */
static bool names_service(const struct source_postgres *source)
{
    const PQconninfoOption *service = find_option(source, "service");

    return (service != NULL && service->val != NULL) || getenv("PGSERVICE") != NULL;
}

static bool is_open_to_us(const struct source_postgres *source, const char *name)
{
    const PQconninfoOption *option = find_option(source, name);

    return option != NULL && option->val == NULL &&
           (option->envvar == NULL || getenv(option->envvar) == NULL);
}

static void add_parameter(struct postgres_parameters *parameters, const char *name,
                          const char *value)
{
    if (parameters->count < POSTGRES_PARAMETERS_MAX - 1) {
        parameters->names[parameters->count] = name;
        parameters->values[parameters->count++] = value;
    }
}

void postgres_collect_parameters(const struct source_postgres *source,
                                 struct postgres_parameters *out)
{
    memset(out, 0, sizeof *out);
    for (const PQconninfoOption *option = source->options; option->keyword != NULL; option++) {
        if (option->val != NULL && strcmp(option->keyword, "client_encoding") != 0) {
            add_parameter(out, option->keyword, option->val);
        }
    }
    for (unsigned i = 0; i < sizeof preferences / sizeof preferences[0]; i++) {
        if (!names_service(source) && is_open_to_us(source, preferences[i].name)) {
            add_parameter(out, preferences[i].name, preferences[i].value);
        }
    }
    add_parameter(out, "fallback_application_name", "vitrine");
    add_parameter(out, "client_encoding", "UTF8");
}

/*
 * What a session needs (always), and what it should have unless the role, the database or the
 * connection string says otherwise. The server's configuration file is meant for requests, not for
 * builds: its time-outs do not count here.
 */
static const char session_sql[] =
    "SELECT set_config(s.name, w.value, false) FROM (VALUES"
    " ('TimeZone', 'UTC', true), ('client_min_messages', 'warning', true),"
    " ('standard_conforming_strings', 'on', true),"
    " ('idle_in_transaction_session_timeout', '0', true), ('idle_session_timeout', '0', true),"
    " ('statement_timeout', '1h', false), ('lock_timeout', '30s', false),"
    " ('client_connection_check_interval', '5s', false), ('jit', 'off', false)"
    ") AS w (name, value, is_needed) JOIN pg_catalog.pg_settings AS s ON s.name = w.name"
    " WHERE w.is_needed OR s.source NOT IN ('client', 'user', 'database', 'database user')";

static const char loading_sql[] =
    "SELECT set_config(name, '256MB', false) FROM pg_catalog.pg_settings"
    " WHERE name = 'maintenance_work_mem' AND source = 'default'";

static const char reading_sql[] = "SET default_transaction_read_only = on";

void postgres_on_notice(void *arg, const char *text)
{
    struct buffer line;

    (void)arg;
    buffer_init(&line, ERROR_MAX);
    postgres_one_line(&line, text);
    log_warn("postgres_notice", "text=\"%s\"", buffer_str(&line));
    buffer_free(&line);
}

/* Where a connection was had before, the server has only gone away. */
static enum err connect_error(const struct source_postgres *source, PGconn *conn,
                              struct errmsg *msg)
{
    enum err rc = source->main == NULL ? ERR_SOURCE : ERR_LOST;
    struct buffer line;

    buffer_init(&line, ERROR_MAX);
    postgres_one_line(&line, PQerrorMessage(conn));
    err_set(msg, rc, "postgres: %s", buffer_str(&line));
    buffer_free(&line);
    return rc;
}

static void name_source(struct source_postgres *source, const char *database)
{
    struct buffer label;

    buffer_init(&label, SIZE_MAX / 2);
    buffer_printf(&label, "postgres %s", database);
    source->label = memory_copy_str(buffer_str(&label));
    buffer_free(&label);
}

enum err postgres_check_server(struct source_postgres *source, const PGconn *conn,
                               struct errmsg *msg)
{
    int version = PQserverVersion(conn);

    if (source->label == NULL) {
        name_source(source, PQdb(conn));
    }
    if (version >= LEAST_SERVER_VERSION) {
        return ERR_NONE;
    }
    return err_set(msg, ERR_SOURCE, "%s: the server is PostgreSQL %d; %d or later is needed",
                   source->label, version / 10000, LEAST_SERVER_VERSION / 10000);
}

enum err postgres_connect(struct source_postgres *source, PGconn **out, struct errmsg *msg)
{
    struct postgres_parameters parameters;
    PGconn *conn;
    enum err rc = ERR_NONE;

    postgres_collect_parameters(source, &parameters);
    conn = PQconnectdbParams(parameters.names, parameters.values, 0);
    if (PQstatus(conn) != CONNECTION_OK) {
        rc = connect_error(source, conn, msg);
        goto out;
    }
    PQsetNoticeProcessor(conn, postgres_on_notice, NULL);
    rc = postgres_check_server(source, conn, msg);
    if (rc == ERR_NONE) {
        rc = postgres_run(source, conn, session_sql, msg);
    }
    if (rc == ERR_NONE) {
        rc = postgres_run(source, conn, source->mode == SOURCE_READ ? reading_sql : loading_sql,
                          msg);
    }
out:
    if (rc != ERR_NONE) {
        PQfinish(conn);
        return rc;
    }
    *out = conn;
    return ERR_NONE;
}

/* ---- statements ---- */

static enum err run(const struct source_postgres *source, PGconn *conn, const char *sql,
                    PGresult **out, struct errmsg *msg)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    enum err rc = ERR_NONE;

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        rc = postgres_error(source, conn, result, sql, msg);
        PQclear(result);
        return rc;
    }
    *out = result;
    return ERR_NONE;
}

enum err postgres_run(const struct source_postgres *source, PGconn *conn, const char *sql,
                      struct errmsg *msg)
{
    PGresult *result = NULL;
    enum err rc = run(source, conn, sql, &result, msg);

    PQclear(result);
    return rc;
}

enum err postgres_ask(const struct source_postgres *source, PGconn *conn, const char *sql,
                      struct buffer *out, struct errmsg *msg)
{
    PGresult *result = NULL;
    enum err rc = run(source, conn, sql, &result, msg);

    if (rc == ERR_NONE && (PQntuples(result) != 1 || PQnfields(result) != 1)) {
        rc = err_set(msg, ERR_SOURCE, "%s: %d rows where one is expected (in: %s)", source->label,
                     PQntuples(result), sql);
    }
    if (rc == ERR_NONE) {
        buffer_append(out, PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0));
    }
    PQclear(result);
    return rc;
}

/* ---- connections of streams ---- */

static enum err begin_stream(const struct source_postgres *source, PGconn *conn, struct errmsg *msg)
{
    struct buffer sql;
    enum err rc;

    if (PQtransactionStatus(conn) == PQTRANS_INTRANS) {
        return ERR_NONE; /* of this snapshot, after an earlier stream */
    }
    rc = postgres_run(source, conn, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", msg);
    if (rc != ERR_NONE || !source->in_snapshot) {
        return rc;
    }
    buffer_init(&sql, POSTGRES_SQL_MAX);
    buffer_printf(&sql, "SET TRANSACTION SNAPSHOT '%s'", source->snapshot);
    rc = postgres_run(source, conn, buffer_str(&sql), msg);
    buffer_free(&sql);
    return rc == ERR_SOURCE ? ERR_LOST : rc; /* the session that holds it has ended */
}

enum err postgres_borrow(struct source_postgres *source, PGconn **out, struct errmsg *msg)
{
    PGconn *conn = NULL;
    enum err rc = ERR_NONE;

    if (source->idle_count > 0) {
        conn = source->idle[--source->idle_count];
    } else {
        rc = postgres_connect(source, &conn, msg);
    }
    if (rc == ERR_NONE) {
        rc = begin_stream(source, conn, msg);
    }
    if (rc != ERR_NONE) {
        PQfinish(conn);
        return rc;
    }
    *out = conn;
    return ERR_NONE;
}

static bool rolls_back(PGconn *conn)
{
    PGresult *result = PQexec(conn, "ROLLBACK");
    bool is_done = PQresultStatus(result) == PGRES_COMMAND_OK;

    PQclear(result);
    return is_done;
}

void postgres_return(struct source_postgres *source, PGconn *conn, bool is_clean)
{
    if (!is_clean) { /* it would go on until it next tries to send a row */
        postgres_cancel(conn);
    }
    if (!is_clean || source->idle_count == POSTGRES_IDLE_MAX ||
        (!source->in_snapshot && !rolls_back(conn))) {
        PQfinish(conn);
        return;
    }
    source->idle[source->idle_count++] = conn;
}

void postgres_end_idle(struct source_postgres *source)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < source->idle_count; i++) {
        if (rolls_back(source->idle[i])) {
            source->idle[kept++] = source->idle[i];
        } else {
            PQfinish(source->idle[i]);
        }
    }
    source->idle_count = kept;
}
