/*
 * Bytes of a connection that were read and not parsed yet: what comes before them is answered first.
 *
 * Those that are left over when they are fed again stay where they are; nothing is copied twice.
 * Thread-safety: none. Zeroed at its start; unread_free ends it.
 */
#ifndef VITRINE_SERVICE_UNREAD_H
#define VITRINE_SERVICE_UNREAD_H

#include <stddef.h>

#include "base/slice.h"

struct unread {
    char *ptr;    /* owned; NULL: there are none */
    size_t size;  /* of the memory */
    size_t begin; /* where they begin in it; `size` while they are being fed */
};

/* Keeps BYTES: a copy, unless they are the end of what unread_begin returned. */
void unread_keep(struct unread *unread, struct slice bytes);

/* All of them, to be fed. They live until unread_end, which frees them unless some were kept again. */
struct slice unread_begin(struct unread *unread);
void unread_end(struct unread *unread);

void unread_free(struct unread *unread);

#endif
