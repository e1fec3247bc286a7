/*
 * Scrubbing: reads a release again, a step at a time, and finds the pages that are not any more what
 * they were when it was opened.
 *
 * Every page is looked at in two places, because either can be damaged alone:
 *
 *   the disk    read around the page cache (O_DIRECT): a page that rots there is found while readers
 *               still have a good copy in memory, and what they have in memory is not pushed out
 *   memory      the page cache, only where a page is there already (RWF_NOWAIT): what readers map
 *
 * Where a file system cannot read around its cache (tmpfs), reads go through it, and what was not in
 * memory before is dropped again afterwards; the two places are then told apart no longer. Files
 * without page hashes (pages.xxh3 itself, the definition) are compared as a whole, on the disk. When
 * pages.xxh3 is damaged there is nothing to compare pages with: they are passed over.
 *
 * Files are opened by their names: a file that was replaced in the meantime is judged as it is now.
 *
 * Lifetime: scrub_open, scrub_step until it says that it is done, scrub_close.
 * Thread-safety: none; a scrub belongs to its thread.
 */
#ifndef VITRINE_REPLICA_SCRUB_H
#define VITRINE_REPLICA_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "replica/format.h"
#include "replica/manifest.h"

enum { SCRUB_STEP = 256 << 10, SCRUB_STEP_PAGES = SCRUB_STEP / FORMAT_PAGE_SIZE };

struct scrub;

enum scrub_fault {
    SCRUB_SOUND,
    SCRUB_DIFFERS,           /* in both places, or they cannot be told apart */
    SCRUB_DIFFERS_ON_DISK,   /* the copy in memory is right, or there is none */
    SCRUB_DIFFERS_IN_MEMORY, /* the one on the disk is right */
    SCRUB_UNREADABLE,        /* the disk gives an error */
    SCRUB_MISSING,           /* the file is gone or has another size */
};

struct scrub_damage {
    uint64_t page; /* from 1; 0: the file as a whole */
    enum scrub_fault fault;
};

/* What one step did. */
struct scrub_found {
    bool is_done;                     /* every file was looked at */
    const struct manifest_file *file; /* of the manifest; NULL when done */
    uint64_t read_bytes;              /* from the disk */
    uint64_t page_count;              /* compared */
    unsigned damage_count;
    struct scrub_damage damages[SCRUB_STEP_PAGES];
};

/* The release in DIR that MANIFEST describes; both must outlive the scrub. */
struct scrub *scrub_open(const char *dir, const struct manifest *manifest);
void scrub_close(struct scrub *scrub); /* accepts NULL */

/*
 * Looks at the next SCRUB_STEP bytes at most. An error (ERR_SYSTEM) is one that says nothing about the
 * file, as when no descriptor is left: the file is passed over and the next step goes on after it.
 */
MUST_CHECK enum err scrub_step(struct scrub *scrub, struct scrub_found *out, struct errmsg *msg);

/* Goes on with the next file. */
void scrub_skip_file(struct scrub *scrub);

/* "hash differs on the disk" */
const char *scrub_fault_text(enum scrub_fault fault);

#endif
