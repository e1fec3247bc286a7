#include "service/lines.h"

#include <string.h>

bool lines_begin(struct lines *lines, struct slice bytes)
{
    lines->fed = bytes.ptr;
    lines->fed_end = bytes.ptr + bytes.len;
    lines->name_end = bytes.ptr;
    if (lines->part != LINE_VERSION) {
        return true;
    }
    lines->part = LINE_ENDED;
    return bytes.ptr[0] != '\n';
}

/* Ends of lines between the name and AT. */
static unsigned ends_before(const struct lines *lines, const char *at)
{
    const char *end = lines->name_end;
    unsigned count = lines->ends_seen;

    while ((end = memchr(end, '\n', (size_t)(at - end))) != NULL) {
        count++;
        end++;
    }
    return count;
}

void lines_pause(struct lines *lines)
{
    if (lines->part == LINE_NAME) {
        lines->ends_seen = ends_before(lines, lines->fed_end);
    }
    lines->end -= (int32_t)(lines->fed_end - lines->fed);
    lines->last_byte = lines->fed_end[-1];
}

bool lines_note_version(struct lines *lines, const char *at, size_t len)
{
    lines->end = (int32_t)(at + len - lines->fed);
    lines->part = at + len == lines->fed_end ? LINE_VERSION : LINE_ENDED;
    return lines->part == LINE_VERSION || at[len] != '\n';
}

void lines_note_name(struct lines *lines, const char *at, size_t len)
{
    lines->part = LINE_NAME;
    lines->name_end = at + len;
    lines->ends_seen = 0;
}

bool lines_note_value(struct lines *lines, const char *at, size_t len)
{
    enum line_part part = lines->part;
    bool is_usual = at - lines->name_end == 2 && *lines->name_end == ':' && len > 0;

    lines->part = at + len < lines->fed_end ? LINE_ENDED : LINE_VALUE;
    lines->end = (int32_t)(at + len - lines->fed);
    if (part != LINE_NAME || is_usual) {
        return part != LINE_ENDED;
    }
    if (len > 0) {
        return ends_before(lines, at) == 0;
    }
    lines->end -= 2; /* llhttp knows that a value is empty when it has seen the line behind it */
    return ends_before(lines, at) == 1;
}

/* Where the line feed alone was fed before, the head was complete then. */
bool lines_end_head(const struct lines *lines)
{
    int32_t at = lines->end + 2;

    return at < 0 || lines->fed[at] == '\r';
}

bool lines_end_trailer(const struct lines *lines, size_t taken)
{
    return (taken >= 2 ? lines->fed[taken - 2] : lines->last_byte) == '\r';
}
