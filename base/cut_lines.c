#include "base/cut_lines.h"

void cut_lines_feed(struct cut_lines *lines, struct slice bytes, take_line take, void *context)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];

        if (c == '\n' || c == '\r') {
            lines->text[lines->len] = '\0';
            take(context, lines->text);
            lines->len = 0;
        } else if (lines->len < sizeof lines->text - 1) {
            lines->text[lines->len++] = c >= 0 && c < ' ' ? ' ' : c;
        }
    }
}
