#include "replica/text_pack.h"

#define LZ4_HC_STATIC_LINKING_ONLY /* LZ4_attach_HC_dictionary */
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "replica/format.h"

enum {
    LEARN_MAX = 1024, /* bytes that one blob may give to the dictionary */
    EFFORT = 3,       /* LZ4HC level: 6 and 9 save 5 % more for 2-3x the time */
};

struct text_packer {
    struct buffer dictionary;
    LZ4_streamHC_t *ready; /* has taken in the dictionary */
    LZ4_streamHC_t *stream;
    struct buffer scratch;
};

struct text_packer *text_packer_new(void)
{
    struct text_packer *packer = memory_calloc(1, sizeof *packer);

    buffer_init(&packer->dictionary, DICTIONARY_SIZE_MAX);
    buffer_init(&packer->scratch, SIZE_MAX / 2);
    return packer;
}

void text_packer_free(struct text_packer *packer)
{
    if (packer != NULL) {
        buffer_free(&packer->dictionary);
        buffer_free(&packer->scratch);
        LZ4_freeStreamHC(packer->ready);
        LZ4_freeStreamHC(packer->stream);
        free(packer);
    }
}

bool text_packer_learn(struct text_packer *packer, struct slice text)
{
    size_t room = DICTIONARY_SIZE_MAX - packer->dictionary.len;
    size_t size = text.len < LEARN_MAX ? text.len : LEARN_MAX;

    buffer_append(&packer->dictionary, text.ptr, size < room ? size : room);
    return packer->dictionary.len == DICTIONARY_SIZE_MAX;
}

struct slice text_packer_dictionary(struct text_packer *packer)
{
    packer->ready = LZ4_createStreamHC();
    packer->stream = LZ4_createStreamHC();
    if (packer->ready == NULL || packer->stream == NULL) {
        abort(); /* out of memory, as in memory_alloc */
    }
    LZ4_resetStreamHC_fast(packer->ready, EFFORT);
    LZ4_loadDictHC(packer->ready, packer->dictionary.ptr, (int)packer->dictionary.len);
    return buffer_slice(&packer->dictionary);
}

void text_packer_load(struct text_packer *packer, struct slice dictionary)
{
    buffer_append_slice(&packer->dictionary, dictionary);
    (void)text_packer_dictionary(packer);
}

bool text_pack(struct text_packer *packer, struct slice text, struct buffer *out)
{
    int bound = LZ4_compressBound((int)text.len);
    int size;
    char *to;

    buffer_clear(&packer->scratch);
    to = buffer_reserve(&packer->scratch, (size_t)bound);
    LZ4_resetStreamHC_fast(packer->stream, EFFORT);
    LZ4_attach_HC_dictionary(packer->stream, packer->ready); /* a copy of it is 256 KiB */
    size = LZ4_compress_HC_continue(packer->stream, text.ptr, to, (int)text.len, bound);
    if (size <= 0 || (size_t)size > text.len - text.len / 8) {
        return false;
    }
    buffer_append(out, to, (size_t)size);
    return true;
}

struct text_unpacker {
    size_t dictionary_size;
    char bytes[]; /* the dictionary, then COMPRESS_MAX bytes */
};

struct text_unpacker *text_unpacker_new(struct slice dictionary)
{
    struct text_unpacker *unpacker =
        memory_alloc(sizeof *unpacker + dictionary.len + (size_t)COMPRESS_MAX);

    unpacker->dictionary_size = dictionary.len;
    memcpy(unpacker->bytes, dictionary.ptr, dictionary.len);
    return unpacker;
}

void text_unpacker_free(struct text_unpacker *unpacker)
{
    free(unpacker);
}

const char *text_unpack(struct text_unpacker *unpacker, struct slice packed, uint32_t size)
{
    char *to = unpacker->bytes + unpacker->dictionary_size;
    int got;

    if (size > COMPRESS_MAX || packed.len > COMPRESS_MAX) {
        return NULL;
    }
    got = LZ4_decompress_safe_usingDict(packed.ptr, to, (int)packed.len, (int)size, unpacker->bytes,
                                        (int)unpacker->dictionary_size);
    return got == (int)size ? to : NULL;
}
