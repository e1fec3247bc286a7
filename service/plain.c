#include "service/plain.h"

struct head plain_head(const struct request *request, unsigned status, enum body_type type,
                       const char *extra)
{
    return (struct head){
        .status = status,
        .type = type,
        .is_close = !request->keep_alive,
        .is_keep_alive = request->keep_alive && request->is_http_1_0,
        .id = request->id,
        .extra = extra,
    };
}

void plain_append(struct head_writer *heads, const struct head *head, struct slice text,
                  bool keep_body, struct buffer *out)
{
    head_begin(heads, head, out);
    buffer_append_slice(out, text);
    head_end(heads, keep_body, out);
}

void plain_answer(struct head_writer *heads, const struct request *request, unsigned status,
                  struct slice text, const char *extra, struct buffer *out)
{
    struct head head = plain_head(request, status, BODY_TEXT, extra);

    plain_append(heads, &head, text, request->method != METHOD_HEAD, out);
}

void plain_answer_of_source(struct head_writer *heads, const struct request *request,
                            unsigned status, struct slice text, const char *extra,
                            struct buffer *out)
{
    struct head head = plain_head(request, status, BODY_TEXT, extra);

    head.is_from_source = true;
    plain_append(heads, &head, text, request->method != METHOD_HEAD, out);
}
