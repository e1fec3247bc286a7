/*
 * Answers on their way out: what the socket takes at once is gone, the rest waits in memory.
 *
 * Thread-safety: none; a stream belongs to its loop's thread.
 */
#ifndef VITRINE_SERVICE_OUTGOING_H
#define VITRINE_SERVICE_OUTGOING_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "base/buffer.h"

/*
 * Sends OUT over STREAM. When the socket does not take all of it, or IS_DEFERRED, what is left is queued
 * and its bytes are added to *UNSENT; ON_WRITTEN is called when they are written, or never will be. OUT
 * may have lost its memory to the queue. False when the connection is broken.
 */
bool outgoing_send(uv_stream_t *stream, struct buffer *out, bool is_deferred,
                   uv_write_cb on_written, size_t *unsent);

/* Has ON_WRITTEN called in a later turn of the loop, behind what is queued. False as above. */
bool outgoing_call(uv_stream_t *stream, uv_write_cb on_written, size_t *unsent);

/* At the beginning of ON_WRITTEN: frees what REQUEST has written and takes it off *UNSENT; the stream's data. */
void *outgoing_end(uv_write_t *request);

#endif
