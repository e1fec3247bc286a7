#include "service/request_id.h"

#include <stdbool.h>
#include <sys/random.h>
#include <time.h>

void request_ids_init(struct request_ids *ids)
{
    struct timespec now;

    if (getrandom(&ids->at, sizeof ids->at, GRND_NONBLOCK) != (ssize_t)sizeof ids->at) {
        clock_gettime(CLOCK_REALTIME, &now);
        ids->at = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    }
}

static bool is_sane(struct slice text)
{
    if (text.len == 0 || text.len > REQUEST_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c <= ' ' || c > '~' || c == '"' || c == '\\') {
            return false;
        }
    }
    return true;
}

/* Each step can be undone, so that no two numbers become the same one. */
static uint64_t scatter(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

struct slice request_id(struct request_ids *ids, struct slice asked)
{
    if (is_sane(asked)) {
        return asked;
    }
    write_hex(ids->text, scatter(ids->at++));
    return slice_of(ids->text, sizeof ids->text);
}

struct slice request_id_keep(char own[REQUEST_ID_MAX], struct slice id)
{
    size_t len = id.len <= REQUEST_ID_MAX ? id.len : 0;

    for (size_t i = 0; i < len; i++) {
        own[i] = id.ptr[i];
    }
    return slice_of(own, len);
}
