#include "source/source_postgres.h"

void postgres_one_line(struct buffer *out, const char *text)
{
    bool is_blank = false;

    buffer_clear(out);
    for (; *text != '\0'; text++) {
        if (*text == '\n' || *text == '\t' || *text == ' ') {
            is_blank = true;
            continue;
        }
        if (is_blank && out->len > 0) {
            buffer_append_byte(out, ' ');
        }
        is_blank = false;
        buffer_append_byte(out, *text);
    }
}

void postgres_without_quoted(struct buffer *out, const char *text)
{
    struct buffer line;
    const char *p;

    buffer_init(&line, out->max);
    postgres_one_line(&line, text);
    buffer_clear(out);
    p = buffer_str(&line);
    while (*p != '\0') {
        const char *end = *p == '"' ? strchr(p + 1, '"') : NULL;

        if (end == NULL) {
            buffer_append_byte(out, *p++);
        } else if (strncmp(p, "\"=\"", 3) == 0) {
            buffer_append(out, p, 3);
            p = end + 1;
        } else {
            buffer_append_str(out, "\"...\"");
            p = end + 1;
        }
    }
    buffer_free(&line);
}

/* What helps, by SQLSTATE. */
static const struct advice {
    const char *state;
    const char *text;
} advices[] = {
    {"42P01", "; `vitrine import` makes the tables of a definition"},
    {"42501", "; docs/operations.md has the grants that are needed"},
    {"57014", "; a longer one can be set for the role: ALTER ROLE ... SET statement_timeout"},
    {"55P03", "; somebody holds the table; ALTER ROLE ... SET lock_timeout waits longer"},
};

static const char *advice_for(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    for (unsigned i = 0; state != NULL && i < sizeof advices / sizeof advices[0]; i++) {
        if (strcmp(state, advices[i].state) == 0) {
            return advices[i].text;
        }
    }
    return "";
}

/* Whether a new connection, or a new snapshot, may do what this one could not. */
static bool is_lost(const PGconn *conn, const PGresult *result)
{
    static const char *const states[] = {
        "08",                      /* connection exceptions */
        "57P01",                   /* the server, or an administrator, ended the session */
        "57P02", "57P03", "40001", /* a standby could not keep the snapshot any longer */
    };
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    for (unsigned i = 0; state != NULL && i < sizeof states / sizeof states[0]; i++) {
        if (strncmp(state, states[i], strlen(states[i])) == 0) {
            return true;
        }
    }
    return PQstatus(conn) == CONNECTION_BAD;
}

static void append_field(struct buffer *text, const PGresult *result, int field)
{
    const char *value = PQresultErrorField(result, field);

    if (value != NULL) {
        buffer_printf(text, "%s%s", text->len == 0 ? "" : "; ", value);
    }
}

enum err postgres_error(const struct source_postgres *source, PGconn *conn, const PGresult *result,
                        const char *sql, struct errmsg *msg)
{
    struct buffer text;
    struct buffer line;
    struct buffer shown;
    enum err rc;

    buffer_init(&text, sizeof msg->text);
    buffer_init(&line, sizeof msg->text);
    buffer_init(&shown, POSTGRES_SQL_MAX);
    append_field(&text, result, PG_DIAG_MESSAGE_PRIMARY);
    append_field(&text, result, PG_DIAG_MESSAGE_DETAIL);
    append_field(&text, result, PG_DIAG_MESSAGE_HINT);
    if (text.len == 0) {
        buffer_append_str(&text, PQerrorMessage(conn));
    }
    postgres_one_line(&line, buffer_str(&text));
    postgres_one_line(&shown, sql);
    rc = is_lost(conn, result) ? ERR_LOST : ERR_SOURCE;
    err_set(msg, rc, "%s: %s%s (in: %.*s%s)", source->label,
            line.len == 0 ? "the connection is lost" : buffer_str(&line), advice_for(result),
            POSTGRES_STATEMENT_SHOWN, buffer_str(&shown),
            shown.len > POSTGRES_STATEMENT_SHOWN ? "..." : "");
    buffer_free(&text);
    buffer_free(&line);
    buffer_free(&shown);
    return rc;
}
