#include "service/metrics_traffic.h"

#include <ctype.h>
#include <inttypes.h>

#include "base/json.h"
#include "service/metrics_text.h"

enum { NS_PER_S = 1000000000 };

/* `method="GET",route="/loans"`; the escapes of a label are those of JSON, for what a path can hold. */
static void write_labels(const struct route_traffic *route, struct buffer *out)
{
    buffer_append_str(out, "method=\"");
    if (route->method == ROUTE_METHODS) {
        buffer_append_str(out, "other\",route=\"none\"");
        return;
    }
    for (const char *at = route_method_name(route->method); *at != '\0'; at++) {
        buffer_append_byte(out, (char)toupper((unsigned char)*at));
    }
    buffer_append_str(out, "\",route=");
    json_write_string(out, slice_str(route->path));
}

static void write_seconds_of(uint64_t ns, struct buffer *out)
{
    buffer_printf(out, "%" PRIu64 ".%09" PRIu64 "\n", ns / NS_PER_S, ns % NS_PER_S);
}

static void write_statuses(const struct traffic *traffic, struct buffer *out)
{
    metrics_begin(out, "vitrine_requests_total", "counter",
                  "Requests that were answered, by route and status.");
    for (unsigned i = 0; i < traffic->route_count; i++) {
        const struct route_traffic *route = &traffic->routes[i];

        for (unsigned status = 0; status < METER_STATUSES; status++) {
            if (route->statuses[status] > 0) {
                buffer_append_str(out, "vitrine_requests_total{");
                write_labels(route, out);
                buffer_printf(out, ",status=\"%u\"} %" PRIu64 "\n", status,
                              route->statuses[status]);
            }
        }
    }
}

/* The bound of a bucket as seconds, without zeros at the end. */
static void write_bound(unsigned bucket, struct buffer *out)
{
    if (bucket == METER_BOUNDS) {
        buffer_append_str(out, "+Inf");
    } else {
        buffer_printf(out, "%g", (double)meter_bounds_ns[bucket] / NS_PER_S);
    }
}

static void write_durations_of(const struct route_traffic *route, struct buffer *out)
{
    static const char name[] = "vitrine_request_duration_seconds";
    uint64_t count = 0;

    for (unsigned i = 0; i < METER_BUCKETS; i++) {
        count += route->buckets[i];
        buffer_printf(out, "%s_bucket{", name);
        write_labels(route, out);
        buffer_append_str(out, ",le=\"");
        write_bound(i, out);
        buffer_printf(out, "\"} %" PRIu64 "\n", count);
    }
    buffer_printf(out, "%s_sum{", name);
    write_labels(route, out);
    buffer_append_str(out, "} ");
    write_seconds_of(route->time_ns, out);
    buffer_printf(out, "%s_count{", name);
    write_labels(route, out);
    buffer_printf(out, "} %" PRIu64 "\n", count);
}

/* A route that nobody asked for has neither. */
static void write_durations(const struct traffic *traffic, struct buffer *out)
{
    metrics_begin(out, "vitrine_request_duration_seconds", "histogram",
                  "Time from the complete request to the answer in the kernel's hands.");
    for (unsigned i = 0; i < traffic->route_count; i++) {
        const struct route_traffic *route = &traffic->routes[i];
        uint64_t count = 0;

        for (unsigned k = 0; k < METER_BUCKETS; k++) {
            count += route->buckets[k];
        }
        if (count > 0) {
            write_durations_of(route, out);
        }
    }
}

static void write_connections(const struct traffic *traffic, struct buffer *out)
{
    static const char *const states[METER_STATES] = {
        [METER_IDLE] = "idle",       [METER_READING] = "reading", [METER_WAITING] = "waiting",
        [METER_WRITING] = "writing", [METER_ENDING] = "ending",
    };

    metrics_write_count(out, "vitrine_connections_open", "gauge", "Connections of clients.",
                        traffic->connections);
    metrics_begin(out, "vitrine_connections", "gauge",
                  "Connections of clients by what they are at, within the last second.");
    for (unsigned i = 0; i < METER_STATES; i++) {
        buffer_printf(out, "vitrine_connections{state=\"%s\"} %" PRIu64 "\n", states[i],
                      traffic->states[i]);
    }
    metrics_write_count(out, "vitrine_connections_accepted_total", "counter",
                        "Connections that were taken.", traffic->accepted);
    metrics_write_count(out, "vitrine_connections_refused_total", "counter",
                        "Connections that were one too many.", traffic->refused);
    metrics_write_count(out, "vitrine_connections_outstayed_total", "counter",
                        "Connections that were closed for the memory that they held.",
                        traffic->outstayed);
    metrics_write_count(out, "vitrine_held_bytes", "gauge",
                        "Answers not taken and requests not ended, of all connections.",
                        traffic->held_bytes);
}

void metrics_write_traffic(const struct traffic *traffic, struct buffer *out)
{
    write_statuses(traffic, out);
    write_durations(traffic, out);
    metrics_write_count(out, "vitrine_response_bytes_total", "counter",
                        "Bytes of answers, with their heads.", traffic->bytes);
    write_connections(traffic, out);
    metrics_write_count(out, "vitrine_cold_reads_total", "counter",
                        "Requests that needed pages which were not in memory.",
                        traffic->cold_reads);
    metrics_write_count(out, "vitrine_cold_reads_refused_total", "counter",
                        "Of them, those answered 503 because too many waited.",
                        traffic->cold_refusals);
    metrics_write_count(out, "vitrine_access_log_lines_total", "counter",
                        "Lines of the access log that were written.", traffic->log_lines);
    metrics_write_count(out, "vitrine_access_log_dropped_total", "counter",
                        "Lines that were not: the disk is full, or too slow.",
                        traffic->log_dropped);
}
