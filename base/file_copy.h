/*
 * Copies a file, sharing its blocks with the copy where the file system can.
 */
#ifndef VITRINE_BASE_FILE_COPY_H
#define VITRINE_BASE_FILE_COPY_H

#include "base/err.h"

/*
 * Makes TO, which is not there yet, a copy of FROM; it is not fsynced. On an error TO is removed.
 * ERR_SYSTEM with the path and the reason.
 */
MUST_CHECK enum err file_copy(const char *from, const char *to, struct errmsg *msg);

#endif
