#include "replica/partition_vfs.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "replica/format.h"

static const char vfs_name[] = "vitrine";

struct watched_file {
    sqlite3_file base;
    sqlite3_file *usual; /* owned */
    struct residence *residence;
};

static struct watched_file *watched(sqlite3_file *file)
{
    return (struct watched_file *)file;
}

static sqlite3_file *usual_file(sqlite3_file *file)
{
    return watched(file)->usual;
}

#define FORWARD(name, method, parameters, arguments)                                               \
    static int on_##name parameters                                                                \
    {                                                                                              \
        return usual_file(file)->pMethods->method arguments;                                       \
    }

FORWARD(read, xRead, (sqlite3_file * file, void *bytes, int size, sqlite3_int64 at),
        (usual_file(file), bytes, size, at))
FORWARD(write, xWrite, (sqlite3_file * file, const void *bytes, int size, sqlite3_int64 at),
        (usual_file(file), bytes, size, at))
FORWARD(truncate, xTruncate, (sqlite3_file * file, sqlite3_int64 size), (usual_file(file), size))
FORWARD(sync, xSync, (sqlite3_file * file, int flags), (usual_file(file), flags))
FORWARD(size, xFileSize, (sqlite3_file * file, sqlite3_int64 *size), (usual_file(file), size))
FORWARD(lock, xLock, (sqlite3_file * file, int level), (usual_file(file), level))
FORWARD(unlock, xUnlock, (sqlite3_file * file, int level), (usual_file(file), level))
FORWARD(check_lock, xCheckReservedLock, (sqlite3_file * file, int *out), (usual_file(file), out))
FORWARD(control, xFileControl, (sqlite3_file * file, int what, void *with),
        (usual_file(file), what, with))
FORWARD(sector, xSectorSize, (sqlite3_file * file), (usual_file(file)))
FORWARD(device, xDeviceCharacteristics, (sqlite3_file * file), (usual_file(file)))

static int on_close(sqlite3_file *file)
{
    int rc = usual_file(file)->pMethods->xClose(usual_file(file));

    free(watched(file)->usual);
    watched(file)->usual = NULL;
    return rc;
}

/*
 * SQLITE_BUSY, because it undoes nothing: other statements of the connection go on. A page that
 * comes by xRead is the first one, which is always in memory.
 */
static int on_fetch(sqlite3_file *file, sqlite3_int64 at, int size, void **out)
{
    const sqlite3_io_methods *methods = usual_file(file)->pMethods;

    *out = NULL;
    if (!residence_holds(watched(file)->residence, (uint32_t)(at / FORMAT_PAGE_SIZE + 1))) {
        return SQLITE_BUSY;
    }
    return methods->iVersion < 3 ? SQLITE_OK : methods->xFetch(usual_file(file), at, size, out);
}

static int on_unfetch(sqlite3_file *file, sqlite3_int64 at, void *page)
{
    const sqlite3_io_methods *methods = usual_file(file)->pMethods;

    return methods->iVersion < 3 ? SQLITE_OK : methods->xUnfetch(usual_file(file), at, page);
}

static int on_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    (void)file;
    (void)page;
    (void)size;
    (void)extend;
    *out = NULL;
    return SQLITE_READONLY; /* a partition has no log */
}

static int on_shm_lock(sqlite3_file *file, int at, int count, int flags)
{
    (void)file;
    (void)at;
    (void)count;
    (void)flags;
    return SQLITE_READONLY;
}

static void on_shm_barrier(sqlite3_file *file)
{
    (void)file;
}

static int on_shm_unmap(sqlite3_file *file, int remove)
{
    (void)file;
    (void)remove;
    return SQLITE_OK;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 3,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_device,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
    .xFetch = on_fetch,
    .xUnfetch = on_unfetch,
};

static int on_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                   int *out_flags)
{
    sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
    sqlite3_file *opened = memory_calloc(1, (size_t)usual->szOsFile);
    int rc = usual->xOpen(usual, path, opened, flags, out_flags);

    (void)vfs;
    *watched(file) = (struct watched_file){.base = {.pMethods = NULL}};
    if (rc != SQLITE_OK) {
        if (opened->pMethods != NULL) {
            opened->pMethods->xClose(opened);
        }
        free(opened);
        return rc;
    }
    watched(file)->base.pMethods = &file_methods;
    watched(file)->usual = opened;
    return SQLITE_OK;
}

/* What is not about files is done by the usual one. */
static void register_vfs(void)
{
    static sqlite3_vfs vfs;
    const sqlite3_vfs *usual = sqlite3_vfs_find(NULL);

    if (usual == NULL) {
        return;
    }
    vfs = *usual;
    vfs.zName = vfs_name;
    vfs.szOsFile = sizeof(struct watched_file);
    vfs.xOpen = on_open;
    vfs.pNext = NULL;
    sqlite3_vfs_register(&vfs, 0);
}

const char *partition_vfs_name(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, register_vfs);
    return sqlite3_vfs_find(vfs_name) == NULL ? NULL : vfs_name;
}

/* SQLite maps a file whole, so where it has its first page the others follow. */
static void expect_random(sqlite3_file *file, size_t size)
{
    void *bytes;

    if (size <= PARTITION_MAPPED_MAX && on_fetch(file, 0, FORMAT_PAGE_SIZE, &bytes) == SQLITE_OK &&
        bytes != NULL) {
        madvise(bytes, size, MADV_RANDOM);
        on_unfetch(file, 0, bytes);
    }
}

void partition_vfs_watch(sqlite3 *db, struct residence *residence)
{
    sqlite3_file *file = NULL;

    if (residence != NULL &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
        file != NULL && file->pMethods == &file_methods) {
        expect_random(file, residence->page_count * FORMAT_PAGE_SIZE);
        watched(file)->residence = residence;
    }
}
