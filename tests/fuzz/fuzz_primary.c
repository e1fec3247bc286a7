/*
 * What a primary answers: cut in two at a place that the first byte gives. What is passed on ends no
 * line but its own.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "service/primary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes stand in memory of their own, so that a byte too far is found. */
static bool feed(struct primary_answer *answer, const uint8_t *data, size_t size)
{
    char *copy = memory_alloc(size);
    bool goes_on;

    memcpy(copy, data, size);
    goes_on = primary_answer_feed(answer, slice_of(copy, size));
    free(copy);
    return goes_on;
}

static void check(struct primary_answer *answer)
{
    const char *lines = buffer_str(&answer->lines);

    if (answer->status < 200 || strlen(lines) != answer->lines.len ||
        strstr(lines, "\r\n\r\n") != NULL) {
        abort();
    }
    for (size_t i = 0; i < answer->lines.len; i++) {
        if (lines[i] == '\n' && (i == 0 || lines[i - 1] != '\r')) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct primary_answer answer;
    size_t cut;

    if (size < 1) {
        return 0;
    }
    cut = data[0] < size ? data[0] : size - 1;
    primary_answer_init(&answer);
    if (feed(&answer, data + 1, cut) && !answer.is_whole) {
        feed(&answer, data + 1 + cut, size - 1 - cut);
    }
    if (answer.is_whole) {
        check(&answer);
    }
    primary_answer_free(&answer);
    return 0;
}
