#include "source/writer_postgres.h"

/* By the beginning of the SQLSTATE; the first that fits counts. */
static const struct {
    const char *state;
    struct error_meaning meaning;
} meanings[] = {
    {"22", {.outcome = WRITE_INVALID}},                     /* a value outside its range */
    {"23", {.outcome = WRITE_INVALID}},                     /* a constraint */
    {"40001", {.outcome = WRITE_AWAY, .is_passing = true}}, /* somebody else was first */
    {"40P01", {.outcome = WRITE_AWAY, .is_passing = true}}, /* a deadlock */
    {"26000", {.outcome = WRITE_AWAY, .is_passing = true, .is_stale = true}}, /* DEALLOCATE ALL */
    {"25006", {.outcome = WRITE_AWAY, .is_stale = true}},                     /* a standby now */
    {"25P03", {.outcome = WRITE_AWAY}},                   /* idle for too long */
    {"55P03", {.outcome = WRITE_AWAY}},                   /* a lock */
    {"57014", {.outcome = WRITE_AWAY}},                   /* took too long */
    {"57P", {.outcome = WRITE_AWAY, .is_passing = true}}, /* the server ends, or begins */
    {"08", {.outcome = WRITE_AWAY, .is_passing = true}},  /* the connection */
    {"53", {.outcome = WRITE_AWAY}},                      /* no memory, disk or connection left */
    {"58030", {.outcome = WRITE_AWAY}},                   /* the disk */
};

/* By SQLSTATE alone; it has five characters. */
static struct error_meaning state_meaning(const char *state)
{
    for (unsigned i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (strncmp(state, meanings[i].state, strlen(meanings[i].state)) == 0) {
            return meanings[i].meaning;
        }
    }
    return (struct error_meaning){.outcome = WRITE_FAILED};
}

/* A table was made anew with other types under a statement that was prepared. */
static bool is_plan_stale(const PGresult *result, const char *state)
{
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

    return strcmp(state, "0A000") == 0 && function != NULL &&
           strcmp(function, "RevalidateCachedQuery") == 0;
}

struct error_meaning postgres_error_meaning(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (state == NULL) { /* libpq's own: the connection */
        return (struct error_meaning){.outcome = WRITE_AWAY, .is_passing = true};
    }
    if (is_plan_stale(result, state)) {
        return (struct error_meaning){.outcome = WRITE_AWAY, .is_passing = true, .is_stale = true};
    }
    return state_meaning(state);
}

void postgres_error_text(const struct writer_postgres *writer, const PGresult *result,
                         struct errmsg *msg)
{
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    struct buffer line;

    buffer_init(&line, sizeof msg->text);
    postgres_one_line(&line, text == NULL ? PQresultErrorMessage(result) : text);
    err_set(msg, ERR_SOURCE, "%s: %s",
            writer->place.label == NULL ? "postgres" : writer->place.label,
            line.len == 0 ? "the connection is lost" : buffer_str(&line));
    buffer_free(&line);
}
