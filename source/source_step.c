#include "source/source_step.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"

enum { SAY_MS = 5000 };

struct source_step source_step_begin(const char *what, struct slice table)
{
    int64_t now_ms = monotonic_ms();

    return (struct source_step){
        .what = what, .table = table, .started_ms = now_ms, .next_ms = now_ms + SAY_MS};
}

bool source_step_goes_on(struct source_step *step)
{
    int64_t now_ms = monotonic_ms();

    if (now_ms >= step->next_ms) {
        log_info("working", "on=\"%s %.*s\" seconds=%" PRId64, step->what, SLICE_ARG(step->table),
                 (now_ms - step->started_ms) / 1000);
        step->next_ms = now_ms + SAY_MS;
    }
    return !interrupt_requested();
}

enum err source_step_interrupted(const struct source_step *step, struct errmsg *msg)
{
    return err_set(msg, ERR_INTERRUPTED, "interrupted: %s %.*s", step->what,
                   SLICE_ARG(step->table));
}
