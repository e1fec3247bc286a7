#include "answer.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH "\r\ncontent-length:"

void answer_reset(struct answer *answer)
{
    memset(answer, 0, offsetof(struct answer, head));
}

/* The complete head, terminated. */
static void read_head(struct answer *answer)
{
    const char *head = answer->head;
    const char *length = strcasestr(head, LENGTH);

    answer->state = ANSWER_MALFORMED;
    if (memcmp(head, "HTTP/1.", 7) != 0 || strlen(head) < 14 || head[8] != ' ') {
        return;
    }
    answer->status = (unsigned)strtoul(head + 9, NULL, 10);
    answer->is_last = head[7] == '0' || strcasestr(head, "\r\nconnection: close\r\n") != NULL;
    if (length != NULL) {
        answer->body_size = strtoull(length + strlen(LENGTH), NULL, 10);
    } else if (answer->status != 204 && answer->status != 304) {
        return;
    }
    answer->body_left = answer->body_size;
    answer->state = answer->body_left > 0 ? ANSWER_BODY : ANSWER_DONE;
}

static size_t take_head(struct answer *answer, const char *data, size_t size)
{
    unsigned old = answer->head_len;
    size_t room = sizeof answer->head - 1 - old;
    size_t taken = size < room ? size : room;
    char *end;

    memcpy(answer->head + old, data, taken);
    end = memmem(answer->head, old + taken, "\r\n\r\n", 4);
    if (end == NULL) {
        answer->head_len += (unsigned)taken;
        answer->state = taken == room ? ANSWER_MALFORMED : ANSWER_HEAD;
        return taken;
    }
    end[4] = '\0'; /* there is room for it: a head ends one byte before the buffer */
    answer->head_len = (unsigned)(end + 4 - answer->head);
    read_head(answer);
    return answer->head_len - old;
}

size_t answer_take(struct answer *answer, const char *data, size_t size)
{
    size_t taken = 0;

    if (answer->state == ANSWER_HEAD && size > 0) {
        taken = take_head(answer, data, size);
    }
    if (answer->state == ANSWER_BODY) {
        size_t have = size - taken;
        size_t part = have < answer->body_left ? have : (size_t)answer->body_left;

        answer->body_left -= part;
        taken += part;
        answer->state = answer->body_left > 0 ? ANSWER_BODY : ANSWER_DONE;
    }
    return taken;
}
