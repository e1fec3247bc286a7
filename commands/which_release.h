/* The release that a command line means. */
#ifndef VITRINE_COMMANDS_WHICH_RELEASE_H
#define VITRINE_COMMANDS_WHICH_RELEASE_H

#include "base/err.h"

/*
 * The folder of release NUMBER ("42", "000042") in ROOT, or of the current one when NUMBER is NULL,
 * on the heap. ERR_USAGE when it is no number, ERR_NOT_FOUND when there is no such release.
 */
MUST_CHECK enum err which_release(const char *root, const char *number, char **dir,
                                  struct errmsg *msg);

#endif
