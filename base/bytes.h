/*
 * Our integers on disk are little endian and are read and written only through these functions, so
 * that neither alignment nor the byte order of the machine matters.
 */
#ifndef VITRINE_BASE_BYTES_H
#define VITRINE_BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t load_u16le(const void *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return le16toh(v);
}

static inline uint32_t load_u32le(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static inline uint64_t load_u64le(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

static inline void store_u16le(void *p, uint16_t v)
{
    v = htole16(v);
    memcpy(p, &v, sizeof v);
}

static inline void store_u32le(void *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}

static inline void store_u64le(void *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}

/* What others wrote big endian: SQLite's pages, PostgreSQL's wire. */

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

/* Loads an unsigned integer of WIDTH bytes (1, 2, 4 or 8). */
static inline uint64_t load_width(const uint8_t *p, unsigned width)
{
    switch (width) {
    case 1:
        return *p;
    case 2:
        return load_u16le(p);
    case 4:
        return load_u32le(p);
    default:
        return load_u64le(p);
    }
}

#endif
