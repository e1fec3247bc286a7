/*
 * An SQLite VFS that stands before the usual one and fails the calls that the test names.
 *
 * Thread-safety: none; register it once, before the first database is opened.
 */
#ifndef VITRINE_TESTS_FAULT_VFS_H
#define VITRINE_TESTS_FAULT_VFS_H

#include <stdbool.h>

enum vfs_call {
    VFS_OPEN,
    VFS_READ,
    VFS_WRITE, /* fails with an input/output error */
    VFS_FULL,  /* a write fails because the disk is full */
    VFS_SYNC,
};

/* Makes it the default. FAILS is asked at every call. */
bool vfs_register(bool (*fails)(enum vfs_call call));

#endif
