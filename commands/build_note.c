#include "commands/build_note.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "commands/failures.h"
#include "service/metrics_text.h"

enum { NOTE_SIZE_MAX = 1 << 16, AGAIN_MS = 10000 };

enum outcome { BUILT, UNCHANGED, REFUSED, FAILED, OUTCOMES };

static enum outcome outcome_of(enum err rc, const struct build_result *result)
{
    switch (rc) {
    case ERR_NONE:
        return result->is_current ? UNCHANGED : BUILT;
    case ERR_REFUSED:
        return REFUSED;
    default:
        return FAILED;
    }
}

static void write_outcome(enum outcome outcome, struct buffer *out)
{
    static const char *const names[OUTCOMES] = {
        [BUILT] = "built", [UNCHANGED] = "unchanged", [REFUSED] = "refused", [FAILED] = "failed"};

    metrics_begin(out, "vitrine_builder_outcome", "gauge",
                  "How it ended: 1 for that, 0 otherwise.");
    for (unsigned i = 0; i < OUTCOMES; i++) {
        buffer_printf(out, "vitrine_builder_outcome{outcome=\"%s\"} %d\n", names[i], outcome == i);
    }
}

static void write_release(const struct build_result *result, struct buffer *out)
{
    metrics_write_count(out, "vitrine_builder_release_number", "gauge",
                        "The release that was built, or is that of today's source.",
                        result->number);
    if (!result->is_current) {
        metrics_write_count(out, "vitrine_builder_rows", "gauge", "Its rows.", result->row_count);
        metrics_write_count(out, "vitrine_builder_bytes", "gauge", "Bytes of its files.",
                            result->file_bytes);
    }
}

static enum err write_note(const struct build_note *note, enum err rc,
                           const struct build_result *result, const struct buffer *failures,
                           struct errmsg *msg)
{
    struct buffer text;
    enum err written;

    buffer_init(&text, NOTE_SIZE_MAX);
    metrics_write_seconds(&text, "vitrine_builder_finished_timestamp_seconds", "gauge",
                          "When the last build, or look at the source, ended.", timestamp_now_ms());
    metrics_write_seconds(&text, "vitrine_builder_duration_seconds", "gauge", "How long it took.",
                          monotonic_ms() - note->began_ms);
    write_outcome(outcome_of(rc, result), &text);
    metrics_write_count(&text, "vitrine_builder_failed_checks", "gauge",
                        "Checks of the definition that failed.", failures_count(failures));
    if (rc == ERR_NONE) {
        write_release(result, &text);
    }
    written = file_write(note->path, buffer_slice(&text), msg);
    buffer_free(&text);
    return written;
}

void build_note_begin(struct build_note *note)
{
    note->began_ms = monotonic_ms();
}

void build_note_end(struct build_note *note, enum err rc, const struct build_result *result,
                    const struct buffer *failures)
{
    bool is_news = rc != note->said || (rc == ERR_NONE && !result->is_current);
    struct errmsg msg;

    if (note->path == NULL ||
        (note->written_ms > 0 && !is_news && monotonic_ms() - note->written_ms < AGAIN_MS)) {
        return;
    }
    if (write_note(note, rc, result, failures, &msg) == ERR_NONE) {
        note->written_ms = monotonic_ms();
        note->said = rc;
        note->is_failing = false;
        return;
    }
    if (!note->is_failing) {
        log_warn("metrics_not_written", "path=\"%s\" reason=\"%s\"", note->path, msg.text);
    }
    note->is_failing = true;
}
