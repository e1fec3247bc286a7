#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

enum { FIRST_CAPACITY = 256 };

void buffer_init(struct buffer *buffer, size_t max)
{
    *buffer = (struct buffer){.max = max};
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->ptr);
    buffer_init(buffer, buffer->max);
}

char *buffer_grow(struct buffer *buffer, size_t size)
{
    size_t capacity = buffer->capacity;

    if (buffer->max - buffer->len < size) {
        buffer->overflowed = true;
        return NULL;
    }
    if (capacity == 0) {
        capacity = buffer->max < FIRST_CAPACITY ? buffer->max : FIRST_CAPACITY;
    }
    while (capacity - buffer->len < size) {
        capacity = capacity > buffer->max / 2 ? buffer->max : capacity * 2;
    }
    if (capacity > buffer->capacity) {
        buffer->ptr = memory_realloc(buffer->ptr, capacity);
        buffer->capacity = capacity;
    }
    return buffer->ptr + buffer->len;
}

void buffer_append_quoted(struct buffer *buffer, struct slice text, char quote)
{
    buffer_append_byte(buffer, quote);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == quote) {
            buffer_append_byte(buffer, quote);
        }
        buffer_append_byte(buffer, text.ptr[i]);
    }
    buffer_append_byte(buffer, quote);
}

void buffer_printf(struct buffer *buffer, const char *fmt, ...)
{
    va_list args;
    va_list again;
    int len;
    char *room;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    room = buffer_reserve(buffer, (size_t)len + 1); /* vsnprintf writes its NUL too */
    if (room != NULL) {
        vsnprintf(room, (size_t)len + 1, fmt, again);
        buffer->len += (size_t)len;
    }
    va_end(again);
}

const char *buffer_str(struct buffer *buffer)
{
    char *room = buffer_reserve(buffer, 1);

    if (room == NULL) {
        return "";
    }
    *room = '\0';
    return buffer->ptr;
}
