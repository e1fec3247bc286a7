/*
 * writer_postgres: durable writes a second of the PostgreSQL writer alone, without HTTP.
 *
 *   bench_writer_postgres URL [SECONDS [JOBS [CONNECTIONS]]]
 *
 * JOBS are in flight; each is submitted again as soon as it is answered. The tables bench_rows and
 * bench_items are made in the database.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/in_flight.h"
#include "unit/source/writer_fixture.h"

enum { JOBS_MAX = 1024, ROWS = 100000 };

static const char text[] =
    "name: bench\n"
    "tables:\n"
    "  bench_rows:\n"
    "    primary_key: id\n"
    "    columns: {id: integer, name: text, count: integer}\n"
    "  bench_items:\n"
    "    columns: {row_id: integer, url: text}\n"
    "routes:\n"
    "  - post: /insert\n"
    "    take: {id: {body: id, type: integer}}\n"
    "    run: [{sql: \"INSERT INTO bench_rows (name, count) VALUES ('some name', :id)\"}]\n"
    "    text: Created\n"
    "  - post: /update\n"
    "    take: {id: {body: id, type: integer}}\n"
    "    run: [{sql: 'UPDATE bench_rows SET count = count + 1 WHERE id = :id'}]\n"
    "    text: Created\n"
    "  - post: /nested\n"
    "    take:\n"
    "      id: {body: id, type: integer}\n"
    "      urls: {body: urls, type: list, of: {type: text}, most: 6}\n"
    "    run:\n"
    "      - sql: INSERT INTO bench_rows (name, count) VALUES ('some name', :id) RETURNING id\n"
    "        returns: {row: integer}\n"
    "      - each: urls\n"
    "        sql: INSERT INTO bench_items VALUES (:row, :urls.value)\n"
    "    text: Created\n"
    "  - post: /one\n"
    "    run: [{sql: 'UPDATE bench_rows SET count = count + 1 WHERE id = 1'}]\n"
    "    text: Created\n";

static struct writer *writer;

struct bench_job {
    struct test_job test;
    unsigned chance;
};

static void submit(struct bench_job *bench)
{
    arena_reset(&bench->test.arena);
    bench->test.takes[0] = integer_value(1 + rand_r(&bench->chance) % ROWS);
    writer_submit(writer, &bench->test.job);
}

static void submit_again(struct write_job *job)
{
    submit((struct bench_job *)job);
}

static void start_jobs(struct bench_job *benches, unsigned jobs, const struct action *action)
{
    for (unsigned i = 0; i < jobs; i++) {
        struct test_job *test = &benches[i].test;

        job_init_action(test, action);
        benches[i].chance = i;
        test->job.done = on_answer;
        for (unsigned k = 0; k < JOB_ITEMS; k++) {
            test->values[k] = text_value("https://example.org/photos/1.jpg");
        }
        test->items[1] = (struct write_items){.values = test->values, .count = JOB_ITEMS};
        submit(&benches[i]);
    }
}

static void measure(const struct route *route, unsigned jobs, unsigned seconds)
{
    static struct bench_job benches[JOBS_MAX];
    double cpu = cpu_us();
    int64_t started_ms = monotonic_ms();
    double took;
    double count;

    atomic_store(&stops, false);
    atomic_store(&done_count, 0);
    atomic_store(&in_flight, jobs);
    start_jobs(benches, jobs, route->action);
    sleep(seconds);
    took = (double)(monotonic_ms() - started_ms) / 1000;
    count = (double)atomic_load(&done_count);
    cpu = cpu_us() - cpu;
    atomic_store(&stops, true);
    while (atomic_load(&in_flight) > 0) {
        usleep(1000);
    }
    for (unsigned i = 0; i < jobs; i++) {
        job_free(&benches[i].test);
    }
    printf("%-10.*s %8.0f jobs/s  %5.1f us CPU a job\n", SLICE_ARG(route->path), count / took,
           cpu / count);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 5;
    unsigned jobs = argc > 3 ? (unsigned)atoi(argv[3]) : 64;
    struct writer_options options = {.url = argc > 1 ? argv[1] : NULL,
                                     .connections = argc > 4 ? (unsigned)atoi(argv[4]) : 0};
    struct definition *definition;
    struct errmsg msg;

    if (argc < 2 || jobs > JOBS_MAX) {
        fprintf(stderr, "usage: bench_writer_postgres URL [SECONDS [JOBS [CONNECTIONS]]]\n");
        return 2;
    }
    if (definition_parse("bench.yaml", slice_str(text), &definition, &msg) != ERR_NONE ||
        writer_open(&options, definition, &writer, &msg) != ERR_NONE) {
        fprintf(stderr, "%s\n", msg.text);
        return 1;
    }
    for (unsigned i = 0; i < definition->route_count; i++) {
        if (argc < 6 || slice_is(definition->routes[i].path, argv[5])) {
            measure(&definition->routes[i], jobs, seconds);
        }
    }
    writer_close(writer);
    definition_free(definition);
    return 0;
}
