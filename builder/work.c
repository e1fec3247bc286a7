#include "builder/work.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "builder/delta.h"
#include "builder/listing.h"

/* What is done and to be done of one collection; under the lock but for what a task fills in alone. */
struct collection_work {
    const struct collection *collection;
    char label[DEFINITION_NAME_MAX + 1];
    enum { UNCOUNTED, COUNTING, COUNTED } state;
    struct key_ranges ranges;
    unsigned ranges_begun;
    unsigned ranges_done;
    struct collected *collected; /* one a range */
    unsigned listings_begun;
    struct listed *listed; /* one a listing */
    struct progress progress;
};

struct crew {
    const struct work *work;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct collection_work *collections;
    unsigned collection_count;
    atomic_bool stop; /* a task failed */
    enum err rc;      /* why */
    struct errmsg msg;
};

struct worker {
    pthread_t thread;
    struct crew *crew;
    struct source *source;
};

/* ---- tasks ---- */

enum task_kind { TASK_NONE, TASK_WAIT, TASK_COUNT, TASK_RANGE, TASK_LISTING };

struct task {
    enum task_kind kind;
    struct collection_work *of;
    unsigned index; /* of the range or the listing */
};

static bool take_range(struct collection_work *of, struct task *task)
{
    if (of->state != COUNTED || of->ranges_begun == of->ranges.count) {
        return false;
    }
    *task = (struct task){TASK_RANGE, of, of->ranges_begun++};
    return true;
}

static bool take_count(struct collection_work *of, struct task *task)
{
    if (of->state != UNCOUNTED) {
        return false;
    }
    of->state = COUNTING;
    *task = (struct task){TASK_COUNT, of, 0};
    return true;
}

static bool take_listing(struct collection_work *of, struct task *task)
{
    if (of->listings_begun == of->collection->listing_count) {
        return false;
    }
    *task = (struct task){TASK_LISTING, of, of->listings_begun++};
    return true;
}

/* Ranges come first, so that one collection is finished before the next one begins. */
static struct task choose(struct crew *crew)
{
    static bool (*const take[])(struct collection_work *, struct task *) = {take_range, take_count,
                                                                            take_listing};
    struct task task = {.kind = TASK_NONE};

    for (unsigned k = 0; k < sizeof take / sizeof take[0]; k++) {
        for (unsigned i = 0; i < crew->collection_count; i++) {
            if (take[k](&crew->collections[i], &task)) {
                return task;
            }
        }
    }
    for (unsigned i = 0; i < crew->collection_count; i++) {
        if (crew->collections[i].state == COUNTING) {
            task.kind = TASK_WAIT; /* for the ranges */
        }
    }
    return task;
}

static struct task next_task(struct crew *crew)
{
    struct task task = {.kind = TASK_NONE};

    pthread_mutex_lock(&crew->lock);
    while (!atomic_load(&crew->stop)) {
        task = choose(crew);
        if (task.kind != TASK_WAIT) {
            break;
        }
        pthread_cond_wait(&crew->changed, &crew->lock);
    }
    if (atomic_load(&crew->stop)) {
        task.kind = TASK_NONE;
    }
    pthread_mutex_unlock(&crew->lock);
    return task;
}

static enum err count_keys(const struct worker *worker, struct collection_work *of,
                           struct errmsg *msg)
{
    struct crew *crew = worker->crew;
    struct key_ranges ranges;
    struct key_bases bases;
    struct progress progress;
    enum err rc;

    delta_bases(crew->work->base, of->collection, &bases);
    progress_begin(&progress, of->label, "keys", 0);
    rc = key_ranges_read(worker->source, of->collection, crew->work->partition_rows, &bases,
                         &progress, &ranges, msg);
    progress_end(&progress);
    free(bases.items);
    if (rc != ERR_NONE) {
        key_ranges_free(&ranges);
        return rc;
    }
    progress_begin(&of->progress, of->label, "rows", ranges.row_count);
    pthread_mutex_lock(&crew->lock);
    of->ranges = ranges;
    of->collected = memory_calloc(ranges.count, sizeof *of->collected);
    of->state = COUNTED;
    pthread_cond_broadcast(&crew->changed);
    pthread_mutex_unlock(&crew->lock);
    return ERR_NONE;
}

static enum err build_range(const struct worker *worker, struct collection_work *of, unsigned index,
                            struct errmsg *msg)
{
    struct crew *crew = worker->crew;
    struct collect_range what = {.collection = of->collection,
                                 .ranges = &of->ranges,
                                 .index = index,
                                 .release_dir = crew->work->release_dir,
                                 .base = crew->work->base};
    enum err rc = collect_range(worker->source, &what, &of->progress, &of->collected[index], msg);
    bool is_last;

    pthread_mutex_lock(&crew->lock);
    is_last = ++of->ranges_done == of->ranges.count;
    pthread_mutex_unlock(&crew->lock);
    if (is_last) {
        progress_end(&of->progress);
    }
    return rc;
}

static enum err run_task(const struct worker *worker, const struct task *task, struct errmsg *msg)
{
    struct collection_work *of = task->of;

    switch (task->kind) {
    case TASK_COUNT:
        return count_keys(worker, of, msg);
    case TASK_RANGE:
        return build_range(worker, of, task->index, msg);
    default:
        return listing_build(worker->source, of->collection, task->index,
                             worker->crew->work->release_dir, worker->crew->work->base,
                             &of->listed[task->index], msg);
    }
}

/* The first error is the one to tell: what the others say is that they were stopped. */
static void give_up(struct crew *crew, enum err rc, const struct errmsg *msg)
{
    pthread_mutex_lock(&crew->lock);
    if (crew->rc == ERR_NONE) {
        crew->rc = rc;
        crew->msg = *msg;
    }
    atomic_store(&crew->stop, true);
    pthread_cond_broadcast(&crew->changed);
    pthread_mutex_unlock(&crew->lock);
}

static void *work_on(void *arg)
{
    struct worker *worker = arg;
    struct errmsg msg;

    for (;;) {
        struct task task = next_task(worker->crew);
        enum err rc;

        if (task.kind == TASK_NONE) {
            return NULL;
        }
        rc = run_task(worker, &task, &msg);
        if (rc != ERR_NONE) {
            give_up(worker->crew, rc, &msg);
            return NULL;
        }
    }
}

/* ---- the crew ---- */

static enum err begin(struct crew *crew, const struct work *work, struct errmsg *msg)
{
    const struct definition *definition = work->definition;
    enum err rc = ERR_NONE;

    *crew = (struct crew){.work = work, .collection_count = definition->collection_count};
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->changed, NULL);
    atomic_init(&crew->stop, false);
    crew->collections = memory_calloc(crew->collection_count, sizeof *crew->collections);
    for (unsigned i = 0; i < crew->collection_count; i++) {
        struct collection_work *of = &crew->collections[i];
        const struct collection *collection = &definition->collections[i];

        of->collection = collection;
        snprintf(of->label, sizeof of->label, "%.*s", SLICE_ARG(collection->name));
        of->listed = memory_calloc(collection->listing_count, sizeof *of->listed);
        if (rc == ERR_NONE) {
            char *dir = path_join(work->release_dir, "%s", of->label);

            rc = dir_make(dir, msg);
            free(dir);
        }
    }
    return rc;
}

static void end(struct crew *crew)
{
    for (unsigned i = 0; i < crew->collection_count; i++) {
        struct collection_work *of = &crew->collections[i];

        if (of->state == COUNTED && of->ranges_done < of->ranges.count) {
            progress_end(&of->progress);
        }
        for (unsigned k = 0; of->collected != NULL && k < of->ranges.count; k++) {
            collected_free(&of->collected[k]);
        }
        for (unsigned k = 0; k < of->collection->listing_count; k++) {
            listed_free(&of->listed[k]);
        }
        free(of->collected);
        free(of->listed);
        key_ranges_free(&of->ranges);
    }
    free(crew->collections);
    pthread_cond_destroy(&crew->changed);
    pthread_mutex_destroy(&crew->lock);
}

static enum err run_workers(struct crew *crew, struct errmsg *msg)
{
    unsigned count = crew->work->source_count;
    struct worker *workers = memory_calloc(count, sizeof *workers);
    unsigned started = 0;

    while (started < count) {
        struct worker *worker = &workers[started];
        int failed;

        worker->crew = crew;
        worker->source = crew->work->sources[started];
        source_stop_on(worker->source, &crew->stop);
        failed = pthread_create(&worker->thread, NULL, work_on, worker);
        if (failed != 0) {
            struct errmsg failure;

            give_up(crew, err_sys(&failure, failed, "start a thread"), &failure);
            break;
        }
        started++;
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    for (unsigned i = 0; i < count; i++) {
        source_stop_on(crew->work->sources[i], NULL);
    }
    free(workers);
    *msg = crew->msg;
    return crew->rc;
}

/* ---- what came of it ---- */

static enum err add_file(struct file_list *files, const char *release_dir,
                         struct manifest_file entry, struct work_result *result, struct errmsg *msg)
{
    enum err rc;

    entry.path = arena_copy(files->arena, entry.path);
    entry.first_key.text = arena_copy(files->arena, entry.first_key.text);
    entry.last_key.text = arena_copy(files->arena, entry.last_key.text);
    rc = file_list_add(files, release_dir, entry, msg);
    if (rc == ERR_NONE) {
        result->file_bytes += files->items[files->count - 1].size_bytes;
    }
    return rc;
}

static enum err add_files(const struct collection_work *of, const char *release_dir,
                          struct file_list *files, struct work_result *result, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    for (unsigned i = 0; i < of->ranges.count; i++) {
        const struct collected *collected = &of->collected[i];

        result->counts.row_count += collected->counts.row_count;
        result->counts.key_count += collected->counts.key_count;
        result->counts.source_bytes += collected->counts.source_bytes;
        result->counts.duplicate_names += collected->counts.duplicate_names;
        result->counts.logical_hash += collected->counts.logical_hash;
        for (unsigned k = 0; rc == ERR_NONE && k < collected->file_count; k++) {
            rc = add_file(files, release_dir, collected->files[k], result, msg);
        }
    }
    for (unsigned i = 0; rc == ERR_NONE && i < of->collection->listing_count; i++) {
        result->counts.logical_hash += of->listed[i].logical_hash;
        rc = add_file(files, release_dir, of->listed[i].entry, result, msg);
    }
    return rc;
}

enum err work_run(const struct work *work, struct file_list *files, struct work_result *results,
                  struct errmsg *msg)
{
    struct crew crew;
    enum err rc = begin(&crew, work, msg);

    if (rc == ERR_NONE) {
        rc = run_workers(&crew, msg);
    }
    for (unsigned i = 0; rc == ERR_NONE && i < crew.collection_count; i++) {
        char *dir = path_join(work->release_dir, "%s", crew.collections[i].label);

        rc = add_files(&crew.collections[i], work->release_dir, files, &results[i], msg);
        if (rc == ERR_NONE) {
            rc = dir_sync(dir, msg);
        }
        free(dir);
    }
    end(&crew);
    return rc;
}
