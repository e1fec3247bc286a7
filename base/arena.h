/*
 * An arena hands out memory that is freed all at once.
 *
 * Good for: what lives as long as one request, one row group or one loaded definition.
 * Under the hood: a list of blocks; reset keeps the first block, so a steady user allocates once.
 * Thread-safety: none; an arena has one owner.
 * Errors: none to check. Sizes that come from a file or a client are bounded by the caller first;
 * when the system has no memory left, the process ends.
 */
#ifndef VITRINE_BASE_ARENA_H
#define VITRINE_BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *first; /* kept by arena_reset */
    struct arena_block *last;  /* the one being filled */
    size_t used;               /* bytes used in `last` */
    size_t block_size;         /* bytes of an ordinary block */
};

/* BLOCK_SIZE is the size of a block in bytes; a larger request gets a block of its own. */
void arena_init(struct arena *arena, size_t block_size);
void arena_free(struct arena *arena);

/* Forgets everything that was handed out. */
void arena_reset(struct arena *arena);

/* SIZE bytes, aligned for any type, not cleared. Never NULL, also for 0. */
void *arena_alloc(struct arena *arena, size_t size);

/* COUNT * SIZE bytes, cleared. Ends the process when that overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

/* A copy of TEXT in the arena, followed by a NUL that is not counted. */
struct slice arena_copy(struct arena *arena, struct slice text);

/* malloc family for longer lives: never NULL; the process ends when memory is exhausted. */
void *memory_alloc(size_t size);
void *memory_calloc(size_t count, size_t size);
void *memory_realloc(void *ptr, size_t size);
char *memory_copy_str(const char *text);

#endif
