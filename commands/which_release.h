/* The release that a command line means. */
#ifndef VITRINE_COMMANDS_WHICH_RELEASE_H
#define VITRINE_COMMANDS_WHICH_RELEASE_H

#include "base/err.h"
#include "replica/release.h"

/*
 * Opens release NUMBER ("42", "000042") of ROOT, or the current one when NUMBER is NULL; CHECK as in
 * release_open. ERR_USAGE when it is no number, ERR_NOT_FOUND when there is no such release.
 */
MUST_CHECK enum err which_release(const char *root, const char *number,
                                  const struct release_check *check, struct release **out,
                                  struct errmsg *msg);

/* The folder of that release, on the heap. Errors as above. */
MUST_CHECK enum err which_release_dir(const char *root, const char *number, char **dir,
                                      struct errmsg *msg);

#endif
