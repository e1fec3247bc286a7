#include "service/cold.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <uv.h>

#include "base/arena.h"
#include "base/log.h"
#include "service/answer.h"
#include "service/bounds.h"
#include "service/loop.h"
#include "service/plain.h"

enum {
    JOB_BLOCK_SIZE = 1 << 10,
    OUTPUT_MAX = BOUNDS_ANSWER_MAX + (64 << 10),
};

struct cold_job {
    struct later later;
    struct answerer *answerer; /* of the loop, which outlives its jobs */
    struct request request;    /* in `arena` */
    struct arena arena;
    struct cold_job *next;
};

struct cold_thread {
    struct cold_pool *pool;
    uv_thread_t id;
    struct answerer answerer; /* of this thread alone */
    struct buffer out;        /* answers that are dropped */
    uint64_t plan_number;     /* of the plan that the answerer has, or will open; 0: none */
};

struct cold_pool {
    uv_mutex_t lock; /* over what follows */
    uv_cond_t changed;
    struct cold_job *first;
    struct cold_job *last;
    unsigned waiting;
    struct plan *plan;    /* the newest, one reference */
    uint64_t plan_number; /* counts them, from 1 */
    bool is_ending;
    /* Not under it. */
    unsigned waiting_max;
    unsigned thread_count;
    struct cold_thread threads[COLD_THREADS_MAX];
};

/* ---- a thread of the pool ---- */

/*
 * Takes over the reference to PLAN. Without a reader nothing is brought in, and the loops wait
 * themselves.
 */
static void open_plan(struct cold_thread *thread, struct plan *plan)
{
    struct errmsg msg;

    if (answerer_serve(&thread->answerer, plan, &msg) != ERR_NONE) {
        log_error("cold_reads_wait", "reason=\"%s\"", msg.text);
    }
}

static void touch(struct cold_thread *thread, const struct request *request)
{
    struct later *later;

    if (thread->answerer.served.plan == NULL) {
        return;
    }
    later = answer_request(&thread->answerer, request, &thread->out);
    assert(later == NULL);
    (void)later;
    if (thread->out.capacity > LOOP_OUTPUT_KEPT) {
        buffer_free(&thread->out);
    }
    buffer_clear(&thread->out);
}

static struct cold_job *take_job(struct cold_pool *pool)
{
    struct cold_job *job = pool->first;

    pool->first = job->next;
    pool->waiting--;
    return job;
}

static void give_back(struct cold_job *job)
{
    later_queue_add(job->answerer->ready, &job->later);
}

/*
 * The lock is held at the call and afterwards, not in between. A plan is opened when there is something
 * to read from it: all threads at once would take the processors from the loops at each new one.
 */
static void work(struct cold_thread *thread)
{
    struct cold_pool *pool = thread->pool;

    if (thread->plan_number != pool->plan_number) {
        thread->plan_number = pool->plan_number;
        uv_mutex_unlock(&pool->lock);
        served_close(&thread->answerer.served);
    } else {
        struct cold_job *job = take_job(pool);
        struct plan *plan = thread->answerer.served.plan == NULL ? plan_hold(pool->plan) : NULL;

        uv_mutex_unlock(&pool->lock);
        if (plan != NULL) {
            open_plan(thread, plan);
        }
        if (!atomic_load_explicit(&job->later.is_forgotten, memory_order_relaxed)) {
            touch(thread, &job->request);
        }
        give_back(job);
    }
    uv_mutex_lock(&pool->lock);
}

static void run(void *argument)
{
    struct cold_thread *thread = argument;
    struct cold_pool *pool = thread->pool;

    pthread_setname_np(pthread_self(), "vitrine-cold");
    uv_mutex_lock(&pool->lock);
    while (!pool->is_ending) {
        if (pool->first == NULL && thread->plan_number == pool->plan_number) {
            uv_cond_wait(&pool->changed, &pool->lock);
        } else {
            work(thread);
        }
    }
    uv_mutex_unlock(&pool->lock);
}

/* ---- the owner ---- */

static enum err start_thread(struct cold_pool *pool, struct errmsg *msg)
{
    struct cold_thread *thread = &pool->threads[pool->thread_count];
    int result;

    thread->pool = pool;
    answerer_init(&thread->answerer);
    thread->answerer.cold = pool;
    thread->answerer.pass = PASS_TOUCH;
    thread->answerer.gzip.is_off = true;
    buffer_init(&thread->out, OUTPUT_MAX);
    result = uv_thread_create(&thread->id, run, thread);
    if (result != 0) {
        answerer_free(&thread->answerer);
        return err_set(msg, ERR_SYSTEM, "start a thread: %s", uv_strerror(result));
    }
    pool->thread_count++;
    return ERR_NONE;
}

enum err cold_pool_open(unsigned threads, unsigned waiting_max, struct plan *plan,
                        struct cold_pool **out, struct errmsg *msg)
{
    struct cold_pool *pool = memory_calloc(1, sizeof *pool);
    enum err rc = ERR_NONE;

    assert(threads <= COLD_THREADS_MAX);
    uv_mutex_init(&pool->lock);
    uv_cond_init(&pool->changed);
    pool->waiting_max = waiting_max;
    pool->plan = plan_hold(plan);
    pool->plan_number = 1;
    for (unsigned i = 0; i < threads && rc == ERR_NONE; i++) {
        rc = start_thread(pool, msg);
    }
    if (rc != ERR_NONE) {
        cold_pool_close(pool);
        return rc;
    }
    *out = pool;
    return ERR_NONE;
}

void cold_pool_serve(struct cold_pool *pool, struct plan *plan)
{
    struct plan *before;

    uv_mutex_lock(&pool->lock);
    before = pool->plan;
    pool->plan = plan;
    pool->plan_number++;
    uv_cond_broadcast(&pool->changed);
    uv_mutex_unlock(&pool->lock);
    plan_drop(before);
}

void cold_pool_close(struct cold_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    uv_mutex_lock(&pool->lock);
    pool->is_ending = true;
    uv_cond_broadcast(&pool->changed);
    uv_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        uv_thread_join(&pool->threads[i].id);
        answerer_free(&pool->threads[i].answerer);
        buffer_free(&pool->threads[i].out);
    }
    while (pool->first != NULL) {
        give_back(take_job(pool));
    }
    plan_drop(pool->plan);
    uv_cond_destroy(&pool->changed);
    uv_mutex_destroy(&pool->lock);
    free(pool);
}

/* ---- on the loop's thread ---- */

static void job_free(struct cold_job *job)
{
    arena_free(&job->arena);
    free(job);
}

static void on_ready(struct later *later, struct buffer *out)
{
    struct cold_job *job = (struct cold_job *)later;

    if (out != NULL) {
        job->request.keep_alive = later->keep_alive;
        job->request.connection = later->connection;
        answer_again(job->answerer, &job->request, out);
    }
    job_free(job);
}

/* The slices of REQUEST are gone when the loop goes on. */
static struct cold_job *job_make(struct answerer *answerer, const struct request *request)
{
    struct cold_job *job = memory_calloc(1, sizeof *job);

    job->later.answer = on_ready;
    job->answerer = answerer;
    arena_init(&job->arena, JOB_BLOCK_SIZE);
    job->request = *request;
    job->request.connection = NULL;
    job->request.target = arena_copy(&job->arena, request->target);
    job->request.id = arena_copy(&job->arena, request->id);
    job->request.body = arena_copy(&job->arena, request->body);
    for (unsigned i = 0; i < REQUEST_HEADERS; i++) {
        if (request->headers[i].ptr != NULL) {
            job->request.headers[i] = arena_copy(&job->arena, request->headers[i]);
        }
    }
    return job;
}

static bool add_job(struct cold_pool *pool, struct cold_job *job)
{
    bool has_room;

    uv_mutex_lock(&pool->lock);
    has_room = pool->waiting < pool->waiting_max;
    if (has_room) {
        if (pool->first == NULL) {
            pool->first = job;
        } else {
            pool->last->next = job;
        }
        pool->last = job;
        pool->waiting++;
        uv_cond_signal(&pool->changed);
    }
    uv_mutex_unlock(&pool->lock);
    return has_room;
}

struct later *cold_start(struct answerer *answerer, const struct request *request,
                         struct buffer *out)
{
    struct cold_job *job = job_make(answerer, request);

    atomic_fetch_add_explicit(&answerer->cold_reads, 1, memory_order_relaxed);
    if (add_job(answerer->cold, job)) {
        return &job->later;
    }
    job_free(job);
    atomic_fetch_add_explicit(&answerer->cold_refusals, 1, memory_order_relaxed);
    plain_answer(&answerer->heads, request, 503,
                 slice_str("Error: too many requests wait for the disk"), "Retry-After: 1\r\n",
                 out);
    return NULL;
}
