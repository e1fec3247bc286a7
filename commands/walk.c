#include "commands/walk.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/pace.h"
#include "base/progress.h"
#include "replica/scrub.h"

struct walk {
    const char *dir;
    const struct manifest *manifest;
    const char *command;
    const struct repair_source *source;
    struct scrub *scrub;
    const struct manifest_file *tried; /* to repair, last */
    struct walk_found found;
};

static void print_damage(const struct walk *walk, const struct scrub_found *step)
{
    for (unsigned i = 0; i < step->damage_count; i++) {
        const struct scrub_damage *damage = &step->damages[i];

        fprintf(stderr, "vitrine %s: %s/%.*s: ", walk->command, walk->dir,
                SLICE_ARG(step->file->path));
        if (damage->page > 0) {
            fprintf(stderr, "page %" PRIu64 ": ", damage->page);
        }
        fprintf(stderr, "%s\n", scrub_fault_text(damage->fault));
    }
}

static void repair(struct walk *walk, const struct manifest_file *file)
{
    struct errmsg msg;

    walk->tried = file;
    if (repair_file(walk->dir, walk->manifest, file, walk->source, &msg) != ERR_NONE) {
        fprintf(stderr, "vitrine %s: %s\n", walk->command, msg.text);
        walk->found.failed_count++;
        return;
    }
    walk->found.repaired_count++;
    scrub_skip_file(walk->scrub);
}

static enum err run(struct walk *walk, struct pace *pace, struct progress *progress,
                    struct errmsg *msg)
{
    struct scrub_found step = {.is_done = false};

    while (!step.is_done) {
        enum err rc = scrub_step(walk->scrub, &step, msg);

        if (rc != ERR_NONE) {
            return rc;
        }
        if (interrupt_requested()) {
            return err_set(msg, ERR_INTERRUPTED, "stopped before all of %s was read", walk->dir);
        }
        print_damage(walk, &step);
        walk->found.damage_count += step.damage_count;
        progress_add(progress, step.read_bytes);
        if (step.damage_count > 0 && walk->source != NULL && step.file != walk->tried) {
            repair(walk, step.file);
        }
        interrupt_sleep(pace_wait_ms(pace, step.read_bytes, monotonic_ms()));
    }
    return ERR_NONE;
}

enum err walk_release(const char *dir, const struct manifest *manifest, const char *command,
                      uint64_t bytes_per_second, const struct repair_source *source,
                      struct walk_found *out, struct errmsg *msg)
{
    struct walk walk = {.dir = dir, .manifest = manifest, .command = command, .source = source};
    struct progress progress;
    struct pace pace;
    uint64_t total = 0;
    enum err rc;

    interrupt_catch();
    for (unsigned i = 0; i < manifest->file_count; i++) {
        total += manifest->files[i].size_bytes;
    }
    pace_begin(&pace, bytes_per_second == 0 ? UINT64_MAX : bytes_per_second, monotonic_ms());
    progress_begin(&progress, command, "bytes", total);
    walk.scrub = scrub_open(dir, manifest);
    rc = run(&walk, &pace, &progress, msg);
    scrub_close(walk.scrub);
    progress_end(&progress);
    if (rc == ERR_NONE) {
        *out = walk.found;
    }
    return rc;
}
