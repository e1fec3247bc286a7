#include "replica/residence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "replica/format.h"

enum { PAGE = FORMAT_PAGE_SIZE };

void residence_clock_start(struct residence_clock *clock)
{
    *clock = (struct residence_clock){
        .is_on = true,
        .epoch = 1,
        .length_ms = RESIDENCE_EPOCH_MIN_MS,
        .ends_ms = monotonic_coarse_ms() + RESIDENCE_EPOCH_MIN_MS,
    };
}

void residence_clock_look(struct residence_clock *clock)
{
    int64_t now_ms = monotonic_coarse_ms();

    if (now_ms < clock->ends_ms) {
        return;
    }
    clock->epoch++;
    if (clock->has_lost) {
        clock->length_ms = RESIDENCE_EPOCH_MIN_MS;
    } else if (clock->length_ms < RESIDENCE_EPOCH_MAX_MS) {
        clock->length_ms *= 2;
    }
    clock->has_lost = false;
    clock->ends_ms = now_ms + clock->length_ms;
}

enum residence_means residence_means_for(const char *path)
{
    struct stat info;

    if (stat(path, &info) == 0 && info.st_uid == geteuid()) {
        return RESIDENCE_MINCORE;
    }
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 ? RESIDENCE_MINCORE : RESIDENCE_NOWAIT;
}

struct residence *residence_open(const char *path, const uint8_t *bytes, size_t size,
                                 enum residence_means means, struct residence_clock *clock)
{
    struct residence *residence;
    size_t page_count = size / PAGE;
    size_t windows = (page_count + RESIDENCE_WINDOW - 1) / RESIDENCE_WINDOW;
    int fd = -1;

    if (bytes == NULL || sysconf(_SC_PAGESIZE) != PAGE) {
        return NULL;
    }
    if (means == RESIDENCE_NOWAIT) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            return NULL;
        }
        posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* or the kernel begins to read ahead */
    }
    madvise((void *)bytes, size, MADV_RANDOM);
    residence = memory_calloc(1, sizeof *residence);
    *residence = (struct residence){
        .bytes = bytes,
        .page_count = page_count,
        .fd = fd,
        .clock = clock,
        .windows = memory_calloc(windows, sizeof *residence->windows),
    };
    return residence;
}

void residence_close(struct residence *residence)
{
    if (residence == NULL) {
        return;
    }
    if (residence->fd >= 0) {
        close(residence->fd);
    }
    free(residence->windows);
    free(residence);
}

/* The pages of the window that begins with page FIRST, from 0. One that cannot be told is there. */
static uint64_t ask_window(const struct residence *residence, size_t first)
{
    size_t count = residence->page_count - first;
    unsigned char answers[RESIDENCE_WINDOW];
    uint64_t pages = 0;

    if (count > RESIDENCE_WINDOW) {
        count = RESIDENCE_WINDOW;
    }
    if (mincore((void *)(residence->bytes + first * PAGE), count * PAGE, answers) != 0) {
        return UINT64_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        pages |= (uint64_t)(answers[i] & 1) << i;
    }
    return pages;
}

/* A file system that does not know the flag is waited for. */
static bool ask_page(const struct residence *residence, size_t page)
{
    char byte;
    struct iovec into = {.iov_base = &byte, .iov_len = 1};

    return preadv2(residence->fd, &into, 1, (off_t)(page * PAGE), RWF_NOWAIT) >= 0 ||
           errno != EAGAIN;
}

bool residence_ask(struct residence *residence, uint32_t number)
{
    struct residence_clock *clock = residence->clock;
    size_t page = number - 1;
    struct residence_window *window = &residence->windows[page / RESIDENCE_WINDOW];
    uint64_t bit = UINT64_C(1) << page % RESIDENCE_WINDOW;
    uint64_t asked = bit;
    uint64_t there;

    if (residence->fd >= 0) {
        there = ask_page(residence, page) ? bit : 0;
    } else {
        asked = UINT64_MAX;
        there = ask_window(residence, page / RESIDENCE_WINDOW * RESIDENCE_WINDOW);
    }
    if ((window->pages & asked & ~there) != 0) {
        clock->has_lost = true;
    }
    if (window->epoch != clock->epoch) {
        window->pages = 0;
        window->epoch = clock->epoch;
    }
    window->pages = (window->pages & ~asked) | there;
    if ((there & bit) == 0) {
        clock->met_cold = true;
        return false;
    }
    return true;
}
