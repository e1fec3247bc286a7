#include "service/metrics.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/json.h"
#include "service/metrics_text.h"
#include "service/metrics_traffic.h"
#include "service/metrics_vitals.h"

/* The escapes of a label are those of JSON, for what a name can hold. */
static void write_release(const struct status_view *view, int64_t now_ms, struct buffer *out)
{
    metrics_begin(out, "vitrine_release_info", "gauge", "The release that is served.");
    buffer_printf(out, "vitrine_release_info{release=\"%s\",definition=", view->release_name);
    json_write_string(out, slice_str(view->definition));
    buffer_append_str(out, "} 1\n");
    metrics_write_count(out, "vitrine_release_number", "gauge",
                        "Number of the release that is served.", view->release_number);
    metrics_write_seconds(out, "vitrine_release_built_timestamp_seconds", "gauge",
                          "When it was built.", view->built_ms);
    metrics_write_seconds(out, "vitrine_data_age_seconds", "gauge", "Time since it was built.",
                          now_ms - view->built_ms);
}

static void write_scrub(const struct status_view *view, struct buffer *out)
{
    metrics_write_count(out, "vitrine_scrub_pages_checked_total", "counter",
                        "Pages compared with their hashes.", view->scrubbed_pages);
    metrics_write_count(out, "vitrine_scrub_read_bytes_total", "counter",
                        "Bytes read from the disk for it.", view->scrubbed_bytes);
    metrics_write_count(out, "vitrine_scrub_damaged_pages", "gauge",
                        "Damaged pages of the release that is served.", view->damage_count);
    metrics_write_count(out, "vitrine_scrub_passes_total", "counter",
                        "How often a release was checked completely.", view->scrub_passes);
    if (view->scrub_passes > 0) {
        metrics_write_seconds(out, "vitrine_scrub_last_pass_timestamp_seconds", "gauge",
                              "When one was checked completely last.", view->scrub_passed_ms);
    }
    metrics_write_count(out, "vitrine_repairs_total", "counter",
                        "Damaged files that were replaced.", view->repairs);
    metrics_write_count(out, "vitrine_repair_failures_total", "counter",
                        "Damaged files that could not be replaced, each try counted.",
                        view->repair_failures);
    metrics_write_count(out, "vitrine_repair_failing_files", "gauge",
                        "Damaged files of the release that is served whose last repair failed.",
                        view->failure_count);
}

static void write_writes(const struct writes_view *view, struct buffer *out)
{
    if (!view->is_forwarded) {
        metrics_write_count(out, "vitrine_source_connected", "gauge",
                            "Whether the source that writes go to is reached.", view->is_connected);
        metrics_write_count(out, "vitrine_writes_waiting", "gauge",
                            "Writes that are not answered yet.", view->waiting);
    }
    metrics_begin(out, "vitrine_writes_total", "counter",
                  "Requests that run an action, by their end.");
    for (unsigned end = 0; end < WRITE_ENDS; end++) {
        buffer_printf(out, "vitrine_writes_total{end=\"%s\"} %" PRIu64 "\n", write_end_name(end),
                      view->ends[end]);
    }
}

static void write_collections(const struct status_view *view, struct buffer *out)
{
    static const struct {
        const char *name;
        const char *help;
        size_t offset;
    } sizes[] = {
        {"vitrine_collection_rows", "Rows of a collection.",
         offsetof(struct status_collection, rows)},
        {"vitrine_collection_keys", "Keys of a collection.",
         offsetof(struct status_collection, keys)},
        {"vitrine_collection_bytes", "Bytes of the files of a collection.",
         offsetof(struct status_collection, bytes)},
    };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        metrics_begin(out, sizes[i].name, "gauge", sizes[i].help);
        for (unsigned k = 0; k < view->collection_count; k++) {
            const struct status_collection *at = &view->collections[k];

            buffer_printf(out, "%s{collection=\"%s\"} %" PRIu64 "\n", sizes[i].name, at->name,
                          *(const uint64_t *)((const char *)at + sizes[i].offset));
        }
    }
}

void metrics_write(const struct status_view *view, const struct traffic *traffic,
                   const struct vitals *vitals, int64_t now_ms, struct buffer *out)
{
    struct buffer reasons;

    buffer_init(&reasons, STATUS_DAMAGES_MAX * 256);
    status_reasons(view, &reasons);
    metrics_write_count(out, "vitrine_ready", "gauge", "Whether /readyz says so.",
                        reasons.len == 0);
    buffer_free(&reasons);
    if (view->max_age_ms > 0) {
        metrics_write_seconds(out, "vitrine_max_age_seconds", "gauge",
                              "Age of the data beyond which /readyz refuses.", view->max_age_ms);
    }
    if (view->is_serving) {
        write_release(view, now_ms, out);
        write_collections(view, out);
    }
    metrics_write_count(out, "vitrine_swaps_total", "counter",
                        "Releases that took the place of another.", view->swaps);
    metrics_write_count(out, "vitrine_refusals_total", "counter",
                        "Releases that could not be opened or verified, each try counted.",
                        view->refusals);
    write_scrub(view, out);
    if (view->writes.is_open) {
        write_writes(&view->writes, out);
    }
    metrics_write_traffic(traffic, out);
    metrics_write_vitals(vitals, out);
    metrics_write_seconds(out, "process_start_time_seconds", "gauge", "When the process began.",
                          view->started_ms);
}
