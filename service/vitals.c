#include "service/vitals.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "replica/root_state.h"

enum { MS_PER_S = 1000, US_PER_MS = 1000 };

static int64_t time_ms(struct timeval time)
{
    return (int64_t)time.tv_sec * MS_PER_S + time.tv_usec / US_PER_MS;
}

static void look_at_memory(struct vitals *out)
{
    uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t pages;
    uint64_t resident;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file == NULL) {
        return;
    }
    if (fscanf(file, "%" SCNu64 " %" SCNu64, &pages, &resident) == 2) {
        out->virtual_bytes = pages * page_size;
        out->resident_bytes = resident * page_size;
    }
    fclose(file);
}

/* The one that this needs is open only as long as it takes, and not counted. */
static void look_at_fds(struct vitals *out)
{
    DIR *dir = opendir("/proc/self/fd");
    struct rlimit limit;
    uint64_t entries = 0;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        out->max_fds = limit.rlim_cur;
    }
    if (dir == NULL) {
        return;
    }
    for (const struct dirent *at = readdir(dir); at != NULL; at = readdir(dir)) {
        entries += at->d_name[0] != '.';
    }
    closedir(dir);
    out->open_fds = entries > 0 ? entries - 1 : 0;
}

static void look_at_process(struct vitals *out)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        out->cpu_ms = time_ms(usage.ru_utime) + time_ms(usage.ru_stime);
    }
    look_at_memory(out);
    look_at_fds(out);
}

static void look_at_state(const char *root, struct vitals *out)
{
    struct root_state state;
    struct errmsg msg;

    if (root_state_read(root, &state, &msg) != ERR_NONE) {
        return; /* whoever has to change it says why */
    }
    out->has_state = true;
    out->is_pinned = state.is_pinned;
    for (unsigned i = 0; i < state.mark_count; i++) {
        const struct root_mark *mark = &state.marks[i];

        if (mark->kind == MARK_REFUSED && mark->number > out->refused) {
            out->refused = mark->number;
        }
    }
    root_state_free(&state);
}

static void look_at_room(const char *root, struct vitals *out)
{
    struct statvfs room;

    if (statvfs(root, &room) == 0) {
        out->has_room = true;
        out->free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
        out->size_bytes = (uint64_t)room.f_blocks * room.f_frsize;
    }
}

void vitals_look(const struct server_options *options, struct vitals *out)
{
    *out = (struct vitals){
        .version = options->version,
        .connections = options->bounds.connections,
    };
    look_at_process(out);
    look_at_room(options->root, out);
    look_at_state(options->root, out);
}
