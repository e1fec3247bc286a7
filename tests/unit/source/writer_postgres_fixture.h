/*
 * A writer over the database at VITRINE_TEST_POSTGRES, with the routes of a small shop. Without that URL
 * there is nothing to test; tests/integration/test_writer_postgres.py starts a server and runs what
 * includes this.
 */
#ifndef VITRINE_TESTS_SOURCE_WRITER_POSTGRES_FIXTURE_H
#define VITRINE_TESTS_SOURCE_WRITER_POSTGRES_FIXTURE_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/source_postgres.h"
#include "unit/source/writer_fixture.h"

static const char shop[] =
    "name: shop\n"
    "tables:\n"
    "  shelves:\n"
    "    primary_key: id\n"
    "    indexes: [[name]]\n"
    "    columns:\n"
    "      id: integer\n"
    "      name: {type: text, required: true}\n"
    "      price: {type: decimal, scale: 2}\n"
    "      made: timestamp\n"
    "      open: boolean\n"
    "      weight: number\n"
    "    rows: [{id: 7, name: first, price: 1.5}]\n"
    "  marks:\n"
    "    indexes: [[shelf]]\n"
    "    columns: {shelf: integer, mark: {type: text, required: true}, size: integer}\n"
    "routes:\n"
    "  - post: /add\n"
    "    take: {name: {body: name, type: text}}\n"
    "    run: [{sql: 'INSERT INTO shelves (name) VALUES (:name)'}]\n"
    "    text: Created\n"
    "  - post: /id\n"
    "    take: {id: {body: id, type: integer}, name: {body: name, type: text}}\n"
    "    run: [{sql: 'INSERT INTO shelves (id, name) VALUES (:id, :name) RETURNING id', "
    "returns: {got: integer}}]\n"
    "    answer: $got\n"
    "  - post: /found\n"
    "    take: {id: {body: id, type: integer}}\n"
    "    run: [{sql: 'UPDATE shelves SET open = true WHERE id = :id', "
    "missing: {status: 404, text: none}}]\n"
    "    status: 204\n"
    "  - post: /marked\n"
    "    take:\n"
    "      name: {body: name, type: text}\n"
    "      marks: {body: marks, type: list, of: {type: text}, most: 100}\n"
    "    run:\n"
    "      - sql: INSERT INTO shelves (name) VALUES (:name) RETURNING id\n"
    "        returns: {shelf: integer}\n"
    "      - each: marks\n"
    "        sql: INSERT INTO marks (shelf, mark) SELECT :shelf, :marks.value WHERE :marks.value "
    "<> "
    "'no'\n"
    "        missing: {status: 422, text: no}\n"
    "    answer: $shelf\n"
    "  - post: /sized\n"
    "    take:\n"
    "      sizes: {body: sizes, type: map, names: {type: integer}, of: {type: integer}, most: 9}\n"
    "    run:\n"
    "      - each: sizes\n"
    "        sql: INSERT INTO marks (shelf, mark, size) VALUES (:sizes.name, 'm', :sizes.value)\n"
    "    text: ok\n"
    "  - get: /values\n"
    "    take:\n"
    "      i: {query: i, type: integer, default: null}\n"
    "      t: {query: t, type: text, default: null}\n"
    "      b: {query: b, type: boolean, default: null}\n"
    "      n: {query: n, type: number, default: null}\n"
    "      at: {query: at, type: timestamp, default: null}\n"
    "    run:\n"
    "      - sql: SELECT :i, :t, :b, :n, :at, :now::text\n"
    "        returns: {ri: integer, rt: text, rb: boolean, rn: number, rat: timestamp, rnow: "
    "text}\n"
    "    answer: [$ri, $rt, $rb, $rn, $rat, $rnow]\n"
    "  - post: /with\n"
    "    run:\n"
    "      - sql: /* all */ WITH gone AS (DELETE FROM shelves RETURNING id) SELECT id FROM gone "
    "WHERE id < 0\n"
    "        missing: {status: 404, text: none}\n"
    "    text: ok\n"
    "  - post: /named\n"
    "    take: {name: {body: name, type: text}}\n"
    "    run: [{sql: 'INSERT INTO shelves (name) VALUES (:name) RETURNING name', "
    "returns: {got: text}}]\n"
    "    answer: $got\n"
    "  - post: /half\n"
    "    run: [{sql: \"INSERT INTO shelves (name) VALUES ('h') RETURNING 2.5::numeric\", "
    "returns: {got: integer}}]\n"
    "    answer: $got\n"
    "  - get: /odd\n"
    "    run:\n"
    "      - sql: SELECT 12345678901234567890123, 5.00, 'NaN'::numeric, 'infinity'::timestamptz, "
    "'NaN'::float8, 140.50, 7::smallint, 2.5::numeric\n"
    "        returns: {a: integer, b: integer, c: number, d: timestamp, e: number, f: {type: "
    "decimal, scale: 2}, "
    "g: text, h: number}\n"
    "    answer: [$a, $b, $c, $d, $e, $f, $g, $h]\n"
    "  - get: /rows\n"
    "    run: [{sql: 'SELECT id, name FROM shelves ORDER BY id', rows: {id: integer, name: "
    "text}}]\n"
    "    answer: $rows\n"
    "  - get: /many\n"
    "    run: [{sql: 'SELECT generate_series(1, 10001)', rows: {id: integer}}]\n"
    "    answer: $rows\n"
    "  - get: /durable\n"
    "    run: [{sql: \"SELECT current_setting('synchronous_commit')\", returns: {got: text}}]\n"
    "    answer: $got\n"
    "  - post: /nowhere\n"
    "    run: [{sql: 'INSERT INTO nowhere VALUES (1)'}]\n"
    "    text: ok\n"
    "  - post: /columns\n"
    "    run: [{sql: \"INSERT INTO shelves (name) VALUES ('c') RETURNING id, name\", "
    "returns: {got: integer}}]\n"
    "    answer: $got\n"
    "  - post: /type\n"
    "    run: [{sql: \"INSERT INTO shelves (name) VALUES ('c') RETURNING name\", "
    "returns: {got: integer}}]\n"
    "    answer: $got\n"
    "  - post: /range\n"
    "    take: {id: {body: id, type: integer}}\n"
    "    run: [{sql: \"INSERT INTO shelves (name, id) VALUES ('r', (:id)::integer)\"}]\n"
    "    text: ok\n"
    "  - post: /slow\n"
    "    take: {name: {body: name, type: text}}\n"
    "    run: [{sql: 'INSERT INTO shelves (name) SELECT :name FROM pg_sleep(2)'}]\n"
    "    text: Created\n"
    "  - post: /gate\n"
    "    take: {name: {body: name, type: text}}\n"
    "    run: [{sql: 'INSERT INTO shelves (name) SELECT :name FROM pg_advisory_xact_lock(7)'}]\n"
    "    text: Created\n"
    "  - post: /swap\n"
    "    take: {first: {body: first, type: integer}, second: {body: second, type: integer}}\n"
    "    run:\n"
    "      - sql: UPDATE marks SET size = size + 1 WHERE shelf = :first\n"
    "      - sql: SELECT 1 FROM pg_sleep(0.3)\n"
    "      - sql: UPDATE marks SET size = size + 1 WHERE shelf = :second\n"
    "    text: ok\n"
    "  - post: /deferred\n"
    "    take: {id: {body: id, type: integer}}\n"
    "    run: [{sql: 'INSERT INTO later VALUES (:id)'}]\n"
    "    text: ok\n"
    "  - post: /deferred_missing\n"
    "    take: {id: {body: id, type: integer}}\n"
    "    run:\n"
    "      - {sql: 'INSERT INTO later VALUES (:id)'}\n"
    "      - {sql: 'UPDATE shelves SET open = false WHERE id = 7', "
    "missing: {status: 404, text: none}}\n"
    "    text: ok\n";

struct server {
    struct fixture fixture;
    struct definition *definition;
    struct source *other; /* another program's connection */
};

/* ---- the server ---- */

static inline struct source_postgres *other(struct server *server)
{
    return (struct source_postgres *)server->other;
}

static inline void other_run(struct server *server, const char *sql)
{
    struct fixture *fixture = &server->fixture;

    OK(postgres_run(other(server), other(server)->main, sql, &fixture->msg));
}

static inline int64_t ask(struct server *server, const char *sql)
{
    struct fixture *fixture = &server->fixture;
    struct buffer out;
    int64_t answer;

    buffer_init(&out, 1000);
    OK(postgres_ask(other(server), other(server)->main, sql, &out, &fixture->msg));
    answer = strtoll(buffer_str(&out), NULL, 10);
    buffer_free(&out);
    return answer;
}

static inline int server_setup(void **state)
{
    struct server *server = calloc(1, sizeof *server);
    const char *url = getenv("VITRINE_TEST_POSTGRES");
    struct errmsg msg = {""};

    *state = server;
    if (url == NULL) {
        return 0;
    }
    snprintf(server->fixture.url, sizeof server->fixture.url, "%s", url);
    if (definition_parse("shop.yaml", slice_str(shop), &server->definition, &msg) != ERR_NONE ||
        source_open(url, SOURCE_WRITE, &server->other, &msg) != ERR_NONE) {
        print_error("%s\n", msg.text);
        return -1;
    }
    other_run(server, "DROP TABLE IF EXISTS shelves, marks, later, " WRITER_ANSWERS_TABLE);
    return 0;
}

static inline int server_teardown(void **state)
{
    struct server *server = *state;

    source_close(server->other);
    definition_free(server->definition);
    free(server);
    return 0;
}

static inline struct writer *start_writer(struct server *server, unsigned connections,
                                          int64_t timeout_ms)
{
    struct fixture *fixture = &server->fixture;
    struct writer_options options = {
        .url = fixture->url, .connections = connections, .timeout_ms = timeout_ms};
    struct writer *writer;

    if (fixture->url[0] == '\0') {
        skip();
    }
    OK(writer_open(&options, server->definition, &writer, &fixture->msg));
    return writer;
}

/* ---- jobs ---- */

static inline const struct action *find_action(const struct server *server, const char *path)
{
    for (unsigned i = 0; i < server->definition->route_count; i++) {
        if (slice_is(server->definition->routes[i].path, path)) {
            return server->definition->routes[i].action;
        }
    }
    fail_msg("no route %s", path);
    return NULL;
}

static inline void make_job(struct server *server, const char *path, struct test_job *test)
{
    job_init_action(test, find_action(server, path));
    test->job.now_ms = timestamp_now_ms(); /* what has expired by the clock is deleted */
}

static inline enum write_outcome run_with_text(struct server *server, struct writer *writer,
                                               const char *path, const char *text,
                                               struct test_job *test)
{
    make_job(server, path, test);
    test->takes[0] = text_value(text);
    return job_run(writer, test);
}

static inline enum write_outcome run_with_integer(struct server *server, struct writer *writer,
                                                  const char *path, int64_t integer,
                                                  struct test_job *test)
{
    make_job(server, path, test);
    test->takes[0] = integer_value(integer);
    return job_run(writer, test);
}

static inline enum write_outcome run_with_key(struct server *server, struct writer *writer,
                                              const char *key, const char *text,
                                              struct test_job *test)
{
    make_job(server, "/add", test);
    test->takes[0] = text_value(text);
    test->job.key = slice_str(key);
    test->job.fingerprint = UINT64_MAX - strlen(text);
    return job_run(writer, test);
}

static inline void assert_done(enum write_outcome outcome, const struct test_job *test)
{
    if (outcome != WRITE_DONE) {
        fail_msg("outcome %u: %s", outcome, test->job.msg.text);
    }
}

/*
 * A writer with one connection, beside answers that INSERT_SQL left there. Those that expired are deleted
 * as soon as there is a connection: waits until LEFT remain.
 */
static inline struct writer *start_sweeping_writer(struct server *server, int64_t timeout_ms,
                                                   const char *insert_sql, int64_t left)
{
    struct writer *writer = start_writer(server, 1, 0);
    struct test_job test;
    int64_t found = -1;

    assert_done(run_with_text(server, writer, "/add", "makes the tables", &test), &test);
    job_free(&test);
    writer_close(writer);
    other_run(server, insert_sql);
    writer = start_writer(server, 1, timeout_ms);
    for (unsigned i = 0; i < 6000 && found != left; i++) {
        usleep(10000);
        found = ask(server, "SELECT count(*) FROM " WRITER_ANSWERS_TABLE);
    }
    assert_int_equal(found, left);
    return writer;
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

#endif
