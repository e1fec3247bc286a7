/*
 * What the last build came to, and its publishing, as a file in the text format of Prometheus, for the textfile collector of
 * its node exporter: a build that runs by a timer is over when somebody asks.
 *
 * The file is replaced as a whole. One that cannot be written is logged, once in a row; nothing else
 * comes of it, but that the time in the old file grows old.
 * Lifetime: zeroed but for the path. Thread-safety: none.
 */
#ifndef VITRINE_COMMANDS_BUILD_NOTE_H
#define VITRINE_COMMANDS_BUILD_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "builder/build.h"

struct build_note {
    const char *path;   /* NULL: nobody wants it */
    int64_t began_ms;   /* monotonic, as the next one */
    int64_t written_ms; /* 0: never */
    enum err said;      /* what was written last */
    bool is_failing;    /* the last one could not be written */
};

/* A build, or a look at whether one is needed, begins. */
void build_note_begin(struct build_note *note);

/*
 * It ended with RC, its publishing included; RESULT counts when that is ERR_NONE. FAILURES has a line for each check that failed.
 * A look that found what the one before it found is written every 10 s only.
 */
void build_note_end(struct build_note *note, enum err rc, const struct build_result *result,
                    const struct buffer *failures);

#endif
