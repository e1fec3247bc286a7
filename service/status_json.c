#include "service/status_json.h"

#include <inttypes.h>

#include "base/json.h"

enum { LINES_MAX = STATUS_DAMAGES_MAX * 1024 };

/* A message may hold whatever a file was called. */
static void write_text(struct slice text, struct buffer *out)
{
    json_write_string(out, utf8_is_valid(text) ? text : slice_str("(not UTF-8)"));
}

/* The lines of TEXT as an array. */
static void write_lines(const char *name, struct slice text, struct buffer *out)
{
    const char *separator = "";

    buffer_printf(out, "\"%s\":[", name);
    while (text.len > 0) {
        buffer_append_str(out, separator);
        write_text(slice_take_line(&text), out);
        separator = ",";
    }
    buffer_append_str(out, "],");
}

static void write_event(const struct status_event *event, struct buffer *out)
{
    buffer_printf(out, "{\"at_ms\":%" PRId64 ",\"release\":", event->at_ms);
    write_text(slice_str(event->release), out);
    buffer_printf(out, ",\"refused\":%s", event->is_refused ? "true" : "false");
    if (event->is_refused) {
        buffer_printf(out, ",\"times\":%" PRIu64 ",\"reason\":", event->times);
        write_text(slice_str(event->reason.text), out);
    }
    buffer_append_byte(out, '}');
}

void status_json_write(const struct status_view *view, struct buffer *out)
{
    struct buffer lines;

    buffer_init(&lines, LINES_MAX);
    status_reasons(view, &lines);
    buffer_printf(out, "{\"ready\":%s,", lines.len == 0 ? "true" : "false");
    write_lines("reasons", buffer_slice(&lines), out);
    buffer_clear(&lines);
    status_remarks(view, &lines);
    write_lines("remarks", buffer_slice(&lines), out);
    buffer_append_str(out, "\"events\":[");
    for (unsigned i = 0; i < view->event_count; i++) {
        buffer_append_str(out, i == 0 ? "" : ",");
        write_event(&view->events[i], out);
    }
    buffer_append_str(out, "]}\n");
    buffer_free(&lines);
}
