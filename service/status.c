#include "service/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void status_init(struct status *status, int64_t now_ms, int64_t max_age_ms)
{
    memset(status, 0, sizeof *status);
    status->view.max_age_ms = max_age_ms;
    status->view.started_ms = now_ms;
    uv_mutex_init(&status->lock);
}

void status_free(struct status *status)
{
    uv_mutex_destroy(&status->lock);
}

void status_read(struct status *status, int64_t now_ms, struct status_view *out)
{
    uv_mutex_lock(&status->lock);
    *out = status->view;
    out->now_ms = now_ms;
    if (status->writes != NULL) {
        writes_look(status->writes, &out->writes);
    }
    uv_mutex_unlock(&status->lock);
}

void status_take_writes(struct status *status, const struct writes *writes)
{
    uv_mutex_lock(&status->lock);
    status->writes = writes;
    uv_mutex_unlock(&status->lock);
}

static void note_collections(struct status_view *view, const struct manifest *manifest)
{
    view->collection_count = 0;
    for (unsigned i = 0;
         i < manifest->collection_count && view->collection_count < DEFINITION_COLLECTIONS_MAX;
         i++) {
        const struct manifest_collection *from = &manifest->collections[i];
        struct status_collection *to = &view->collections[view->collection_count++];

        *to = (struct status_collection){.rows = from->row_count, .keys = from->key_count};
        snprintf(to->name, sizeof to->name, "%.*s", SLICE_ARG(from->name));
        for (unsigned k = 0; k < manifest->file_count; k++) {
            bool is_its = slice_equal(manifest->files[k].collection, from->name);

            to->bytes += is_its ? manifest->files[k].size_bytes : 0;
        }
    }
}

/* Room for an event, the newest; the oldest makes it. */
static struct status_event *add_event(struct status_view *view, const char *release, int64_t now_ms)
{
    struct status_event *first = &view->events[0];

    memmove(first + 1, first, (STATUS_EVENTS_MAX - 1) * sizeof *first);
    view->event_count += view->event_count < STATUS_EVENTS_MAX;
    *first = (struct status_event){.at_ms = now_ms, .times = 1};
    snprintf(first->release, sizeof first->release, "%s", release);
    return first;
}

void status_serve(struct status *status, const struct plan *plan, int64_t now_ms)
{
    const struct manifest *manifest = plan->release->manifest;
    struct status_view *view = &status->view;

    uv_mutex_lock(&status->lock);
    view->swaps += view->is_serving;
    view->is_serving = true;
    snprintf(view->release_name, sizeof view->release_name, "%s", plan->release_name);
    snprintf(view->definition, sizeof view->definition, "%.*s",
             SLICE_ARG(plan->release->definition->name));
    view->release_number = manifest->number;
    view->built_ms = manifest->built_ms;
    view->damage_count = 0;
    view->failure_count = 0;
    note_collections(view, manifest);
    (void)add_event(view, plan->release_name, now_ms);
    status->plan = plan;
    uv_mutex_unlock(&status->lock);
}

void status_stop(struct status *status)
{
    uv_mutex_lock(&status->lock);
    status->view.is_stopping = true;
    uv_mutex_unlock(&status->lock);
}

void status_refused(struct status *status, const char *dir, const struct errmsg *reason,
                    int64_t now_ms)
{
    const char *slash = strrchr(dir, '/');
    const char *name = slash == NULL ? dir : slash + 1;
    struct status_view *view = &status->view;
    struct status_event *event = &view->events[0];

    uv_mutex_lock(&status->lock);
    view->refusals++;
    if (view->event_count > 0 && event->is_refused && strcmp(event->release, name) == 0 &&
        strcmp(event->reason.text, reason->text) == 0) {
        event->times++;
        event->at_ms = now_ms;
    } else {
        event = add_event(view, name, now_ms);
        event->is_refused = true;
        event->reason = *reason;
    }
    uv_mutex_unlock(&status->lock);
}

void status_pass_begins(struct status *status, const struct plan *plan)
{
    uv_mutex_lock(&status->lock);
    if (status->plan == plan) {
        status->pass++;
    }
    uv_mutex_unlock(&status->lock);
}

void status_scrubbed(struct status *status, uint64_t pages, uint64_t read_bytes)
{
    uv_mutex_lock(&status->lock);
    status->view.scrubbed_pages += pages;
    status->view.scrubbed_bytes += read_bytes;
    uv_mutex_unlock(&status->lock);
}

static struct status_damage *find_damage(struct status_view *view, const char *file, uint64_t page)
{
    for (unsigned i = 0; i < view->damage_count; i++) {
        struct status_damage *found = &view->damages[i];

        if (found->damage.page == page && strcmp(found->file, file) == 0) {
            return found;
        }
    }
    return NULL;
}

/* Returns whether it is new. */
static bool add_damage(struct status *status, const char *file, const struct scrub_damage *damage)
{
    struct status_view *view = &status->view;
    struct status_damage *at = find_damage(view, file, damage->page);
    bool is_new = at == NULL;

    if (is_new && view->damage_count == STATUS_DAMAGES_MAX) {
        return true;
    }
    if (is_new) {
        at = &view->damages[view->damage_count++];
        snprintf(at->file, sizeof at->file, "%s", file);
    }
    at->damage = *damage;
    at->pass = status->pass;
    return is_new;
}

static void copy_path(char *path, const struct manifest_file *file)
{
    snprintf(path, STATUS_PATH_MAX, "%.*s", SLICE_ARG(file->path));
}

bool status_damaged(struct status *status, const struct plan *plan,
                    const struct manifest_file *file, const struct scrub_damage *damage)
{
    char path[STATUS_PATH_MAX];
    bool is_new = false;

    copy_path(path, file);
    uv_mutex_lock(&status->lock);
    if (status->plan == plan) {
        is_new = add_damage(status, path, damage);
    }
    uv_mutex_unlock(&status->lock);
    return is_new;
}

static struct status_failure *find_failure(struct status_view *view, const char *file)
{
    for (unsigned i = 0; i < view->failure_count; i++) {
        if (strcmp(view->failures[i].file, file) == 0) {
            return &view->failures[i];
        }
    }
    return NULL;
}

bool status_is_damaged(struct status *status, const struct plan *plan,
                       const struct manifest_file *file)
{
    const struct status_view *view = &status->view;
    char path[STATUS_PATH_MAX];
    bool is_damaged = false;

    copy_path(path, file);
    uv_mutex_lock(&status->lock);
    for (unsigned i = 0; status->plan == plan && !is_damaged && i < view->damage_count; i++) {
        is_damaged = strcmp(view->damages[i].file, path) == 0;
    }
    uv_mutex_unlock(&status->lock);
    return is_damaged;
}

void status_repaired(struct status *status, const struct plan *plan,
                     const struct manifest_file *file)
{
    struct status_view *view = &status->view;
    struct status_failure *failure;
    char path[STATUS_PATH_MAX];

    copy_path(path, file);
    uv_mutex_lock(&status->lock);
    view->repairs++;
    failure = status->plan == plan ? find_failure(view, path) : NULL;
    if (failure != NULL) {
        *failure = view->failures[--view->failure_count];
    }
    uv_mutex_unlock(&status->lock);
}

/* Returns whether it is new. */
static bool add_failure(struct status_view *view, const char *file, const struct errmsg *reason)
{
    struct status_failure *failure = find_failure(view, file);
    bool is_new = failure == NULL || strcmp(failure->reason.text, reason->text) != 0;

    if (failure == NULL && view->failure_count < STATUS_FAILURES_MAX) {
        failure = &view->failures[view->failure_count++];
        snprintf(failure->file, sizeof failure->file, "%s", file);
    }
    if (failure != NULL) {
        failure->reason = *reason;
    }
    return is_new;
}

bool status_repair_failed(struct status *status, const struct plan *plan,
                          const struct manifest_file *file, const struct errmsg *reason)
{
    char path[STATUS_PATH_MAX];
    bool is_new = true;

    copy_path(path, file);
    uv_mutex_lock(&status->lock);
    status->view.repair_failures++;
    if (status->plan == plan) {
        is_new = add_failure(&status->view, path, reason);
    }
    uv_mutex_unlock(&status->lock);
    return is_new;
}

bool status_has_failure(struct status *status, const struct plan *plan)
{
    bool has_failure;

    uv_mutex_lock(&status->lock);
    has_failure = status->plan == plan && status->view.failure_count > 0;
    uv_mutex_unlock(&status->lock);
    return has_failure;
}

/* Of files that were found sound in this pass: somebody else has mended them. */
static void drop_failures(struct status *status)
{
    struct status_view *view = &status->view;

    for (unsigned i = view->failure_count; i-- > 0;) {
        bool is_damaged = false;

        for (unsigned k = 0; k < view->damage_count; k++) {
            is_damaged = is_damaged || (view->damages[k].pass == status->pass &&
                                        strcmp(view->damages[k].file, view->failures[i].file) == 0);
        }
        if (!is_damaged) {
            view->failures[i] = view->failures[--view->failure_count];
        }
    }
}

bool status_pass_ends(struct status *status, const struct plan *plan, bool full, int64_t now_ms)
{
    struct status_view *view = &status->view;
    bool is_mended = false;

    uv_mutex_lock(&status->lock);
    if (status->plan == plan) {
        if (full) {
            view->scrub_passes++;
            view->scrub_passed_ms = now_ms;
        }
        for (unsigned i = 0; i < view->damage_count; i++) {
            is_mended = is_mended || view->damages[i].pass != status->pass;
        }
        drop_failures(status);
    }
    uv_mutex_unlock(&status->lock);
    return is_mended;
}

void status_remarks(const struct status_view *view, struct buffer *out)
{
    if (view->writes.is_open && !view->writes.is_forwarded && !view->writes.is_connected) {
        buffer_append_str(out, "the source is away: writes are answered 503\n");
    }
}

void status_reasons(const struct status_view *view, struct buffer *out)
{
    if (view->is_stopping) {
        buffer_append_str(out, "this process is about to stop\n");
    }
    if (!view->is_serving) {
        buffer_append_str(out, "no release is open yet\n");
    } else if (view->max_age_ms > 0 && view->now_ms - view->built_ms > view->max_age_ms) {
        buffer_printf(out,
                      "the data is %" PRId64 " s old, more than the %" PRId64
                      " s of --max-age: see why no newer release comes\n",
                      (view->now_ms - view->built_ms) / 1000, view->max_age_ms / 1000);
    }
    for (unsigned i = 0; i < view->damage_count; i++) {
        const struct status_damage *at = &view->damages[i];
        const char *fault = scrub_fault_text(at->damage.fault);

        if (at->damage.page == 0) {
            buffer_printf(out, "damaged file %s: %s\n", at->file, fault);
        } else {
            buffer_printf(out, "damaged page %s page %" PRIu64 ": %s\n", at->file, at->damage.page,
                          fault);
        }
    }
    for (unsigned i = 0; i < view->failure_count; i++) {
        buffer_printf(out, "not repaired: %s\n", view->failures[i].reason.text);
    }
}
