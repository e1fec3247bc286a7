/*
 * The address that a service is asked to listen on, "HOST:PORT" or "[IPV6]:PORT", seen from outside:
 * is it free, does it answer, what is its URL.
 */
#ifndef VITRINE_COMMANDS_ADDRESS_H
#define VITRINE_COMMANDS_ADDRESS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/err.h"

/*
 * ERR_USAGE when ADDRESS cannot be read, ERR_SYSTEM when somebody listens there already. A service
 * may share its port between processes, so that without this check two would take turns.
 */
MUST_CHECK enum err address_check_free(const char *address, struct errmsg *msg);

/* Whether somebody accepts connections there. */
bool address_answers(const char *address);

/* Appends "http://HOST:PORT"; the wildcard addresses become the loopback ones. */
void address_url(const char *address, struct buffer *out);

#endif
