/*
 * A request that runs an action: its values are taken, a job is submitted to the writer, and the
 * answer comes when the job is done.
 *
 *   the loop's thread                                  the writer's thread
 *   action_start: take_read, writer_submit ----------> statements, reply, commit
 *   answer: status, headers, body  <------------------ done
 *
 * The job holds the plan that it was made by: statements and failures of its definition stay until it is
 * answered, whatever is served by then.
 *
 * Thread-safety: belongs to the loop's thread.
 */
#ifndef VITRINE_SERVICE_ACTION_H
#define VITRINE_SERVICE_ACTION_H

#include "base/buffer.h"
#include "service/http.h"
#include "service/later.h"
#include "service/route.h"

struct answerer;

/*
 * REQUEST, whose path matched as MATCH says, asks for a route of ANSWERER's plan that has an action.
 * Appends the answer to OUT and returns NULL when there is one at once; otherwise what will answer.
 */
struct later *action_start(struct answerer *answerer, const struct request *request,
                           const struct route_match *match, struct slice query, struct buffer *out);

#endif
