/*
 * Which pages of a mapped file are in memory, so that a thread that must not wait for the disk can
 * leave the others to one that may.
 *
 * Good for: the read path of a loop. A page that is known to be in memory costs a few instructions.
 * Under the hood: asking the kernel costs half a microsecond, so its answers are remembered, for
 * RESIDENCE_WINDOW pages at a time, until the clock's next epoch. As long as no page is found to
 * have left memory, epochs grow longer; as soon as one is, they are short again. So a node whose
 * data fits its memory asks seldom, and one whose data does not asks often. A page that leaves
 * after it was asked for and before it is used costs one wait.
 *
 * mincore tells of a whole window, but the kernel answers it only to the owner of a file, or to
 * whom may write it; to others every page seems to be there. For those a byte is read with
 * RWF_NOWAIT, page by page, which costs more on a warm file and is right for everybody.
 *
 * Thread-safety: none; a clock and its residences belong to their reader.
 */
#ifndef VITRINE_REPLICA_RESIDENCE_H
#define VITRINE_REPLICA_RESIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RESIDENCE_WINDOW = 64,          /* pages: the bits of a word */
    RESIDENCE_EPOCH_MIN_MS = 100,   /* how long an answer is believed while pages leave memory */
    RESIDENCE_EPOCH_MAX_MS = 12800, /* while none do */
};

/* The time that the files of one reader share. */
struct residence_clock {
    bool is_on;     /* off: every page may be waited for */
    bool met_cold;  /* a page was not in memory; whoever looks at this clears it */
    bool has_lost;  /* pages left memory in this epoch or the one before */
    uint32_t epoch; /* from 1 */
    int64_t length_ms;
    int64_t ends_ms; /* monotonic */
};

void residence_clock_start(struct residence_clock *clock);

/* Begins the next epoch when this one is over. */
void residence_clock_look(struct residence_clock *clock);

enum residence_means {
    RESIDENCE_MINCORE,
    RESIDENCE_NOWAIT, /* preadv2(RWF_NOWAIT) */
};

struct residence_window {
    uint64_t pages; /* bit i: page i of the window was in memory */
    uint32_t epoch; /* when that was asked */
};

struct residence {
    const uint8_t *bytes; /* the file, mapped */
    size_t page_count;
    int fd; /* of RESIDENCE_NOWAIT, or -1 */
    struct residence_clock *clock;
    struct residence_window *windows;
};

/* The means that tells the truth of the file at PATH to this process. */
enum residence_means residence_means_for(const char *path);

/*
 * Watches the file at PATH, which is mapped at BYTES for as long as this is open, and has the
 * kernel read single pages of that mapping: what lies around a row is rows of other keys. NULL when
 * it cannot be watched: then its pages are waited for. CLOCK outlives it.
 */
struct residence *residence_open(const char *path, const uint8_t *bytes, size_t size,
                                 enum residence_means means, struct residence_clock *clock);
void residence_close(struct residence *residence); /* accepts NULL */

/* residence_holds for a page that is not known to be in memory. */
bool residence_ask(struct residence *residence, uint32_t number);

/*
 * Whether page NUMBER, from 1, can be read without waiting; otherwise clock->met_cold is set. One
 * behind the end can: it is refused elsewhere. NULL is a file that is not watched.
 */
static inline bool residence_holds(struct residence *residence, uint32_t number)
{
    const struct residence_window *window;
    uint32_t page = number - 1;

    if (residence == NULL || !residence->clock->is_on || page >= residence->page_count) {
        return true;
    }
    window = &residence->windows[page / RESIDENCE_WINDOW];
    if (window->epoch == residence->clock->epoch &&
        (window->pages >> page % RESIDENCE_WINDOW & 1) != 0) {
        return true;
    }
    return residence_ask(residence, number);
}

#endif
