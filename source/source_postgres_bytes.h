/*
 * Integers on PostgreSQL's wire are big endian.
 */
#ifndef VITRINE_SOURCE_SOURCE_POSTGRES_BYTES_H
#define VITRINE_SOURCE_SOURCE_POSTGRES_BYTES_H

#include <endian.h>

#include "base/buffer.h"

/* Milliseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's dates and times begin. */
#define POSTGRES_EPOCH_MS 946684800000LL

static inline uint16_t load_u16be(const void *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return be16toh(v);
}

static inline uint32_t load_u32be(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return be32toh(v);
}

static inline uint64_t load_u64be(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return be64toh(v);
}

static inline void append_u16be(struct buffer *out, uint16_t v)
{
    v = htobe16(v);
    buffer_append(out, &v, sizeof v);
}

static inline void append_u32be(struct buffer *out, uint32_t v)
{
    v = htobe32(v);
    buffer_append(out, &v, sizeof v);
}

static inline void append_u64be(struct buffer *out, uint64_t v)
{
    v = htobe64(v);
    buffer_append(out, &v, sizeof v);
}

#endif
