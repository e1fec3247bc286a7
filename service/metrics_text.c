#include "service/metrics_text.h"

#include <inttypes.h>

void metrics_begin(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_write_count(struct buffer *out, const char *name, const char *type, const char *help,
                         uint64_t value)
{
    metrics_begin(out, name, type, help);
    buffer_printf(out, "%s %" PRIu64 "\n", name, value);
}

void metrics_write_seconds(struct buffer *out, const char *name, const char *type, const char *help,
                           int64_t ms)
{
    metrics_begin(out, name, type, help);
    buffer_printf(out, "%s %s%" PRId64 ".%03" PRId64 "\n", name, ms < 0 ? "-" : "",
                  ms < 0 ? -ms / 1000 : ms / 1000, ms < 0 ? -ms % 1000 : ms % 1000);
}
