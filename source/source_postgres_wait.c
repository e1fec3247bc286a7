#include "source/source_postgres_wait.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum { WAIT_MS = 100 /* between looks at the stop flag */ };

void postgres_cancel(PGconn *conn)
{
    PGcancel *cancelling = PQstatus(conn) == CONNECTION_OK ? PQgetCancel(conn) : NULL;
    char ignored[256];

    if (cancelling != NULL) {
        PQcancel(cancelling, ignored, sizeof ignored);
        PQfreeCancel(cancelling);
    }
}

/* Waits a moment for EVENTS; false when the connection is lost. */
static bool wait_a_moment(PGconn *conn, short events)
{
    struct pollfd socket = {.fd = PQsocket(conn), .events = events};

    if (poll(&socket, 1, WAIT_MS) < 0 && errno != EINTR) {
        return false;
    }
    return (socket.revents & (POLLIN | POLLHUP | POLLERR)) == 0 || PQconsumeInput(conn) == 1;
}

/* ---- results ---- */

/* The next result, or NULL behind the last; a signal cancels the statement, which then fails. */
static PGresult *next_result(PGconn *conn, struct source_step *step, bool *is_cancelled)
{
    while (PQisBusy(conn) != 0) {
        if (!source_step_goes_on(step) && !*is_cancelled) {
            *is_cancelled = true;
            postgres_cancel(conn);
        }
        if (!wait_a_moment(conn, POLLIN)) {
            break;
        }
    }
    return PQgetResult(conn);
}

enum err postgres_wait_results(const struct source_postgres *source, PGconn *conn, const char *sql,
                               struct source_step *step, struct errmsg *msg)
{
    enum err rc = ERR_NONE;
    bool is_cancelled = false;
    PGresult *result;

    while ((result = next_result(conn, step, &is_cancelled)) != NULL) {
        ExecStatusType status = PQresultStatus(result);

        if (rc == ERR_NONE && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            rc = postgres_error(source, conn, result, sql, msg);
        }
        PQclear(result);
        if (PQstatus(conn) != CONNECTION_OK) {
            break;
        }
    }
    return is_cancelled ? source_step_interrupted(step, msg) : rc;
}

enum err postgres_run_step(const struct source_postgres *source, PGconn *conn, const char *sql,
                           struct source_step *step, struct errmsg *msg)
{
    if (PQsendQuery(conn, sql) != 1) {
        return postgres_error(source, conn, NULL, sql, msg);
    }
    return postgres_wait_results(source, conn, sql, step, msg);
}

/* ---- COPY ---- */

/*
 * While it takes rows the server says nothing, unless something is wrong: it then drops what still
 * comes until the end is announced. libpq shows the message only behind that end, so this looks at
 * what lies in the socket. Through TLS, and when libpq has read it already, the trouble is told at the
 * end.
 */
bool postgres_complains(PGconn *conn)
{
    char type;

    return PQsslInUse(conn) == 0 && recv(PQsocket(conn), &type, 1, MSG_PEEK | MSG_DONTWAIT) == 1 &&
           type == 'E';
}

enum err postgres_flush(const struct source_postgres *source, PGconn *conn, const char *sql,
                        struct source_step *step, struct errmsg *msg)
{
    for (;;) {
        int left = PQflush(conn);
        struct pollfd socket = {.fd = PQsocket(conn), .events = POLLOUT};

        if (left < 0) {
            return postgres_error(source, conn, NULL, sql, msg);
        }
        if (left == 0) {
            return ERR_NONE;
        }
        if (!source_step_goes_on(step)) {
            return source_step_interrupted(step, msg);
        }
        if (poll(&socket, 1, WAIT_MS) < 0 && errno != EINTR) {
            return err_sys(msg, errno, "poll");
        }
    }
}
