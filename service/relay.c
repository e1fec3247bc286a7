#include "service/relay.h"

#include <stdlib.h>

#include "base/arena.h"
#include "service/answer.h"
#include "service/plain.h"
#include "service/request_id.h"

enum { REQUEST_MAX = HTTP_TARGET_MAX + HTTP_HEAD_MAX + HTTP_BODY_MAX + (4 << 10) };

static const char retry_later[] = "Retry-After: 1\r\n";

struct relayed {
    struct later later;
    struct forward forward;
    struct answerer *answerer; /* of the loop, which outlives what it forwards */
    struct request request;    /* its method; the slices are gone */
    char id[REQUEST_ID_MAX];   /* of the request */
    struct buffer bytes;       /* as they are sent */
};

static struct relayed *relayed_of(struct forward *forward)
{
    return (struct relayed *)((char *)forward - offsetof(struct relayed, forward));
}

static void answer_text(struct answerer *answerer, const struct request *request, const char *text,
                        struct buffer *out)
{
    plain_answer_of_source(&answerer->heads, request, 503, slice_str(text), retry_later, out);
}

static void append_whole(struct relayed *relayed, struct buffer *out)
{
    struct primary_answer *answer = &relayed->forward.answer;
    struct head_writer *heads = &relayed->answerer->heads;
    struct head head =
        plain_head(&relayed->request, answer->status, answer->is_json ? BODY_JSON : BODY_TEXT,
                   buffer_str(&answer->lines));

    head.is_from_source = true;
    if (answer->status == 204) {
        head_alone(heads, &head, out);
    } else {
        plain_append(heads, &head, buffer_slice(&answer->body),
                     relayed->request.method != METHOD_HEAD, out);
    }
}

static void append_answer(struct relayed *relayed, struct buffer *out)
{
    switch (relayed->forward.outcome) {
    case FORWARD_ANSWERED:
        append_whole(relayed, out);
        break;
    case FORWARD_AWAY:
        answer_text(relayed->answerer, &relayed->request,
                    "Error: the primary is away; nothing was written", out);
        break;
    case FORWARD_LOST:
        answer_text(relayed->answerer, &relayed->request,
                    "Error: the primary gave no answer; it may have been written", out);
        break;
    }
}

static void on_ready(struct later *later, struct buffer *out)
{
    static const enum write_end ends[] = {
        [FORWARD_ANSWERED] = WRITE_END_FORWARDED,
        [FORWARD_AWAY] = WRITE_END_AWAY,
        [FORWARD_LOST] = WRITE_END_LOST,
    };
    struct relayed *relayed = (struct relayed *)later;

    writes_count(relayed->answerer->writes, ends[relayed->forward.outcome]);
    if (out != NULL) {
        relayed->request.keep_alive = later->keep_alive;
        append_answer(relayed, out);
    }
    primary_answer_free(&relayed->forward.answer);
    buffer_free(&relayed->bytes);
    free(relayed);
}

/* The answer is written in a turn of the loop that is the connection's, not the primary's. */
static void on_done(struct forward *forward)
{
    struct relayed *relayed = relayed_of(forward);

    later_queue_add(relayed->answerer->ready, &relayed->later);
}

struct later *relay_start(struct answerer *answerer, const struct request *request,
                          const struct address *peer, bool is_repeatable, struct buffer *out)
{
    const struct relay *relay = &answerer->relay;
    struct relayed *relayed;

    if (request->headers[HEADER_VITRINE_FORWARDED].ptr != NULL) {
        answer_text(answerer, request, "Error: this node takes no forwarded writes", out);
        return NULL;
    }
    relayed = memory_calloc(1, sizeof *relayed);
    relayed->later.answer = on_ready;
    relayed->answerer = answerer;
    relayed->request = *request;
    relayed->request.id = request_id_keep(relayed->id, request->id);
    buffer_init(&relayed->bytes, REQUEST_MAX);
    primary_request_write(relay->primary, request, peer, &relayed->bytes);
    relayed->forward = (struct forward){
        .request = buffer_slice(&relayed->bytes), .is_repeatable = is_repeatable, .done = on_done};
    forwarder_send(relay->forwarder, &relayed->forward);
    return &relayed->later;
}
