#include "service/outgoing.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct outgoing {
    uv_write_t request;
    char *ptr; /* owned */
    size_t len;
    size_t *unsent;
};

static void outgoing_free(struct outgoing *outgoing)
{
    *outgoing->unsent -= outgoing->len;
    free(outgoing->ptr);
    free(outgoing);
}

/* Queues what OUT has from SENT on; a large rest takes the memory along. */
static bool queue_rest(uv_stream_t *stream, struct buffer *out, size_t sent, uv_write_cb on_written,
                       size_t *unsent)
{
    struct outgoing *outgoing = memory_alloc(sizeof *outgoing);
    size_t len = out->len - sent;
    uv_buf_t buf;

    if (len < out->capacity / 2) {
        outgoing->ptr = memory_alloc(len);
        memcpy(outgoing->ptr, out->ptr + sent, len);
        buf = uv_buf_init(outgoing->ptr, (unsigned)len);
    } else {
        outgoing->ptr = out->ptr;
        buf = uv_buf_init(out->ptr + sent, (unsigned)len);
        len = out->len;
        buffer_init(out, out->max);
    }
    outgoing->len = len;
    outgoing->unsent = unsent;
    *unsent += len;
    if (uv_write(&outgoing->request, stream, &buf, 1, on_written) != 0) {
        outgoing_free(outgoing);
        return false;
    }
    return true;
}

bool outgoing_send(uv_stream_t *stream, struct buffer *out, bool is_deferred,
                   uv_write_cb on_written, size_t *unsent)
{
    size_t sent = 0;

    if (out->len > 0 && !is_deferred && uv_stream_get_write_queue_size(stream) == 0) {
        uv_buf_t buf = uv_buf_init(out->ptr, (unsigned)out->len);
        int result = uv_try_write(stream, &buf, 1);

        if (result < 0 && result != UV_EAGAIN) {
            return false;
        }
        sent = result < 0 ? 0 : (size_t)result;
    }
    return sent == out->len || queue_rest(stream, out, sent, on_written, unsent);
}

bool outgoing_call(uv_stream_t *stream, uv_write_cb on_written, size_t *unsent)
{
    struct buffer nothing;

    buffer_init(&nothing, 0);
    return queue_rest(stream, &nothing, 0, on_written, unsent);
}

void *outgoing_end(uv_write_t *request)
{
    void *data = request->handle->data;

    outgoing_free((struct outgoing *)request);
    return data;
}
