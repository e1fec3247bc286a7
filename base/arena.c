#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGNMENT = 16 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* usable bytes after this header */
};

_Static_assert(sizeof(struct arena_block) % ALIGNMENT == 0, "blocks keep their payload aligned");

static void out_of_memory(size_t size)
{
    fprintf(stderr, "vitrine: out of memory (%zu bytes wanted)\n", size);
    abort();
}

void *memory_alloc(size_t size)
{
    void *ptr = malloc(size == 0 ? 1 : size);

    if (ptr == NULL) {
        out_of_memory(size);
    }
    return ptr;
}

void *memory_calloc(size_t count, size_t size)
{
    void *ptr = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

    if (ptr == NULL) {
        out_of_memory(size);
    }
    return ptr;
}

void *memory_realloc(void *ptr, size_t size)
{
    void *grown = realloc(ptr, size == 0 ? 1 : size);

    if (grown == NULL) {
        out_of_memory(size);
    }
    return grown;
}

char *memory_copy_str(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(memory_alloc(size), text, size);
}

static struct arena_block *block_new(size_t size)
{
    struct arena_block *block = memory_alloc(sizeof *block + size);

    block->next = NULL;
    block->size = size;
    return block;
}

void arena_init(struct arena *arena, size_t block_size)
{
    *arena = (struct arena){.block_size = block_size};
}

static void free_chain(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
}

void arena_free(struct arena *arena)
{
    free_chain(arena->first);
    arena->first = NULL;
    arena->last = NULL;
    arena->used = 0;
}

void arena_reset(struct arena *arena)
{
    if (arena->first != NULL) {
        free_chain(arena->first->next);
        arena->first->next = NULL;
    }
    arena->last = arena->first;
    arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded;
    char *ptr;

    if (size > SIZE_MAX - 2 * ALIGNMENT - sizeof(struct arena_block)) {
        out_of_memory(size);
    }
    rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (arena->last == NULL || arena->last->size - arena->used < rounded) {
        struct arena_block *block =
            block_new(rounded > arena->block_size ? rounded : arena->block_size);

        if (arena->last == NULL) {
            arena->first = block;
        } else {
            arena->last->next = block;
        }
        arena->last = block;
        arena->used = 0;
    }
    ptr = (char *)(arena->last + 1) + arena->used;
    arena->used += rounded;
    return ptr;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        out_of_memory(SIZE_MAX);
    }
    return memset(arena_alloc(arena, count * size), 0, count * size);
}

struct slice arena_copy(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);

    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    copy[text.len] = '\0';
    return slice_of(copy, text.len);
}
