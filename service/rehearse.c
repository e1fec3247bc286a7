#include "service/rehearse.h"

#include "base/number.h"
#include "definition/wording.h"
#include "service/answer.h"
#include "service/bounds.h"
#include "service/expect.h"

enum {
    OUTPUT_MAX = BOUNDS_ANSWER_MAX + (64 << 10), /* a body and its head */
    STATUS_OFFSET = sizeof "HTTP/1.1 " - 1,
    STATUS_LEN = 3,
};

/* Where the answers of one rehearsal are written to. */
struct stage {
    struct answerer answerer;
    struct buffer out;
};

/* What a client is sent for TARGET; the body lives until the next answer. */
static unsigned answer(struct stage *stage, struct slice target, struct slice *body)
{
    struct request request = {.method = METHOD_GET, .target = target, .keep_alive = true};
    int64_t status = 0;
    size_t start;

    buffer_clear(&stage->out);
    answer_request(&stage->answerer, &request, &stage->out);
    start = stage->answerer.heads.body;
    *body = slice_of(stage->out.ptr + start, stage->out.len - start);
    return parse_integer(slice_of(stage->out.ptr + STATUS_OFFSET, STATUS_LEN), &status)
               ? (unsigned)status
               : 0;
}

static bool text_holds(struct slice expected, struct slice body, struct buffer *complaint)
{
    if (slice_equal(expected, body)) {
        return true;
    }
    buffer_printf(complaint, "the answer is %s, ", wording_quote(body).text);
    buffer_printf(complaint, "but %s is expected", wording_quote(expected).text);
    return false;
}

static bool golden_holds(struct stage *stage, const struct golden *golden, struct buffer *complaint)
{
    struct slice body;
    unsigned status = answer(stage, golden->target, &body);

    if (status != golden->status) {
        buffer_printf(complaint, "the status is %u, but %u is expected", status, golden->status);
        return false;
    }
    if (golden->has_text) {
        return text_holds(golden->text, body, complaint);
    }
    return golden->expect == NULL || expect_holds(golden->expect, body, complaint);
}

/* A line for FAILURES; taken back when the answer is the expected one. */
static void play(struct stage *stage, const struct golden *golden, struct buffer *failures)
{
    size_t len = failures->len;

    buffer_printf(failures, "request %.*s (line %u): ", SLICE_ARG(golden->target), golden->line);
    if (golden_holds(stage, golden, failures)) {
        failures->len = len;
    } else {
        buffer_append_byte(failures, '\n');
    }
}

enum err rehearse(const char *dir, struct buffer *failures, struct errmsg *msg)
{
    struct stage stage;
    struct plan *plan = NULL;
    enum err rc = plan_open(dir, &(struct release_check){.verify = false}, &plan, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    answerer_init(&stage.answerer);
    buffer_init(&stage.out, OUTPUT_MAX);
    rc = answerer_serve(&stage.answerer, plan, msg);
    if (rc == ERR_NONE) {
        const struct checks *checks = &plan->release->definition->checks;

        for (unsigned i = 0; i < checks->request_count; i++) {
            play(&stage, &checks->requests[i], failures);
        }
    }
    answerer_free(&stage.answerer);
    buffer_free(&stage.out);
    return rc;
}
