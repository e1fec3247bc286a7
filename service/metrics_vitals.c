#include "service/metrics_vitals.h"

#include "base/json.h"
#include "service/metrics_text.h"

static void write_root(const struct vitals *vitals, struct buffer *out)
{
    if (vitals->has_room) {
        metrics_write_count(out, "vitrine_root_free_bytes", "gauge",
                            "Bytes that may still be written to the file system of the root.",
                            vitals->free_bytes);
        metrics_write_count(out, "vitrine_root_size_bytes", "gauge", "Bytes of that file system.",
                            vitals->size_bytes);
    }
    if (vitals->has_state) {
        metrics_write_count(out, "vitrine_root_pinned", "gauge",
                            "Whether the root is pinned to a release.", vitals->is_pinned);
        metrics_write_count(out, "vitrine_root_refused_release_number", "gauge",
                            "Highest number of a release that is remembered as refused; 0: none.",
                            vitals->refused);
    }
}

/* The names are those that all programs give them. */
static void write_process(const struct vitals *vitals, struct buffer *out)
{
    metrics_write_seconds(out, "process_cpu_seconds_total", "counter",
                          "Time of processors, in user and system mode.", vitals->cpu_ms);
    metrics_write_count(out, "process_resident_memory_bytes", "gauge",
                        "Memory, pages of mapped files included.", vitals->resident_bytes);
    metrics_write_count(out, "process_virtual_memory_bytes", "gauge", "Address space.",
                        vitals->virtual_bytes);
    metrics_write_count(out, "process_open_fds", "gauge", "File descriptors that are open.",
                        vitals->open_fds);
    metrics_write_count(out, "process_max_fds", "gauge", "File descriptors that may be open.",
                        vitals->max_fds);
}

void metrics_write_vitals(const struct vitals *vitals, struct buffer *out)
{
    metrics_begin(out, "vitrine_build_info", "gauge", "The program.");
    buffer_append_str(out, "vitrine_build_info{version=");
    json_write_string(out, slice_str(vitals->version));
    buffer_append_str(out, "} 1\n");
    metrics_write_count(out, "vitrine_connections_limit", "gauge",
                        "Connections of clients that may be open at a time.", vitals->connections);
    write_root(vitals, out);
    write_process(vitals, out);
}
