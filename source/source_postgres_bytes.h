/*
 * Integers on PostgreSQL's wire are big endian; base/bytes.h reads them, this writes them.
 */
#ifndef VITRINE_SOURCE_SOURCE_POSTGRES_BYTES_H
#define VITRINE_SOURCE_SOURCE_POSTGRES_BYTES_H

#include <endian.h>

#include "base/buffer.h"
#include "base/bytes.h"

/* Milliseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's dates and times begin. */
#define POSTGRES_EPOCH_MS 946684800000LL

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
