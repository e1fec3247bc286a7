#include "service/writes.h"

#include <stdlib.h>
#include <string.h>

const char *write_end_name(enum write_end end)
{
    static const char *const names[] = {
        [WRITE_END_DONE] = "done",       [WRITE_END_REPLAYED] = "replayed",
        [WRITE_END_MISSING] = "missing", [WRITE_END_INVALID] = "invalid",
        [WRITE_END_AWAY] = "away",       [WRITE_END_KEY_CONFLICT] = "key_conflict",
        [WRITE_END_FAILED] = "failed",   [WRITE_END_LIMITED] = "limited",
        [WRITE_END_LOST] = "lost",       [WRITE_END_FORWARDED] = "forwarded",
    };

    return names[end];
}

void writes_init(struct writes *writes, unsigned per_second, const struct proxies *proxies)
{
    *writes = (struct writes){.writer = NULL};
    limits_init(&writes->limits, per_second, proxies);
    for (unsigned i = 0; i < WRITE_ENDS; i++) {
        atomic_init(&writes->ends[i], 0);
    }
}

static void keep_text(struct writes *writes, struct slice text)
{
    free(writes->definition);
    writes->definition = memory_alloc(text.len);
    writes->definition_len = text.len;
    memcpy(writes->definition, text.ptr, text.len);
}

enum err writes_open(struct writes *writes, const struct writer_options *options,
                     const struct definition *definition, struct errmsg *msg)
{
    enum err rc = writer_open(options, definition, &writes->writer, msg);

    if (rc == ERR_NONE) {
        keep_text(writes, definition->text);
    }
    return rc;
}

void writes_forward(struct writes *writes, const struct primary *primary, int64_t timeout_ms)
{
    writes->primary = primary;
    writes->forward_timeout_ms = (uint64_t)timeout_ms;
}

void writes_define(struct writes *writes, const struct definition *definition)
{
    struct slice before = slice_of(writes->definition, writes->definition_len);

    if (writes->writer != NULL && !slice_equal(before, definition->text)) {
        writer_define(writes->writer, definition);
        keep_text(writes, definition->text);
    }
}

void writes_count(struct writes *writes, enum write_end end)
{
    atomic_fetch_add_explicit(&writes->ends[end], 1, memory_order_relaxed);
}

enum write_end writes_end_of(const struct write_job *job)
{
    static const enum write_end ends[] = {
        [WRITE_DONE] = WRITE_END_DONE,       [WRITE_MISSING] = WRITE_END_MISSING,
        [WRITE_INVALID] = WRITE_END_INVALID, [WRITE_KEY_CONFLICT] = WRITE_END_KEY_CONFLICT,
        [WRITE_AWAY] = WRITE_END_AWAY,       [WRITE_FAILED] = WRITE_END_FAILED,
    };

    return job->outcome == WRITE_DONE && job->is_replay ? WRITE_END_REPLAYED : ends[job->outcome];
}

void writes_look(const struct writes *writes, struct writes_view *out)
{
    struct writer_state state = {.is_connected = false};

    *out = (struct writes_view){.is_open = writes->writer != NULL || writes->primary != NULL,
                                .is_forwarded = writes->primary != NULL};
    if (writes->writer != NULL) {
        writer_look(writes->writer, &state);
    }
    out->is_connected = state.is_connected;
    out->waiting = state.waiting;
    for (unsigned i = 0; i < WRITE_ENDS; i++) {
        out->ends[i] = atomic_load_explicit(&writes->ends[i], memory_order_relaxed);
    }
}

void writes_close(struct writes *writes)
{
    writer_close(writes->writer);
    free(writes->definition);
    limits_free(&writes->limits);
    writes->writer = NULL;
    writes->definition = NULL;
}
