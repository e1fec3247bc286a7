#include "service/scrubber.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/pace.h"
#include "base/priority.h"
#include "base/timestamp.h"
#include "replica/scrub.h"

/* One walk over one release. */
struct pass {
    struct scrubber *scrubber;
    struct plan *plan;
    uint64_t order; /* a higher one ends it */
    bool is_full;   /* otherwise it looks at files that are known to be damaged */
    bool repairs;   /* it is time to try that */
    struct scrub *scrub;
    struct pace pace;
    const struct manifest_file *failed_file; /* the one that could not be repaired last */
    bool has_failed;                         /* something could not be looked at */
    bool is_mended;                          /* a file was replaced */
};

/* What the thread does next. */
struct task {
    struct plan *plan; /* one reference */
    uint64_t number;
};

/* ---- waiting ---- */

/*
 * Waits up to WAIT_MS (0: does not) for an order beyond NUMBER. True when there is one, or it is time
 * to stop.
 */
static bool wait_for_order(struct scrubber *scrubber, uint64_t number, int64_t wait_ms)
{
    int64_t until_ms = monotonic_ms() + wait_ms;
    bool has_order;

    uv_mutex_lock(&scrubber->lock);
    while (!scrubber->is_stopping && scrubber->orders == number && wait_ms > 0) {
        uv_cond_timedwait(&scrubber->changed, &scrubber->lock, (uint64_t)wait_ms * 1000000);
        wait_ms = until_ms - monotonic_ms();
    }
    has_order = scrubber->is_stopping || scrubber->orders != number;
    uv_mutex_unlock(&scrubber->lock);
    return has_order;
}

/* Waits for something to scrub; false when it is time to stop. */
static bool take_order(struct scrubber *scrubber, struct task *out)
{
    bool goes_on;

    uv_mutex_lock(&scrubber->lock);
    while (!scrubber->is_stopping && scrubber->plan == NULL) {
        uv_cond_wait(&scrubber->changed, &scrubber->lock);
    }
    goes_on = !scrubber->is_stopping;
    if (goes_on) {
        *out = (struct task){.plan = plan_hold(scrubber->plan), .number = scrubber->orders};
    }
    uv_mutex_unlock(&scrubber->lock);
    return goes_on;
}

/* ---- repairing ---- */

/* False when it is too late to begin one. */
static bool set_repairing(struct scrubber *scrubber, bool is_repairing)
{
    bool goes_on;

    uv_mutex_lock(&scrubber->lock);
    goes_on = !scrubber->is_stopping;
    scrubber->is_repairing = goes_on && is_repairing;
    uv_mutex_unlock(&scrubber->lock);
    return goes_on;
}

static void note_failure(const struct pass *pass, const struct manifest_file *file,
                         const struct errmsg *reason)
{
    if (status_repair_failed(pass->scrubber->status, pass->plan, file, reason)) {
        log_error("repair_failed", "release=%s file=%.*s reason=\"%s\"", pass->plan->release_name,
                  SLICE_ARG(file->path), reason->text);
    }
}

static void repair(struct pass *pass, const struct manifest_file *file)
{
    const struct release *release = pass->plan->release;
    struct scrubber *scrubber = pass->scrubber;
    int64_t started_ms = monotonic_ms();
    struct errmsg msg;
    enum err rc;

    if (!set_repairing(scrubber, true)) {
        return;
    }
    rc = repair_file(release->dir, release->manifest, file, scrubber->repair, &msg);
    set_repairing(scrubber, false);
    if (rc != ERR_NONE) {
        pass->failed_file = file;
        note_failure(pass, file, &msg);
        return;
    }
    status_repaired(scrubber->status, pass->plan, file);
    log_info("file_repaired", "release=%s file=%.*s ms=%" PRId64, pass->plan->release_name,
             SLICE_ARG(file->path), monotonic_ms() - started_ms);
    pass->is_mended = true;
    scrub_skip_file(pass->scrub);
}

/* ---- a pass ---- */

static void note_damage(struct pass *pass, const struct scrub_found *found)
{
    for (unsigned i = 0; i < found->damage_count; i++) {
        const struct scrub_damage *damage = &found->damages[i];

        if (status_damaged(pass->scrubber->status, pass->plan, found->file, damage)) {
            log_error("page_damaged", "release=%s file=%.*s page=%" PRIu64 " reason=\"%s\"",
                      pass->plan->release_name, SLICE_ARG(found->file->path), damage->page,
                      scrub_fault_text(damage->fault));
        }
    }
}

/* Whether to leave the rest of FILE alone. The page hashes are needed to judge the others. */
static bool is_passed_over(const struct pass *pass, const struct manifest_file *file)
{
    return !pass->is_full && file != NULL && file->kind != FILE_PAGES &&
           !status_is_damaged(pass->scrubber->status, pass->plan, file);
}

/* The next step; false when the pass has come to its end. */
static bool step(struct pass *pass)
{
    struct scrubber *scrubber = pass->scrubber;
    struct scrub_found found;
    struct errmsg msg;

    if (scrub_step(pass->scrub, &found, &msg) != ERR_NONE) {
        log_warn("scrub_failed", "release=%s reason=\"%s\"", pass->plan->release_name, msg.text);
        pass->has_failed = true;
        return true;
    }
    status_scrubbed(scrubber->status, found.page_count, found.read_bytes);
    note_damage(pass, &found);
    if (found.damage_count > 0 && pass->repairs && found.file != pass->failed_file) {
        repair(pass, found.file);
    }
    if (is_passed_over(pass, found.file)) {
        scrub_skip_file(pass->scrub);
    }
    return !found.is_done &&
           !wait_for_order(scrubber, pass->order,
                           pace_wait_ms(&pass->pace, found.read_bytes, monotonic_ms()));
}

/* What is open is opened again when all that was damaged is better: otherwise it would be refused. */
static void end_pass(struct pass *pass)
{
    struct scrubber *scrubber = pass->scrubber;

    if (!pass->has_failed && !wait_for_order(scrubber, pass->order, 0) &&
        status_pass_ends(scrubber->status, pass->plan, pass->is_full, timestamp_now_ms())) {
        pass->is_mended = true;
    }
    pass->is_mended = pass->is_mended || release_is_replaced(pass->plan->release);
    if (pass->is_mended && !status_has_failure(scrubber->status, pass->plan)) {
        scrubber->on_mended(scrubber->context, pass->plan);
    }
}

static void run_pass(struct scrubber *scrubber, const struct task *task, bool full, bool repairs)
{
    struct pass pass = {.scrubber = scrubber,
                        .plan = task->plan,
                        .order = task->number,
                        .is_full = full,
                        .repairs = repairs};

    pace_begin(&pass.pace, scrubber->bytes_per_second, monotonic_ms());
    status_pass_begins(scrubber->status, pass.plan);
    pass.scrub = scrub_open(pass.plan->release->dir, pass.plan->release->manifest);
    while (step(&pass)) {
    }
    scrub_close(pass.scrub);
    end_pass(&pass);
}

/* ---- one pass after the other ---- */

/* When a repair that failed is tried again. */
struct retry {
    uint64_t number; /* of the order that it belongs to */
    int64_t pause_ms;
    int64_t at_ms;
};

/* After a pass: what failed in it waits twice as long as the last time. */
static void plan_retry(const struct scrubber *scrubber, const struct task *task,
                       struct retry *retry)
{
    if (!status_has_failure(scrubber->status, task->plan)) {
        retry->pause_ms = 0;
    } else if (retry->pause_ms == 0) {
        retry->pause_ms = SCRUB_RETRY_MS;
    } else {
        retry->pause_ms =
            retry->pause_ms * 2 < SCRUB_RETRY_MAX_MS ? retry->pause_ms * 2 : SCRUB_RETRY_MAX_MS;
    }
    retry->at_ms = monotonic_ms() + retry->pause_ms;
}

static void run_due_pass(struct scrubber *scrubber, const struct task *task, bool full,
                         struct retry *retry)
{
    bool repairs = scrubber->repair != NULL && monotonic_ms() >= retry->at_ms;

    run_pass(scrubber, task, full, repairs);
    if (repairs) {
        plan_retry(scrubber, task, retry);
    }
}

/* All files, and then, until it is time to do that again, those that could not be repaired. */
static void attend(struct scrubber *scrubber, const struct task *task, struct retry *retry)
{
    int64_t until_ms;

    run_due_pass(scrubber, task, true, retry);
    until_ms = monotonic_ms() + scrubber->every_ms;
    while (status_has_failure(scrubber->status, task->plan) && retry->at_ms < until_ms) {
        if (wait_for_order(scrubber, task->number, retry->at_ms - monotonic_ms())) {
            return;
        }
        run_due_pass(scrubber, task, false, retry);
    }
    wait_for_order(scrubber, task->number, until_ms - monotonic_ms());
}

static void run(void *argument)
{
    struct scrubber *scrubber = argument;
    struct retry retry = {.number = 0};
    struct task task;

    priority_lower(PRIORITY_IDLE);
    while (take_order(scrubber, &task)) {
        if (task.number != retry.number) {
            retry = (struct retry){.number = task.number};
        }
        attend(scrubber, &task, &retry);
        plan_drop(task.plan);
    }
}

/* ---- for others ---- */

enum err scrubber_start(struct scrubber *scrubber, struct errmsg *msg)
{
    int result;

    uv_mutex_init(&scrubber->lock);
    uv_cond_init(&scrubber->changed);
    result = uv_thread_create(&scrubber->thread, run, scrubber);
    if (result != 0) {
        uv_cond_destroy(&scrubber->changed);
        uv_mutex_destroy(&scrubber->lock);
        return err_set(msg, ERR_SYSTEM, "start a thread: %s", uv_strerror(result));
    }
    scrubber->has_thread = true;
    return ERR_NONE;
}

/* PLAN is one reference, or NULL to go on with the one before. */
static void give_order(struct scrubber *scrubber, struct plan *plan)
{
    struct plan *before = NULL;

    if (!scrubber->has_thread) {
        plan_drop(plan);
        return;
    }
    uv_mutex_lock(&scrubber->lock);
    if (plan != NULL) {
        before = scrubber->plan;
        scrubber->plan = plan;
    }
    scrubber->orders++;
    uv_cond_signal(&scrubber->changed);
    uv_mutex_unlock(&scrubber->lock);
    plan_drop(before);
}

void scrubber_serve(struct scrubber *scrubber, struct plan *plan)
{
    give_order(scrubber, plan_hold(plan));
}

void scrubber_hurry(struct scrubber *scrubber)
{
    give_order(scrubber, NULL);
}

bool scrubber_stop(struct scrubber *scrubber)
{
    bool is_repairing;

    if (!scrubber->has_thread) {
        return true;
    }
    uv_mutex_lock(&scrubber->lock);
    scrubber->is_stopping = true;
    is_repairing = scrubber->is_repairing;
    uv_cond_signal(&scrubber->changed);
    uv_mutex_unlock(&scrubber->lock);
    if (is_repairing) {
        return false;
    }
    uv_thread_join(&scrubber->thread);
    return true;
}

void scrubber_free(struct scrubber *scrubber)
{
    if (scrubber->has_thread) {
        plan_drop(scrubber->plan);
        uv_cond_destroy(&scrubber->changed);
        uv_mutex_destroy(&scrubber->lock);
    }
    scrubber->has_thread = false;
}
