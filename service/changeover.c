#include "service/changeover.h"

#include <assert.h>

#include "base/log.h"
#include "base/priority.h"

/* On a thread of the pool. */
static void on_close(uv_work_t *work)
{
    struct changeover *changeover = work->data;

    priority_lower(PRIORITY_BEHIND);
    served_close(&changeover->served);
}

static void on_closed(uv_work_t *work, int status)
{
    struct changeover *changeover = work->data;

    (void)status; /* the work is never cancelled */
    changeover->is_at_work = false;
    changeover_look(changeover);
}

/* On a thread of the pool. */
static void on_open(uv_work_t *work)
{
    struct changeover *changeover = work->data;

    priority_lower(PRIORITY_BEHIND);
    changeover->rc =
        served_open(plan_hold(changeover->plan), &changeover->served, &changeover->msg);
}

/* The plan is offered again, unless there is a newer one. */
static void note_failure(struct changeover *changeover)
{
    struct plan *none = NULL;

    if (!changeover->has_failed) {
        log_error("release_not_served", "reason=\"%s\"", changeover->msg.text);
    }
    changeover->has_failed = true;
    changeover->is_at_work = false;
    if (!atomic_compare_exchange_strong(&changeover->offered, &none, changeover->plan)) {
        plan_drop(changeover->plan);
        changeover_look(changeover);
    }
}

static void on_opened(uv_work_t *work, int status)
{
    struct changeover *changeover = work->data;

    (void)status;
    if (changeover->rc != ERR_NONE) {
        note_failure(changeover);
        return;
    }
    changeover->has_failed = false;
    plan_drop(changeover->plan);
    changeover->on_served(changeover->context, &changeover->served);
    uv_queue_work(changeover->uv, &changeover->work, on_close, on_closed);
}

void changeover_init(struct changeover *changeover)
{
    atomic_init(&changeover->offered, NULL);
    changeover->work.data = changeover;
}

void changeover_offer(struct changeover *changeover, struct plan *plan)
{
    plan_drop(atomic_exchange(&changeover->offered, plan));
}

void changeover_look(struct changeover *changeover)
{
    if (changeover->is_at_work) {
        return;
    }
    changeover->plan = atomic_exchange(&changeover->offered, NULL);
    if (changeover->plan != NULL) {
        changeover->is_at_work = true;
        uv_queue_work(changeover->uv, &changeover->work, on_open, on_opened);
    }
}

void changeover_close(struct changeover *changeover)
{
    assert(!changeover->is_at_work);
    plan_drop(atomic_exchange(&changeover->offered, NULL));
}
