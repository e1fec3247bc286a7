/* The keys that a command line trusts: --trust PUB, given once for each file. */
#ifndef VITRINE_COMMANDS_TRUST_OPTIONS_H
#define VITRINE_COMMANDS_TRUST_OPTIONS_H

#include "base/err.h"
#include "base/options.h"
#include "replica/trust.h"

#define TRUST_ABOUT "it must be signed by a key in this file; see also DIR/trusted.pub"

/* Reads all files named in FILES; without any, OUT has no keys. */
MUST_CHECK enum err trust_from_options(const struct option_texts *files, struct trust *out,
                                       struct errmsg *msg);

#endif
