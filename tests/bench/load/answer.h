/*
 * answer: reads one HTTP answer from bytes as they come.
 *
 * What it needs of an answer is its status, its end, and whether the connection goes on. A body without
 * Content-Length is refused: where it ends could not be checked. The bytes are not kept, but for a
 * head that is still incomplete.
 */
#ifndef VITRINE_BENCH_LOAD_ANSWER_H
#define VITRINE_BENCH_LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_HEAD_MAX = 8192 };

enum answer_state {
    ANSWER_HEAD, /* incomplete; before its first byte, too */
    ANSWER_BODY,
    ANSWER_DONE,
    ANSWER_MALFORMED, /* no status, no length, or a head of more than 8 KiB */
};

struct answer {
    enum answer_state state;
    unsigned status;
    uint64_t body_size;
    uint64_t body_left; /* bytes that have not come yet */
    bool is_last;       /* of its connection: the server says that it will close it */
    unsigned head_len;
    char head[ANSWER_HEAD_MAX];
};

void answer_reset(struct answer *answer);

/* Takes bytes up to the end of the answer; returns how many. */
size_t answer_take(struct answer *answer, const char *data, size_t size);

#endif
