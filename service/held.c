#include "service/held.h"

#include "service/connection.h"
#include "service/loop.h"

static const double ROUNDED = 0.99; /* a mean may come out a little above all of its numbers */

static void set_bytes(struct connection *connection, size_t bytes)
{
    struct loop *loop = connection->loop;
    struct held *held = loop->bounds.held;

    if (connection->held == 0) {
        connection->held_since_ms = uv_now(&loop->uv);
    }
    loop->held_bytes += bytes - connection->held; /* unsigned: may wrap on its way */
    if (held != NULL) {
        atomic_fetch_add_explicit(&held->bytes, bytes - connection->held, memory_order_relaxed);
    }
    connection->held = bytes;
}

void held_note(struct connection *connection)
{
    size_t bytes = connection->unsent + connection->http.kept.capacity + connection->unread.size;

    if (connection->state != CONNECTION_CLOSING && bytes != connection->held) {
        set_bytes(connection, bytes);
    }
}

void held_look(struct connection *connection)
{
    size_t before = connection->held;

    held_note(connection);
    if (connection->held > before) {
        held_check(connection->loop);
    }
}

void held_close(struct connection *connection)
{
    connection->leaving = connection->held;
    connection->loop->leaving_bytes += connection->held;
    set_bytes(connection, 0);
}

void held_leave(struct connection *connection)
{
    connection->loop->leaving_bytes -= connection->leaving;
}

bool held_is_full(const struct loop *loop)
{
    const struct held *held = loop->bounds.held;

    return loop->leaving_bytes > 0 && held != NULL &&
           loop->held_bytes + loop->leaving_bytes > held->most / held->loop_count;
}

/* Whether LOOP has to close connections for there to be at most MOST bytes. */
static bool is_beyond(const struct loop *loop, size_t most)
{
    const struct held *held = loop->bounds.held;

    return loop->held_bytes > most / held->loop_count &&
           atomic_load_explicit(&held->bytes, memory_order_relaxed) > most;
}

/* Bytes times time; a moment counts as well. */
static double burden(const struct connection *connection)
{
    uint64_t ms = uv_now(&connection->loop->uv) - connection->held_since_ms + 1;

    return (double)connection->held * (double)ms;
}

static double mean_burden(const struct loop *loop)
{
    double sum = 0;
    double count = 0;

    for (const struct connection *at = loop->connections; at != NULL; at = at->next) {
        if (at->held > 0) {
            sum += burden(at);
            count++;
        }
    }
    return count > 0 ? sum / count : 0;
}

void held_check(struct loop *loop)
{
    size_t wanted;

    if (loop->bounds.held == NULL || !is_beyond(loop, loop->bounds.held->most)) {
        return;
    }
    wanted = loop->bounds.held->most - loop->bounds.held->most / 8;
    /* Who is a greater burden than most comes first; each pass finds one at least. */
    while (is_beyond(loop, wanted)) {
        double least = mean_burden(loop) * ROUNDED;

        for (struct connection *at = loop->connections; at != NULL && is_beyond(loop, wanted);
             at = at->next) {
            if (at->held > 0 && burden(at) >= least) {
                connection_close(at);
                loop->outstayed_count++;
                meter_add(&loop->meter.outstayed, 1);
            }
        }
    }
}
