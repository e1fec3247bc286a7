/*
 * writer: durable writes a second of the SQLite writer alone, without HTTP.
 *
 *   bench_writer FILE [SECONDS [JOBS]]
 *
 * JOBS are in flight; each is submitted again as soon as it is answered. FILE is made anew.
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

enum { JOBS_MAX = 1024 };

static struct writer *writer;
static atomic_ullong key_number;

struct bench_job {
    struct test_job test;
    bool has_key;
    char key[40];
};

static void submit(struct bench_job *bench)
{
    if (bench->has_key) {
        int len = snprintf(bench->key, sizeof bench->key, "key-%llu",
                           atomic_fetch_add(&key_number, 1) * 2654435761ULL);

        bench->test.job.key = slice_of(bench->key, (size_t)len);
        bench->test.job.now_ms = timestamp_now_ms();
    }
    arena_reset(&bench->test.arena);
    buffer_clear(&bench->test.job.body);
    writer_submit(writer, &bench->test.job);
}

static void submit_again(struct write_job *job)
{
    submit((struct bench_job *)job);
}

static void measure(const char *name, const struct made_action *made, unsigned jobs, bool has_key,
                    unsigned seconds)
{
    static struct bench_job benches[JOBS_MAX];
    struct writer_state before;
    struct writer_state after;
    double cpu = cpu_us();
    int64_t started_ms = monotonic_ms();
    double took;
    double count;

    atomic_store(&stops, false);
    atomic_store(&done_count, 0);
    atomic_store(&in_flight, jobs);
    writer_look(writer, &before);
    for (unsigned i = 0; i < jobs; i++) {
        struct test_job *test = &benches[i].test;

        job_init(test, made);
        benches[i].has_key = has_key;
        test->job.done = on_answer;
        test->takes[0] = text_value("a name of some thirty characters");
        for (unsigned k = 0; k < JOB_ITEMS; k++) {
            test->values[k] = text_value("https://example.org/photos/1.jpg");
        }
        test->items[1] = (struct write_items){.values = test->values, .count = 2};
        test->items[2] = (struct write_items){.values = test->values, .count = 4};
        submit(&benches[i]);
    }
    sleep(seconds);
    took = (double)(monotonic_ms() - started_ms) / 1000;
    count = (double)atomic_load(&done_count);
    cpu = cpu_us() - cpu;
    writer_look(writer, &after);
    atomic_store(&stops, true);
    while (atomic_load(&in_flight) > 0) {
        usleep(1000);
    }
    for (unsigned i = 0; i < jobs; i++) {
        job_free(&benches[i].test);
    }
    printf("%-34s %8.0f jobs/s  %5.1f jobs a commit  %5.1f us CPU a job\n", name, count / took,
           count / (double)(after.committed - before.committed), cpu / count);
}

/* A row that gives its id to two and to four others: a post with pictures and marks. */
static void make_post(struct made_action *made)
{
    struct statement *first =
        make_action(made, "INSERT INTO shelves (name) VALUES (?1) RETURNING id", 1);

    add_returned(first, "id", SCALAR_INTEGER);
    for (unsigned i = 1; i <= 2; i++) {
        struct statement *next = add_statement(made, "INSERT INTO marks VALUES (?1, ?2)");

        add_binding(next, BINDING_RETURNED, 0);
        add_binding(next, BINDING_ITEM, i);
        next->each = (int)i;
    }
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 5;
    unsigned jobs = argc > 3 ? (unsigned)atoi(argv[3]) : 64;
    struct made_action insert;
    struct made_action update;
    struct made_action post;
    char url[1024];
    struct writer_options options = {.url = url};
    struct errmsg msg;

    if (argc < 2 || jobs > JOBS_MAX) {
        fprintf(stderr, "usage: bench_writer FILE [SECONDS [JOBS]]\n");
        return 2;
    }
    (void)unlink(argv[1]);
    snprintf(url, sizeof url, "sqlite:%s", argv[1]);
    if (writer_open(&options, &writer_definition, &writer, &msg) != ERR_NONE) {
        fprintf(stderr, "%s\n", msg.text);
        return 1;
    }
    make_action(&insert, "INSERT INTO shelves (name) VALUES (?1)", 1);
    make_action(&update, "UPDATE shelves SET open = open + 1 WHERE id = 7", 0)->missing.status =
        404;
    make_post(&post);
    measure("update of one row", &update, jobs, false, seconds);
    measure("insert", &insert, jobs, false, seconds);
    measure("insert with a key", &insert, jobs, true, seconds);
    measure("1 + 2 + 4 rows", &post, jobs, false, seconds);
    writer_close(writer);
    return 0;
}
