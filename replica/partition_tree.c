#include "replica/partition_tree.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "replica/format.h"

enum {
    PAGE = FORMAT_PAGE_SIZE,
    DEPTH_MAX = 20, /* as in SQLite; a longer way down goes in circles */
    INTERIOR = 0x05,
    INTERIOR_HEADER = 12,
    LEAF = 0x0d,
    LEAF_HEADER = 8,
    LOCAL_MAX = PAGE - 35, /* a longer payload goes on in overflow pages */
    VARINT_MAX = 9,
    INTERIOR_CELL_MIN = 5,                /* a child and a varint */
    LEAF_CELL_MIN = 2 + BLOB_HEADER_SIZE, /* two varints, and a row as open_row takes it */
};

/* ---- the file ---- */

static bool is_usual(const uint8_t *header)
{
    return memcmp(header, "SQLite format 3", 16) == 0 && load_u16be(header + 16) == PAGE &&
           header[20] == 0;
}

void tree_map(struct tree_file *file, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    void *bytes = MAP_FAILED;

    *file = (struct tree_file){.bytes = NULL};
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &info) == 0 && info.st_size >= PAGE) {
        bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    }
    close(fd);
    if (bytes == MAP_FAILED) {
        return;
    }
    *file = (struct tree_file){.bytes = bytes, .size = (size_t)info.st_size};
    if (!is_usual(bytes)) {
        tree_unmap(file);
    }
}

void tree_unmap(struct tree_file *file)
{
    if (file->bytes != NULL) {
        munmap((void *)file->bytes, file->size);
    }
    *file = (struct tree_file){.bytes = NULL};
}

/* ---- pages ---- */

/* Page NUMBER, from 1; NULL when the file ends before. Page 1 is the schema's. */
static const uint8_t *page_at(const struct tree_file *file, uint32_t number)
{
    if (number < 2 || number > file->size / PAGE) {
        return NULL;
    }
    return file->bytes + (size_t)(number - 1) * PAGE;
}

/*
 * Reads the integer at *AT (< PAGE) of PAGE, and moves *AT behind it: seven bits a byte, the highest
 * first; of a ninth byte all eight. One that the end of the page cuts off is cut off.
 */
static inline uint64_t take_varint(const uint8_t *page, uint32_t *at)
{
    const uint8_t *p = page + *at;
    uint64_t value = 0;

    /* Most have one to three bytes. */
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (*at <= PAGE - 3 && p[1] < 0x80) {
        *at += 2;
        return (uint64_t)(p[0] & 0x7f) << 7 | p[1];
    }
    if (*at <= PAGE - 3 && p[2] < 0x80) {
        *at += 3;
        return (uint64_t)(p[0] & 0x7f) << 14 | (uint64_t)(p[1] & 0x7f) << 7 | p[2];
    }
    for (unsigned len = 1; len < VARINT_MAX && *at < PAGE; len++) {
        uint8_t byte = page[(*at)++];

        value = value << 7 | (byte & 0x7f);
        if (byte < 0x80) {
            return value;
        }
    }
    return *at < PAGE ? value << 8 | page[(*at)++] : value;
}

/* Cells of a page whose header has HEADER bytes, or 0 when they cannot be. */
static uint32_t cell_count(const uint8_t *page, uint32_t header)
{
    uint32_t count = load_u16be(page + 3);

    return count <= (PAGE - header) / 2 ? count : 0;
}

/*
 * Where cell INDEX begins, behind a header of HEADER bytes; false when the page ends before the
 * LEAST bytes that it must have.
 */
static inline bool cell_at(const uint8_t *page, uint32_t header, uint32_t index, uint32_t least,
                           uint32_t *at)
{
    *at = load_u16be(page + header + 2 * index);
    return *at <= PAGE - least;
}

/* The child of an interior page below which ID is; 0 when the page is damaged. */
static uint32_t child_for(const uint8_t *page, int64_t id)
{
    uint32_t count = cell_count(page, INTERIOR_HEADER);
    uint32_t child = load_u32be(page + 8); /* to the right of all cells */
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t at;
        uint32_t key_at;

        if (!cell_at(page, INTERIOR_HEADER, middle, INTERIOR_CELL_MIN, &at)) {
            return 0;
        }
        key_at = at + 4;
        if ((int64_t)take_varint(page, &key_at) < id) {
            low = middle + 1;
        } else {
            high = middle;
            child = load_u32be(page + at);
        }
    }
    return count == 0 ? 0 : child;
}

/* The blob of the row whose payload of SIZE bytes begins at AT of PAGE: NULL and a blob. */
static enum tree_result open_row(const uint8_t *page, uint32_t at, uint64_t size,
                                 struct slice *data)
{
    uint32_t end = at + (uint32_t)size;
    uint32_t header = at;
    uint64_t header_size;
    uint64_t type;

    /* A blob has a header of 16 bytes at least, so nothing shorter is read as a row. */
    if (size > LOCAL_MAX || size < BLOB_HEADER_SIZE || end > PAGE) {
        return TREE_UNSURE;
    }
    header_size = take_varint(page, &header);
    if (page[header++] != 0) {
        return TREE_UNSURE; /* a rowid is held as NULL */
    }
    type = take_varint(page, &header);
    if (header > end || header - at != header_size || type < 12 || type % 2 != 0 ||
        (type - 12) / 2 != end - header) {
        return TREE_UNSURE;
    }
    *data = slice_of((const char *)page + header, end - header);
    return TREE_FOUND;
}

static enum tree_result find_in_leaf(const uint8_t *page, int64_t id, struct slice *data)
{
    uint32_t low = 0;
    uint32_t high = cell_count(page, LEAF_HEADER);

    if (high == 0) {
        return TREE_UNSURE;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t size;
        int64_t key;
        uint32_t at;

        if (!cell_at(page, LEAF_HEADER, middle, LEAF_CELL_MIN, &at)) {
            return TREE_UNSURE;
        }
        size = take_varint(page, &at);
        key = (int64_t)take_varint(page, &at);
        if (key == id) {
            return open_row(page, at, size, data);
        }
        if (key < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return TREE_ABSENT;
}

enum tree_result tree_find(const struct tree_file *file, uint32_t root, int64_t id,
                           struct slice *data)
{
    uint32_t number = root;

    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        const uint8_t *page = page_at(file, number);

        if (page == NULL) {
            return TREE_UNSURE;
        }
        if (!residence_holds(file->residence, number)) {
            return TREE_COLD;
        }
        if (page[0] == LEAF) {
            return find_in_leaf(page, id, data);
        }
        if (page[0] != INTERIOR) {
            return TREE_UNSURE;
        }
        number = child_for(page, id);
    }
    return TREE_UNSURE;
}
