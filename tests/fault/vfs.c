#include "vfs.h"

#include <sqlite3.h>
#include <stddef.h>

struct shim_file {
    sqlite3_file base; /* the usual VFS's file follows */
};

static sqlite3_vfs *usual_vfs;
static bool (*fails)(enum vfs_call call);

static sqlite3_file *usual_file(sqlite3_file *file)
{
    return (sqlite3_file *)((struct shim_file *)file + 1);
}

static int shim_close(sqlite3_file *file)
{
    return usual_file(file)->pMethods->xClose(usual_file(file));
}

static int shim_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
    return fails(VFS_READ) ? SQLITE_IOERR_READ
                           : usual_file(file)->pMethods->xRead(usual_file(file), bytes, size, at);
}

static int shim_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
    if (fails(VFS_WRITE)) {
        return SQLITE_IOERR_WRITE;
    }
    return fails(VFS_FULL) ? SQLITE_FULL
                           : usual_file(file)->pMethods->xWrite(usual_file(file), bytes, size, at);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    return fails(VFS_SYNC) ? SQLITE_IOERR_FSYNC
                           : usual_file(file)->pMethods->xSync(usual_file(file), flags);
}

#define FORWARD(name, method, parameters, arguments)                                               \
    static int shim_##name parameters                                                              \
    {                                                                                              \
        return usual_file(file)->pMethods->method arguments;                                       \
    }

FORWARD(truncate, xTruncate, (sqlite3_file * file, sqlite3_int64 size), (usual_file(file), size))
FORWARD(size, xFileSize, (sqlite3_file * file, sqlite3_int64 *size), (usual_file(file), size))
FORWARD(lock, xLock, (sqlite3_file * file, int level), (usual_file(file), level))
FORWARD(unlock, xUnlock, (sqlite3_file * file, int level), (usual_file(file), level))
FORWARD(check_lock, xCheckReservedLock, (sqlite3_file * file, int *out), (usual_file(file), out))
FORWARD(control, xFileControl, (sqlite3_file * file, int what, void *with),
        (usual_file(file), what, with))
FORWARD(sector, xSectorSize, (sqlite3_file * file), (usual_file(file)))
FORWARD(device, xDeviceCharacteristics, (sqlite3_file * file), (usual_file(file)))

FORWARD(shm_map, xShmMap,
        (sqlite3_file * file, int page, int size, int extend, void volatile **out),
        (usual_file(file), page, size, extend, out))
FORWARD(shm_lock, xShmLock, (sqlite3_file * file, int at, int count, int flags),
        (usual_file(file), at, count, flags))
FORWARD(shm_unmap, xShmUnmap, (sqlite3_file * file, int remove), (usual_file(file), remove))

static void shim_shm_barrier(sqlite3_file *file)
{
    usual_file(file)->pMethods->xShmBarrier(usual_file(file));
}

/* Version 2: no mapping of databases, so that every page comes through shim_read. */
static const sqlite3_io_methods shim_methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_check_lock,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_device,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                     int *out_flags)
{
    int rc;

    (void)vfs;
    file->pMethods = NULL;
    if (fails(VFS_OPEN)) {
        return SQLITE_CANTOPEN;
    }
    rc = usual_vfs->xOpen(usual_vfs, path, usual_file(file), flags, out_flags);
    if (rc == SQLITE_OK) {
        file->pMethods = &shim_methods;
    }
    return rc;
}

bool vfs_register(bool (*wanted)(enum vfs_call call))
{
    static sqlite3_vfs shim;

    fails = wanted;
    usual_vfs = sqlite3_vfs_find(NULL);
    shim = *usual_vfs;
    shim.zName = "faults";
    shim.szOsFile = (int)sizeof(struct shim_file) + usual_vfs->szOsFile;
    shim.xOpen = shim_open;
    return sqlite3_vfs_register(&shim, 1) == SQLITE_OK;
}
