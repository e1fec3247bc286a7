/*
 * A buffer is bytes that grow up to a maximum named at birth.
 *
 * An append beyond the maximum is dropped and remembered in `overflowed`, so that a writer of many
 * small pieces checks once, at the end.
 *
 * Thread-safety: none; a buffer has one owner, who calls buffer_free.
 */
#ifndef VITRINE_BASE_BUFFER_H
#define VITRINE_BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/slice.h"

struct buffer {
    char *ptr;
    size_t len;      /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t max;      /* bytes it may never pass */
    bool overflowed; /* an append was dropped */
};

void buffer_init(struct buffer *buffer, size_t max);
void buffer_free(struct buffer *buffer);

/* Makes room for SIZE more bytes and returns where they go, or NULL (and overflowed) beyond max. */
char *buffer_grow(struct buffer *buffer, size_t size);

/* Empties the buffer, keeps its memory, forgets an overflow. */
static inline void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->overflowed = false;
}

/* Room for SIZE bytes at the end, or NULL; the caller then adds what it wrote to `len`. */
static inline char *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->capacity - buffer->len >= size) {
        return buffer->ptr + buffer->len;
    }
    return buffer_grow(buffer, size);
}

static inline void buffer_append(struct buffer *buffer, const void *ptr, size_t size)
{
    char *room;

    if (size == 0) {
        return;
    }
    room = buffer_reserve(buffer, size);
    if (room != NULL) {
        memcpy(room, ptr, size);
        buffer->len += size;
    }
}

static inline void buffer_append_slice(struct buffer *buffer, struct slice text)
{
    buffer_append(buffer, text.ptr, text.len);
}

static inline void buffer_append_str(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

static inline void buffer_append_byte(struct buffer *buffer, char byte)
{
    buffer_append(buffer, &byte, 1);
}

/* TEXT between two QUOTEs, with every QUOTE in it doubled: as SQL and CSV write it. */
void buffer_append_quoted(struct buffer *buffer, struct slice text, char quote);

void buffer_printf(struct buffer *buffer, const char *fmt, ...) PRINTF_LIKE(2, 3);

static inline struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_of(buffer->ptr, buffer->len);
}

/* The content with a NUL behind it that is not counted; "" when empty or overflowed to nothing. */
const char *buffer_str(struct buffer *buffer);

#endif
