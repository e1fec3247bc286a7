/*
 * Cookies: one out of a Cookie header, and the token of a session that a client is given.
 *
 * A token is 128 random bits as 32 hexadecimal digits. It is no secret of ours: whoever has it is
 * the session, so it cannot be guessed and scripts cannot read it.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_COOKIE_H
#define VITRINE_SERVICE_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum { SESSION_TOKEN_LEN = 32 };

/*
 * The value of the first cookie called NAME in HEADER, "a=1; b=2"; false when there is none. The
 * value is a part of HEADER, without blanks around it; quotes are a part of the value.
 */
bool cookie_find(struct slice header, struct slice name, struct slice *out);

/* Whether TEXT has the form of a token. */
bool session_token_is(struct slice text);

/* Writes a new token, SESSION_TOKEN_LEN bytes. The process ends when there is no randomness. */
void session_token_make(char *p);

/* Appends the header line, with its end, that has a client keep TOKEN for AGE_S seconds. */
void cookie_append_session(struct buffer *out, struct slice name, struct slice token,
                           int64_t age_s);

#endif
