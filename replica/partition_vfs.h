/*
 * The files of partitions as SQLite sees them: those of its usual VFS, but a page that is not in
 * memory can be refused instead of waited for.
 *
 * Thread-safety: partition_vfs_name may be called from any thread; the rest as the connection.
 */
#ifndef VITRINE_REPLICA_PARTITION_VFS_H
#define VITRINE_REPLICA_PARTITION_VFS_H

#include <sqlite3.h>

#include "replica/residence.h"

/* Of a file, SQLite maps so many bytes at most; ours are smaller. */
#define PARTITION_MAPPED_MAX 2147418112

/* For sqlite3_open_v2; NULL, the usual one, when it cannot be had. */
const char *partition_vfs_name(void);

/*
 * From now on pages of the main database of DB, which was opened with that name, are fetched only
 * when RESIDENCE holds them; otherwise SQLite ends what it does with an error. Nothing is read
 * ahead.
 */
void partition_vfs_watch(sqlite3 *db, struct residence *residence);

#endif
