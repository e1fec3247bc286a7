#include "service/swap.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/priority.h"
#include "replica/root.h"

static void look(struct swap *swap);
static void on_poll(uv_timer_t *timer);

/* So that a damaged release is not activated by itself any more, and a mended one is. */
static void remember(const struct swap *swap)
{
    struct errmsg msg;
    enum err rc = swap->rc == ERR_CORRUPT
                      ? root_refuse(swap->root, swap->seen, swap->msg.text, &msg)
                  : swap->rc == ERR_NONE ? root_forgive(swap->root, swap->seen, &msg)
                                         : ERR_NONE;

    if (rc != ERR_NONE) {
        log_warn("state_not_written", "root=%s reason=\"%s\"", swap->root, msg.text);
    }
}

/* On a thread of the pool. */
static void on_work(uv_work_t *work)
{
    struct swap *swap = work->data;
    bool is_reopening = swap->target != swap->seen;
    int64_t started_ms = monotonic_ms();

    priority_lower(PRIORITY_BEHIND); /* for good: the pool has nothing else to do */
    swap->rc = plan_open(swap->target, &swap->check, &swap->plan, &swap->msg);
    if (swap->rc == ERR_NONE) {
        log_info("release_opened", "release=%s verified=%s ms=%" PRId64, swap->plan->release_name,
                 swap->check.verify ? "yes" : "no", monotonic_ms() - started_ms);
    } else if (is_reopening || strcmp(swap->said, swap->msg.text) != 0) {
        log_error("release_refused", "dir=%s reason=\"%s\"", swap->target, swap->msg.text);
    }
    if (!is_reopening && strcmp(swap->said, swap->rc == ERR_NONE ? "" : swap->msg.text) != 0) {
        remember(swap);
    }
}

/* The next look: soon when something is to be tried again soon. */
static void schedule(struct swap *swap)
{
    uint64_t next_ms =
        swap->has_failed && swap->retry_ms < swap->poll_ms ? swap->retry_ms : swap->poll_ms;

    if (!uv_is_closing((uv_handle_t *)&swap->poll)) {
        uv_timer_start(&swap->poll, on_poll, next_ms, next_ms);
    }
}

static void note_failure(struct swap *swap)
{
    uint64_t now_ms = uv_now(swap->poll.loop);

    snprintf(swap->said, sizeof swap->said, "%s", swap->msg.text);
    swap->retry_ms = !swap->has_failed                        ? SWAP_RETRY_MS
                     : swap->retry_ms > SWAP_RETRY_MAX_MS / 2 ? SWAP_RETRY_MAX_MS
                                                              : swap->retry_ms * 2;
    swap->has_failed = true;
    swap->retry_at_ms = swap->is_asked ? now_ms : now_ms + swap->retry_ms;
}

static void forget_failure(struct swap *swap)
{
    swap->has_failed = false;
    swap->said[0] = '\0';
}

static void on_opened(uv_work_t *work, int status)
{
    struct swap *swap = work->data;

    bool is_reopening = swap->target != swap->seen;

    (void)status; /* the work is never cancelled */
    swap->is_opening = false;
    if (swap->rc == ERR_NONE) {
        swap->on_plan(swap->context, swap->plan);
    } else {
        swap->on_refused(swap->context);
    }
    if (is_reopening || swap->rc == ERR_NONE) {
        free(swap->reopened);
        swap->reopened = NULL;
    }
    if (!is_reopening && swap->rc == ERR_NONE) {
        forget_failure(swap);
    } else if (!is_reopening) {
        note_failure(swap);
    }
    swap->is_asked = false;
    schedule(swap);
    look(swap); /* the link may have changed meanwhile */
}

static void note_missing(struct swap *swap, const struct errmsg *msg)
{
    if (!swap->is_missing) {
        log_warn("current_unreadable", "root=%s reason=\"%s\"", swap->root, msg->text);
    }
    swap->is_missing = true;
}

/* Whether the link leads to something that is to be opened now. */
static bool follows_link(struct swap *swap)
{
    struct errmsg msg;
    char *dir;

    if (root_current(swap->root, &dir, &msg) != ERR_NONE) {
        note_missing(swap, &msg);
        return false;
    }
    swap->is_missing = false;
    if (strcmp(dir, swap->seen) == 0) {
        free(dir);
        return swap->has_failed && uv_now(swap->poll.loop) >= swap->retry_at_ms;
    }
    free(swap->seen);
    swap->seen = dir;
    forget_failure(swap);
    return true;
}

static void look(struct swap *swap)
{
    if (swap->is_opening || uv_is_closing((uv_handle_t *)&swap->poll)) {
        return;
    }
    swap->target = follows_link(swap) ? swap->seen : swap->reopened;
    if (swap->target != NULL) {
        swap->is_opening = true;
        uv_queue_work(swap->poll.loop, &swap->work, on_work, on_opened);
    }
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
    uv_fs_event_init(loop, &swap->event);
    result = uv_fs_event_start(&swap->event, on_event, swap->root, 0);
    swap->poll_ms = result == 0 ? SWAP_POLL_MS : SWAP_POLL_UNWATCHED_MS;
    if (result != 0) {
        log_warn("root_not_watched", "root=%s reason=\"%s\" poll_ms=%d", swap->root,
                 uv_strerror(result), SWAP_POLL_UNWATCHED_MS);
    }
    schedule(swap);
    return ERR_NONE;
}

void swap_reopen(struct swap *swap, const char *dir)
{
    if (!swap->is_opening || swap->target == swap->seen) {
        free(swap->reopened);
        swap->reopened = memory_copy_str(dir);
    }
    look(swap);
}

void swap_reload(struct swap *swap)
{
    swap->is_asked = swap->is_opening;
    swap->retry_at_ms = 0;
    look(swap);
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
    free(swap->reopened);
    swap->seen = NULL;
    swap->reopened = NULL;
}
