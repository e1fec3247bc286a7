/*
 * A slice is a view of bytes that somebody else owns: a pointer and a length, not terminated.
 */
#ifndef VITRINE_BASE_SLICE_H
#define VITRINE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

/* printf("%.*s", SLICE_ARG(s)) */
#define SLICE_ARG(s) (int)(s).len, (s).ptr

static inline struct slice slice_of(const char *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

static inline struct slice slice_str(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_str(text));
}

/* Bytewise order, a shorter prefix first; <0, 0, >0. */
static inline int slice_compare(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

/* TEXT without the blanks and tabs around it. */
static inline struct slice slice_trim(struct slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text = slice_of(text.ptr + 1, text.len - 1);
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* The next line of *REST, which is not empty, without its "\n"; *REST is what follows. */
static inline struct slice slice_take_line(struct slice *rest)
{
    const char *end = (const char *)memchr(rest->ptr, '\n', rest->len);
    struct slice line = slice_of(rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr));
    size_t taken = line.len + (end != NULL);

    *rest = slice_of(rest->ptr + taken, rest->len - taken);
    return line;
}

#endif
