/*
 * Copies a file, with or without sharing its blocks with the copy.
 */
#ifndef VITRINE_BASE_FILE_COPY_H
#define VITRINE_BASE_FILE_COPY_H

#include "base/err.h"

enum file_sharing {
    COPY_SHARES, /* blocks, where the file system can: fast, and takes no room */
    COPY_APART,  /* blocks of its own: what rots in one file is whole in the other */
};

/*
 * Makes TO, which is not there yet, a copy of FROM; it is not fsynced. On an error TO is removed.
 * ERR_SYSTEM with the path and the reason.
 */
MUST_CHECK enum err file_copy(const char *from, const char *to, enum file_sharing sharing,
                              struct errmsg *msg);

#endif
