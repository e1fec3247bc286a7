#include "statuses.h"

static const char start[] = "HTTP/1.1 ";

enum { START_LEN = sizeof start - 1, STATUS_LEN = 3, STATUS_CONTINUE = 100 };

static void take_byte(struct statuses *statuses, struct status_place *place, char byte)
{
    if (place->len < START_LEN) {
        place->len = byte == start[place->len] ? place->len + 1 : byte == start[0];
        place->status = 0;
        return;
    }
    if (byte < '0' || byte > '9') {
        place->len = 0;
        return;
    }
    place->status = place->status * 10 + (unsigned)(byte - '0');
    if (++place->len == START_LEN + STATUS_LEN) {
        statuses->counts[place->status]++;
        statuses->answers += place->status != STATUS_CONTINUE;
        place->len = 0;
    }
}

void statuses_take(struct statuses *statuses, struct status_place *place, const char *data,
                   size_t size)
{
    for (size_t i = 0; i < size; i++) {
        take_byte(statuses, place, data[i]);
    }
}
