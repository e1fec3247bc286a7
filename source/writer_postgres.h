/*
 * What the files of the PostgreSQL writer share: writer_postgres.c (the thread: who connects, who gets a
 * job), writer_postgres_link.c (a connection: opening, sending, receiving), writer_postgres_plan.c (what
 * has to be made in the source), writer_postgres_run.c (a job on a connection), writer_postgres_send.c
 * (its statements), writer_postgres_receive.c (their results), writer_postgres_error.c (what an error
 * means for a job) and writer_postgres_values.c (values).
 *
 * A link is one connection and the job that it is at; a job has it for itself. Everything that needs no
 * result of what stands before it is sent at once and ends with a Sync; the COMMIT is among it when
 * nothing that comes back can forbid it.
 *
 *          +--------------- any trouble: closed, tried again later ---------------+
 *          v                                                                      |
 *        DOWN --> CONNECTING --> SETTING --> [PLANNING -->] READYING --> IDLE <--> BUSY
 *                                                ^                        |
 *                                                +--- another definition -+
 *
 * Thread-safety: all of it belongs to the writer's thread.
 */
#ifndef VITRINE_SOURCE_WRITER_POSTGRES_H
#define VITRINE_SOURCE_WRITER_POSTGRES_H

#include "base/arena.h"
#include "source/source_postgres.h"
#include "source/writer_driver.h"
#include "source/writer_postgres_values.h"

enum {
    RUN_ATTEMPTS_MAX = 4,     /* of a job: deadlocks, lost connections */
    LINK_PREPARED_MAX = 2000, /* statements that a connection remembers; then it is opened anew */
    LINK_PREPARED_BUCKETS = 512, /* a power of two */
};

struct writer_postgres;

/* ---- statements of our own ---- */

enum own_statement {
    OWN_BEGIN,
    OWN_BEGIN_READING,
    OWN_COMMIT,
    OWN_ROLLBACK,
    OWN_CLAIM,    /* a key, fingerprint, expiry, now: one row when the key is ours */
    OWN_REPLAY,   /* a key: fingerprint, status, body, and a position that is late enough */
    OWN_KEEP,     /* a key, status, body */
    OWN_POSITION, /* the number of this transaction, or null */
    OWN_SWEEP,    /* now: deletes some keys that have expired */
    OWN_STATEMENTS,
};

/* A statement of an action that a connection has prepared, for one list of parameter types. */
struct prepared {
    struct prepared *next; /* in its bucket */
    uint64_t hash;         /* of SQL text and types; its name */
    char name[20];
    bool is_asked;     /* what follows is on its way */
    bool is_there;     /* Parse was confirmed */
    bool is_described; /* its columns are known */
    unsigned column_count;
    Oid *columns;
};

/* ---- what is sent and not answered yet ---- */

enum item_kind {
    ITEM_PREPARE,
    ITEM_DESCRIBE,
    ITEM_OWN,
    ITEM_STATEMENT,
    ITEM_SYNC,
};

struct item {
    enum item_kind kind;
    unsigned number;           /* ITEM_OWN: which; ITEM_STATEMENT: of the action */
    struct prepared *prepared; /* PREPARE, DESCRIBE */
};

/* ---- a job on a connection ---- */

/*
 *   CLAIMING --+--> STATEMENTS ... --> [COMMITTING] --> done
 *              +--> REPLAYING --> done
 *   any failure --> [ROLLING_BACK] --> idle, or once more
 */
enum run_stage {
    RUN_CLAIMING,     /* with a key: BEGIN, is the key ours? */
    RUN_REPLAYING,    /* the answer that the key has */
    RUN_STATEMENTS,   /* perhaps in several turns, perhaps with the COMMIT */
    RUN_COMMITTING,   /* after a decision that needed results */
    RUN_ROLLING_BACK, /* the job may be gone */
    RUN_SWEEPING,     /* no job: expired keys are deleted */
};

struct run {
    struct write_job *job; /* NULL: none, or answered already */
    enum run_stage stage;
    unsigned next;                                 /* the statement that is sent next */
    struct prepared *known[ACTION_STATEMENTS_MAX]; /* of those that are being sent */
    bool has_begun;
    bool may_be_committed; /* what commits was sent */
    bool is_claimed;
    bool is_found; /* REPLAYING: the key has an answer */
    bool is_conflict;
    unsigned swept; /* SWEEPING: rows */

    bool has_failed; /* what follows says how; the first failure counts */
    enum write_outcome outcome;
    bool is_passing; /* another attempt may do */
    bool is_stale;   /* on a new connection */
};

/* ---- a connection ---- */

enum link_state {
    LINK_DOWN,
    LINK_CONNECTING,
    LINK_SETTING,
    LINK_PLANNING,
    LINK_READYING,
    LINK_IDLE,
    LINK_BUSY,
};

struct link {
    struct writer_postgres *writer;
    PGconn *conn;
    enum link_state state;
    PostgresPollingStatusType polling; /* CONNECTING */
    bool is_ready;                     /* our own statements are prepared */
    bool has_more;                     /* to be sent when the socket takes it */
    int64_t used_ms;                   /* monotonic: when a job was given to it */
    int64_t limit_ms;                  /* monotonic: gives up then, while there is no job */

    struct arena arena; /* of `prepared` */
    struct prepared *prepared[LINK_PREPARED_BUCKETS];
    unsigned prepared_count;

    struct item *items; /* first_item.. are not answered yet */
    unsigned first_item;
    unsigned item_count;
    unsigned item_capacity;
    bool has_result; /* of the first one */

    unsigned plan_step; /* PLANNING; 0: BEGIN, then steps from 1 */
    bool is_checking;
    bool is_made; /* the step has nothing to do */

    struct run run;
};

struct writer_postgres {
    struct writer base;
    struct source_postgres place;          /* the URL and the label; holds no connection */
    struct postgres_parameters parameters; /* of every connection */
    struct buffer settings;                /* SQL: what a session needs */
    struct link links[WRITER_CONNECTIONS_MAX];
    unsigned link_count;

    struct prepare_plan *plan; /* to be made; no job runs meanwhile */
    struct link *planner;      /* the link that makes it */

    int64_t backoff_ms;
    int64_t retry_ms; /* monotonic: no connection is tried before */
    unsigned chance;  /* of rand_r */

    bool is_usable;
    int64_t away_since_ms; /* monotonic, while it is not usable */
    struct errmsg reason;  /* why it is not */
    struct errmsg logged;  /* the last reason that was told */
    int64_t logged_ms;     /* monotonic */
    int64_t sweep_ms;      /* monotonic: the next one */
};

/* ---- writer_postgres.c ---- */

/* The connection is there and has its settings: what failed before is forgotten. */
void writer_on_link(struct writer_postgres *writer);

/* A connection was lost, or, when it WAS_NEW, could not be had, for the reason in MSG. */
void writer_on_link_lost(struct writer_postgres *writer, bool was_new, const struct errmsg *msg);

/* A sweep deleted so many expired keys. */
void writer_on_swept(struct writer_postgres *writer, unsigned row_count);

/* ---- writer_postgres_link.c ---- */

void link_init(struct link *link, struct writer_postgres *writer);
void link_connect(struct link *link);
void link_close(struct link *link); /* back to DOWN; the job, if there is one, stays in `run` */

/* Goes on after poll(2) said REVENTS, or when time has passed. */
void link_serve(struct link *link, short revents);

/* What poll(2) should wait for, and the longest wait in ms: -1 for any. */
short link_events(const struct link *link);
int link_patience_ms(const struct link *link, int64_t now_ms);

/* For what is done without a job: it must be over within the time that a job has. */
void link_set_limit(struct link *link);

/* Closes the connection and decides about the job on it; MSG says why. */
void link_fail(struct link *link, const struct errmsg *msg);

/* Prepares our own statements, then IDLE. */
void link_make_ready(struct link *link);

void link_push(struct link *link, enum item_kind kind, unsigned number, struct prepared *prepared);

/* These return false when libpq refuses: the connection is of no use then. */
bool link_send_own(struct link *link, enum own_statement which, const struct call *call);
bool link_sync(struct link *link);  /* the end of what is sent together */
bool link_flush(struct link *link); /* what the socket does not take now is sent when it does */

/* What libpq says of the connection, as a message. */
void link_complain(const struct link *link, struct errmsg *msg);

/* ---- writer_postgres_plan.c ---- */

/* LINK is IDLE or has just got its settings, and is outside of pipeline mode. */
void plan_begin(struct link *link);
void plan_on_result(struct link *link, const PGresult *result);
void plan_on_end(struct link *link); /* of one query: the next one */

/* ---- writer_postgres_run.c ---- */

void run_begin(struct link *link, struct write_job *job);
void run_sweep(struct link *link);
void run_on_sync(struct link *link);
/* The connection was lost: answers the job, or has it run again. */
void run_on_lost(struct link *link, const struct errmsg *msg);
/* Remembers the first failure; MSG is the job's own when it has one. */
void run_fail(struct link *link, enum write_outcome outcome);

/* ---- writer_postgres_send.c ---- */

bool run_send_claim(struct link *link);
bool run_send_replay(struct link *link);
bool run_send_statements(struct link *link);
bool run_send_commit(struct link *link);
bool run_send_rollback(struct link *link);
bool run_send_sweep(struct link *link);

/* ---- writer_postgres_receive.c ---- */

void run_on_result(struct link *link, const struct item *item, PGresult *result);

/* ---- writer_postgres_error.c ---- */

/* What the error in RESULT means for a job. */
struct error_meaning {
    enum write_outcome outcome;
    bool is_passing; /* another attempt may do */
    bool is_stale;   /* on a new connection: what it had prepared does not fit any more */
};
struct error_meaning postgres_error_meaning(const PGresult *result);

/*
 * The server's sentence, without its details: they show values of the row, which have no place in a log.
 */
void postgres_error_text(const struct writer_postgres *writer, const PGresult *result,
                         struct errmsg *msg);

#endif
