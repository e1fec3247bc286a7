#include "service/swap.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/progress.h"

static void look(struct swap *swap);

/* On a thread of the pool. */
static void on_work(uv_work_t *work)
{
    struct swap *swap = work->data;
    int64_t started_ms = monotonic_ms();

    swap->rc = plan_open(swap->seen, swap->verify, &swap->plan, &swap->msg);
    if (swap->rc == ERR_NONE) {
        log_info("release_opened", "release=%s verified=%s ms=%" PRId64, swap->plan->release_name,
                 swap->verify ? "yes" : "no", monotonic_ms() - started_ms);
    }
}

static void on_opened(uv_work_t *work, int status)
{
    struct swap *swap = work->data;

    (void)status; /* the work is never cancelled */
    swap->is_opening = false;
    if (swap->rc != ERR_NONE) {
        log_error("release_refused", "dir=%s reason=\"%s\"", swap->seen, swap->msg.text);
    } else {
        swap->on_plan(swap->context, swap->plan);
    }
    look(swap); /* the link may have changed meanwhile */
}

static void note_missing(struct swap *swap, const struct errmsg *msg)
{
    if (!swap->is_missing) {
        log_warn("current_unreadable", "root=%s reason=\"%s\"", swap->root, msg->text);
    }
    swap->is_missing = true;
}

static void look(struct swap *swap)
{
    struct errmsg msg;
    char *dir;

    if (swap->is_opening || uv_is_closing((uv_handle_t *)&swap->poll)) {
        return;
    }
    if (root_current(swap->root, &dir, &msg) != ERR_NONE) {
        note_missing(swap, &msg);
        return;
    }
    swap->is_missing = false;
    if (strcmp(dir, swap->seen) == 0) {
        free(dir);
        return;
    }
    free(swap->seen);
    swap->seen = dir;
    swap->is_opening = true;
    uv_queue_work(swap->poll.loop, &swap->work, on_work, on_opened);
}

static void on_poll(uv_timer_t *timer)
{
    look(timer->data);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    (void)name;
    (void)events;
    if (status == 0) {
        look(event->data);
    }
}

enum err swap_start(struct swap *swap, uv_loop_t *loop, const char *seen, struct errmsg *msg)
{
    int result = uv_timer_init(loop, &swap->poll);

    if (result != 0) {
        return err_set(msg, ERR_SYSTEM, "watch %s: %s", swap->root, uv_strerror(result));
    }
    swap->seen = memory_copy_str(seen);
    swap->poll.data = swap;
    swap->event.data = swap;
    swap->work.data = swap;
    uv_timer_start(&swap->poll, on_poll, SWAP_POLL_MS, SWAP_POLL_MS);
    uv_fs_event_init(loop, &swap->event);
    result = uv_fs_event_start(&swap->event, on_event, swap->root, 0);
    if (result != 0) {
        log_warn("root_not_watched", "root=%s reason=\"%s\" poll_ms=%d", swap->root,
                 uv_strerror(result), SWAP_POLL_MS);
    }
    return ERR_NONE;
}

bool swap_stop(struct swap *swap)
{
    if (!uv_is_closing((uv_handle_t *)&swap->poll)) {
        uv_close((uv_handle_t *)&swap->poll, NULL);
        uv_close((uv_handle_t *)&swap->event, NULL);
    }
    return swap->is_opening;
}

void swap_free(struct swap *swap)
{
    assert(!swap->is_opening);
    free(swap->seen);
    swap->seen = NULL;
}
