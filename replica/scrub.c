#include "replica/scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"

struct scrub {
    const char *dir;
    const struct manifest *manifest;
    unsigned order_at;    /* files that were begun; the page hashes are the first */
    unsigned pages_index; /* of pages.xxh3 in the manifest; file_count when there is none */
    bool has_pages;       /* it is sound */
    int pages_fd;         /* it, or -1 */
    const struct manifest_file *file; /* the current one, or NULL */
    int disk_fd;                      /* the current file, for the disk, or -1 */
    int memory_fd;                    /* for the page cache */
    bool is_direct;                   /* disk_fd reads around the page cache */
    uint64_t offset;                  /* of the next step */
    XXH3_state_t *whole;              /* of files that have no page hashes */
    char *disk;                       /* SCRUB_STEP bytes each */
    char *memory;
    bool is_resident[SCRUB_STEP_PAGES];
    bool is_unreadable[SCRUB_STEP_PAGES];
};

const char *scrub_fault_text(enum scrub_fault fault)
{
    static const char *const texts[] = {
        [SCRUB_SOUND] = "sound",
        [SCRUB_DIFFERS] = "hash differs",
        [SCRUB_DIFFERS_ON_DISK] = "hash differs on the disk",
        [SCRUB_DIFFERS_IN_MEMORY] = "hash differs in memory",
        [SCRUB_UNREADABLE] = "cannot be read from the disk",
        [SCRUB_MISSING] = "missing or of another size",
    };

    return texts[fault];
}

static bool has_page_hashes(const struct manifest_file *file)
{
    return file->kind == FILE_PARTITION || file->kind == FILE_LISTING;
}

static char *aligned_bytes(void)
{
    char *bytes = aligned_alloc(FORMAT_PAGE_SIZE, SCRUB_STEP);

    if (bytes == NULL) {
        abort();
    }
    return bytes;
}

struct scrub *scrub_open(const char *dir, const struct manifest *manifest)
{
    struct scrub *scrub = memory_calloc(1, sizeof *scrub);

    scrub->dir = dir;
    scrub->manifest = manifest;
    scrub->pages_fd = -1;
    scrub->disk_fd = -1;
    scrub->memory_fd = -1;
    scrub->whole = XXH3_createState();
    scrub->disk = aligned_bytes();
    scrub->memory = aligned_bytes();
    while (scrub->pages_index < manifest->file_count &&
           manifest->files[scrub->pages_index].kind != FILE_PAGES) {
        scrub->pages_index++;
    }
    return scrub;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

void scrub_skip_file(struct scrub *scrub)
{
    close_fd(&scrub->disk_fd);
    close_fd(&scrub->memory_fd);
    scrub->file = NULL;
}

void scrub_close(struct scrub *scrub)
{
    if (scrub == NULL) {
        return;
    }
    scrub_skip_file(scrub);
    close_fd(&scrub->pages_fd);
    XXH3_freeState(scrub->whole);
    free(scrub->disk);
    free(scrub->memory);
    free(scrub);
}

/* ---- the files ---- */

static void add_damage(struct scrub_found *found, uint64_t page, enum scrub_fault fault)
{
    found->damages[found->damage_count++] = (struct scrub_damage){.page = page, .fault = fault};
}

/* The file after the last one: pages.xxh3, then the others in the order of the manifest. */
static const struct manifest_file *next_file(struct scrub *scrub)
{
    const struct manifest *manifest = scrub->manifest;

    while (scrub->order_at <= manifest->file_count) {
        unsigned at = scrub->order_at++;
        unsigned index = at == 0 ? scrub->pages_index : at - 1;

        if (index < manifest->file_count && (at == 0 || index != scrub->pages_index) &&
            (scrub->has_pages || !has_page_hashes(&manifest->files[index]))) {
            return &manifest->files[index];
        }
    }
    return NULL;
}

/* Not every file system can read around its cache. */
static int open_disk(const char *path, bool *is_direct)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);

    *is_direct = fd >= 0;
    if (fd < 0 && errno == EINVAL) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    return fd;
}

static enum err open_file(struct scrub *scrub, const char *path, struct errmsg *msg)
{
    scrub->disk_fd = open_disk(path, &scrub->is_direct);
    scrub->memory_fd = scrub->disk_fd < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (scrub->memory_fd < 0) {
        return err_sys(msg, errno, "open %s", path);
    }
    /* No reading ahead; and what is looked at in memory does not count as used. */
    posix_fadvise(scrub->disk_fd, 0, 0, POSIX_FADV_RANDOM);
    posix_fadvise(scrub->memory_fd, 0, 0, POSIX_FADV_NOREUSE);
    return ERR_NONE;
}

/* Begins FILE; *IS_THERE is false when it is not, or not as large as it must be. */
static enum err begin_file(struct scrub *scrub, const struct manifest_file *file, bool *is_there,
                           struct errmsg *msg)
{
    char *path = path_join(scrub->dir, "%.*s", SLICE_ARG(file->path));
    struct stat status;
    enum err rc = ERR_NONE;

    scrub->file = file;
    scrub->offset = 0;
    XXH3_64bits_reset(scrub->whole);
    *is_there = stat(path, &status) == 0;
    if (!*is_there && errno != ENOENT && errno != ENOTDIR) {
        rc = err_sys(msg, errno, "look at %s", path);
    } else if (*is_there && (uint64_t)status.st_size != file->size_bytes) {
        *is_there = false;
    } else if (*is_there) {
        rc = open_file(scrub, path, msg);
    }
    free(path);
    return rc;
}

/* ---- reading ---- */

/* Reads SIZE bytes, or all there is, at OFFSET; false when the disk gives an error. */
static bool read_at(struct scrub *scrub, char *bytes, size_t size, uint64_t offset, size_t *got)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = pread(scrub->disk_fd, bytes + *got, size - *got, (off_t)(offset + *got));

        if (n < 0 && errno == EINVAL && scrub->is_direct) {
            scrub->is_direct = false; /* it was opened, but cannot do it */
            fcntl(scrub->disk_fd, F_SETFL, 0);
        } else if (n < 0 && errno != EINTR) {
            return false;
        } else if (n == 0) {
            break;
        } else if (n > 0) {
            *got += (size_t)n;
            if (scrub->is_direct && n % FORMAT_PAGE_SIZE != 0) {
                break; /* the end: reading around the cache begins at whole pages only */
            }
        }
    }
    return true;
}

/* The step from the disk; where it cannot be read at once, page by page, to know which it is. */
static size_t read_disk(struct scrub *scrub, size_t size)
{
    size_t got;

    memset(scrub->is_unreadable, 0, sizeof scrub->is_unreadable);
    if (read_at(scrub, scrub->disk, SCRUB_STEP, scrub->offset, &got)) {
        return got < size ? got : size;
    }
    for (size_t at = 0; at < size; at += FORMAT_PAGE_SIZE) {
        if (!read_at(scrub, scrub->disk + at, FORMAT_PAGE_SIZE, scrub->offset + at, &got)) {
            scrub->is_unreadable[at / FORMAT_PAGE_SIZE] = true;
        }
    }
    return size;
}

/* Those pages of the step that are in memory; which they are, in is_resident. */
static void read_memory(struct scrub *scrub, size_t size)
{
    memset(scrub->is_resident, 0, sizeof scrub->is_resident);
    for (size_t at = 0; at < size;) {
        struct iovec into = {.iov_base = scrub->memory + at, .iov_len = size - at};
        ssize_t n = preadv2(scrub->memory_fd, &into, 1, (off_t)(scrub->offset + at), RWF_NOWAIT);

        if (n < 0 && errno == EOPNOTSUPP) {
            return;
        }
        if (n < FORMAT_PAGE_SIZE) {
            at += FORMAT_PAGE_SIZE; /* this one is not there; the next may be */
            continue;
        }
        for (size_t end = at + (size_t)n; end - at >= FORMAT_PAGE_SIZE; at += FORMAT_PAGE_SIZE) {
            scrub->is_resident[at / FORMAT_PAGE_SIZE] = true;
        }
    }
}

/* Gives back the memory of what was only read for the scrub. */
static void drop_read(struct scrub *scrub, size_t size)
{
    if (scrub->is_direct) {
        return;
    }
    for (size_t at = 0; at < size; at += FORMAT_PAGE_SIZE) {
        if (!scrub->is_resident[at / FORMAT_PAGE_SIZE]) {
            posix_fadvise(scrub->disk_fd, (off_t)(scrub->offset + at), FORMAT_PAGE_SIZE,
                          POSIX_FADV_DONTNEED);
        }
    }
}

/* ---- comparing ---- */

static bool is_page(const char *bytes, uint64_t hash)
{
    return XXH3_64bits(bytes, FORMAT_PAGE_SIZE) == hash;
}

static enum scrub_fault judge(const struct scrub *scrub, unsigned page, uint64_t hash)
{
    size_t at = (size_t)page * FORMAT_PAGE_SIZE;
    bool in_memory = scrub->is_resident[page] && !is_page(scrub->memory + at, hash);
    bool on_disk;

    if (scrub->is_unreadable[page]) {
        return SCRUB_UNREADABLE;
    }
    on_disk = !is_page(scrub->disk + at, hash);
    if (on_disk) {
        return in_memory || !scrub->is_direct ? SCRUB_DIFFERS : SCRUB_DIFFERS_ON_DISK;
    }
    return in_memory ? SCRUB_DIFFERS_IN_MEMORY : SCRUB_SOUND;
}

/* The hashes that the pages of the step must have. */
static enum err read_hashes(const struct scrub *scrub, uint8_t *hashes, size_t size,
                            struct errmsg *msg)
{
    uint64_t first = scrub->file->first_page + scrub->offset / FORMAT_PAGE_SIZE;
    ssize_t n = pread(scrub->pages_fd, hashes, size, (off_t)(first * 8));

    if (n == (ssize_t)size) {
        return ERR_NONE;
    }
    return n < 0 ? err_sys(msg, errno, "read the page hashes of %s", scrub->dir)
                 : err_set(msg, ERR_SYSTEM, "%s: pages.xxh3 is too short for %.*s", scrub->dir,
                           SLICE_ARG(scrub->file->path));
}

static enum err check_pages(struct scrub *scrub, size_t size, struct scrub_found *found,
                            struct errmsg *msg)
{
    uint8_t hashes[SCRUB_STEP_PAGES * 8];
    unsigned pages = (unsigned)(size / FORMAT_PAGE_SIZE);
    enum err rc = read_hashes(scrub, hashes, (size_t)pages * 8, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    for (unsigned page = 0; page < pages; page++) {
        enum scrub_fault fault = judge(scrub, page, load_u64le(hashes + (size_t)page * 8));

        if (fault != SCRUB_SOUND) {
            add_damage(found, scrub->offset / FORMAT_PAGE_SIZE + page + 1, fault);
        }
    }
    found->page_count = pages;
    return ERR_NONE;
}

/* A part of a file that is compared when all of it was read. */
static void check_whole(struct scrub *scrub, size_t size, struct scrub_found *found)
{
    const struct manifest_file *file = scrub->file;

    for (unsigned page = 0; (size_t)page * FORMAT_PAGE_SIZE < size; page++) {
        if (scrub->is_unreadable[page]) {
            add_damage(found, 0, SCRUB_UNREADABLE);
            return;
        }
    }
    XXH3_64bits_update(scrub->whole, scrub->disk, size);
    if (scrub->offset + size < file->size_bytes) {
        return;
    }
    if (XXH3_64bits_digest(scrub->whole) != file->hash) {
        add_damage(found, 0, scrub->is_direct ? SCRUB_DIFFERS_ON_DISK : SCRUB_DIFFERS);
    } else if (file->kind == FILE_PAGES) {
        scrub->has_pages = true;
        scrub->pages_fd = scrub->memory_fd;
        scrub->memory_fd = -1;
    }
}

/* What is left of the current file, or a step of it. */
static enum err check_step(struct scrub *scrub, struct scrub_found *found, struct errmsg *msg)
{
    uint64_t left = scrub->file->size_bytes - scrub->offset;
    size_t size = left < SCRUB_STEP ? (size_t)left : SCRUB_STEP;
    size_t got;
    bool is_over;
    enum err rc = ERR_NONE;

    read_memory(scrub, size);
    got = read_disk(scrub, size);
    drop_read(scrub, size);
    found->read_bytes = got;
    if (got < size) {
        add_damage(found, 0, SCRUB_MISSING);
        scrub_skip_file(scrub);
        return ERR_NONE;
    }
    if (has_page_hashes(scrub->file)) {
        rc = check_pages(scrub, size, found, msg);
    } else {
        check_whole(scrub, size, found);
    }
    scrub->offset += size;
    is_over = scrub->offset >= scrub->file->size_bytes ||
              (found->damage_count > 0 && !has_page_hashes(scrub->file));
    if (rc != ERR_NONE || is_over) {
        scrub_skip_file(scrub);
    }
    return rc;
}

enum err scrub_step(struct scrub *scrub, struct scrub_found *out, struct errmsg *msg)
{
    bool is_there = true;
    enum err rc = ERR_NONE;

    *out = (struct scrub_found){.file = scrub->file};
    if (scrub->file == NULL) {
        const struct manifest_file *file = next_file(scrub);

        out->file = file;
        out->is_done = file == NULL;
        if (file == NULL) {
            return ERR_NONE;
        }
        rc = begin_file(scrub, file, &is_there, msg);
    }
    if (rc == ERR_NONE && is_there) {
        return check_step(scrub, out, msg);
    }
    if (rc == ERR_NONE) {
        add_damage(out, 0, SCRUB_MISSING);
    }
    scrub_skip_file(scrub);
    return rc;
}
