/*
 * The admin listener: /healthz, /readyz and /metrics, for orchestrators and monitoring, and a status page
 * for people.
 *
 * A loop of its own (loop.h) on an address of its own: it answers when the loops that serve are busy,
 * and before there is anything to serve.
 *
 * Lifetime: admin_open starts its thread; admin_set_loops once there are loops; admin_stop and
 * admin_close end it.
 * Thread-safety: belongs to the thread that opened it.
 */
#ifndef VITRINE_SERVICE_ADMIN_H
#define VITRINE_SERVICE_ADMIN_H

#include "base/err.h"
#include "service/access_log.h"
#include "service/loop.h"
#include "service/server.h"
#include "service/status.h"

enum { ADMIN_CONNECTIONS_MAX = 64 };

struct admin;

/* Listens on LISTEN_FD, which it closes. OPTIONS, STATUS, and ACCESS unless that is NULL, outlive it. */
MUST_CHECK enum err admin_open(int listen_fd, const struct server_options *options,
                               struct status *status, struct access_log *access, struct admin **out,
                               struct errmsg *msg);

/* The COUNT loops whose traffic is told; none of them may be closed before the admin is. */
void admin_set_loops(struct admin *admin, struct loop *const *loops, unsigned count);

/* Has it end its connections, while the caller does something else. Accepts NULL. */
void admin_stop(struct admin *admin);

void admin_close(struct admin *admin); /* accepts NULL */

#endif
