#include "service/forward_link.h"

#include <netdb.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"

enum {
    STARTS_MAX = 4,     /* connections that ended before a byte was sent, for one request */
    LOG_EVERY_MS = 1000 /* what is wrong with the primary is logged so often at most */
};

/* ---- requests ---- */

void forwarder_finish(struct forwarder *forwarder, struct forward *forward,
                      enum forward_outcome outcome)
{
    forward->outcome = outcome;
    forwarder->bytes -= forward->request.len;
    forward->done(forward);
}

void forwarder_fail(struct forwarder *forwarder, struct forward *forward)
{
    forwarder_finish(forwarder, forward, forward->is_sent ? FORWARD_LOST : FORWARD_AWAY);
}

static void queue_last(struct forwarder *forwarder, struct forward *forward)
{
    forward->next = NULL;
    if (forwarder->first == NULL) {
        forwarder->first = forward;
    } else {
        forwarder->last->next = forward;
    }
    forwarder->last = forward;
    forwarder->waiting_count++;
}

void forwarder_requeue(struct forwarder *forwarder, struct forward *forward)
{
    forward->next = forwarder->first;
    if (forwarder->first == NULL) {
        forwarder->last = forward;
    }
    forwarder->first = forward;
    forwarder->waiting_count++;
}

static struct forward *queue_take(struct forwarder *forwarder)
{
    struct forward *forward = forwarder->first;

    forwarder->first = forward->next;
    forwarder->waiting_count--;
    return forward;
}

static void fail_waiting(struct forwarder *forwarder)
{
    while (forwarder->first != NULL) {
        forwarder_fail(forwarder, queue_take(forwarder));
    }
}

void forwarder_give_up(struct forwarder *forwarder, const char *reason)
{
    uint64_t now_ms = uv_now(forwarder->uv);

    forwarder->address_count = 0;
    if (forwarder->logged_ms == 0 || now_ms - forwarder->logged_ms >= LOG_EVERY_MS) {
        log_warn("primary_away", "primary=%s waiting=%u reason=\"%s\"",
                 forwarder->primary->authority, forwarder->waiting_count, reason);
        forwarder->logged_ms = now_ms;
    }
    fail_waiting(forwarder);
}

void forwarder_check_closed(struct forwarder *forwarder)
{
    if (forwarder->is_closing && forwarder->is_tick_closed && forwarder->links == NULL &&
        !forwarder->is_resolving) {
        free(forwarder);
    }
}

/* ---- addresses ---- */

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct forwarder *forwarder = request->data;

    forwarder->is_resolving = false;
    forwarder->address_count = 0;
    forwarder->address_preferred = 0;
    for (struct addrinfo *at = found;
         at != NULL && forwarder->address_count < FORWARD_ADDRESSES_MAX; at = at->ai_next) {
        memcpy(&forwarder->addresses[forwarder->address_count++], at->ai_addr, at->ai_addrlen);
    }
    uv_freeaddrinfo(found);
    if (forwarder->is_closing) {
        forwarder_check_closed(forwarder);
        return;
    }
    forwarder->resolved_ms = uv_now(forwarder->uv);
    if (forwarder->address_count == 0) {
        forwarder_give_up(forwarder, status != 0 ? uv_strerror(status) : "it has no address");
        return;
    }
    forwarder_pump(forwarder);
}

static void resolve(struct forwarder *forwarder)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int result;

    if (forwarder->is_resolving) {
        return;
    }
    forwarder->resolve.data = forwarder;
    result = uv_getaddrinfo(forwarder->uv, &forwarder->resolve, on_resolved,
                            forwarder->primary->host, forwarder->primary->port, &hints);
    forwarder->is_resolving = result == 0;
    if (result != 0) {
        forwarder_give_up(forwarder, uv_strerror(result));
    }
}

static bool has_addresses(const struct forwarder *forwarder)
{
    return forwarder->address_count > 0 &&
           uv_now(forwarder->uv) - forwarder->resolved_ms < FORWARD_RESOLVED_MS;
}

/* One that is being connected for each request that waits, as far as there may be so many. */
static void connect_more(struct forwarder *forwarder)
{
    while (forwarder->connecting_count < forwarder->waiting_count &&
           forwarder->link_count < FORWARD_LINKS_MAX) {
        if (!has_addresses(forwarder)) {
            if (forwarder->connecting_count == 0) { /* those still know the addresses by number */
                resolve(forwarder);
            }
            return;
        }
        forward_link_connect(forwarder, forwarder->address_preferred, 0,
                             uv_now(forwarder->uv) + FORWARD_CONNECT_MS);
    }
}

/* ---- the pool ---- */

static struct link *idle_link(struct forwarder *forwarder)
{
    for (struct link *link = forwarder->links; link != NULL; link = link->next) {
        if (link->state == LINK_IDLE) {
            return link;
        }
    }
    return NULL;
}

void forwarder_pump(struct forwarder *forwarder)
{
    struct link *link;

    while (!forwarder->is_closing && forwarder->first != NULL &&
           (link = idle_link(forwarder)) != NULL) {
        struct forward *forward = queue_take(forwarder);

        if (forward_link_start(link, forward)) {
            continue;
        }
        forward_link_close(link);
        if (++forward->start_count < STARTS_MAX) {
            forwarder_requeue(forwarder, forward);
        } else {
            forwarder_fail(forwarder, forward);
        }
    }
    if (!forwarder->is_closing) {
        connect_more(forwarder);
    }
}

/* ---- time ---- */

static void fail_late(struct forwarder *forwarder, uint64_t now_ms)
{
    struct forward *at = forwarder->first;

    forwarder->first = NULL;
    forwarder->waiting_count = 0;
    while (at != NULL) {
        struct forward *next = at->next;

        if (now_ms >= at->deadline_ms) {
            forwarder_fail(forwarder, at);
        } else {
            queue_last(forwarder, at);
        }
        at = next;
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct forwarder *forwarder = timer->data;
    uint64_t now_ms = uv_now(forwarder->uv);
    struct link *next;

    /* A connection that closes stays in the list until its callback. */
    for (struct link *link = forwarder->links; link != NULL; link = next) {
        next = link->next;
        forward_link_check_time(link, now_ms);
    }
    fail_late(forwarder, now_ms);
    if (forwarder->link_count == 0 && forwarder->first == NULL) {
        uv_timer_stop(&forwarder->tick);
    }
}

/* ---- the forwarder ---- */

struct forwarder *forwarder_open(uv_loop_t *uv, const struct primary *primary, uint64_t timeout_ms)
{
    struct forwarder *forwarder = memory_calloc(1, sizeof *forwarder);

    uv_timer_init(uv, &forwarder->tick);
    forwarder->uv = uv;
    forwarder->tick.data = forwarder;
    forwarder->primary = primary;
    forwarder->timeout_ms = timeout_ms;
    return forwarder;
}

void forwarder_send(struct forwarder *forwarder, struct forward *forward)
{
    primary_answer_init(&forward->answer);
    forward->deadline_ms = uv_now(forwarder->uv) + forwarder->timeout_ms;
    forward->is_sent = false;
    forward->is_repeated = false;
    forward->start_count = 0;
    forwarder->bytes += forward->request.len;
    if (forwarder->is_closing || forwarder->bytes > FORWARD_BYTES_MAX) {
        forwarder_fail(forwarder, forward);
        return;
    }
    queue_last(forwarder, forward);
    if (!uv_is_active((const uv_handle_t *)&forwarder->tick)) {
        uv_timer_start(&forwarder->tick, on_tick, FORWARD_TICK_MS, FORWARD_TICK_MS);
    }
    forwarder_pump(forwarder);
}

static void on_tick_closed(uv_handle_t *handle)
{
    struct forwarder *forwarder = handle->data;

    forwarder->is_tick_closed = true;
    forwarder_check_closed(forwarder);
}

void forwarder_close(struct forwarder *forwarder)
{
    if (forwarder == NULL || forwarder->is_closing) {
        return;
    }
    forwarder->is_closing = true;
    uv_close((uv_handle_t *)&forwarder->tick, on_tick_closed);
    if (forwarder->is_resolving) {
        uv_cancel((uv_req_t *)&forwarder->resolve);
    }
    for (struct link *link = forwarder->links; link != NULL; link = link->next) {
        struct forward *forward = link->state == LINK_BUSY ? link->forward : NULL;

        forward_link_close(link);
        if (forward != NULL) {
            forwarder_fail(forwarder, forward);
        }
    }
    fail_waiting(forwarder);
}
