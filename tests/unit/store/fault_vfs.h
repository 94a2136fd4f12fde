/* SPDX-License-Identifier: MIT
 *
 * A file system for SQLite that fails when told to: the default one with a thin layer
 * that counts syncs and writes. Registered as the default, so the store under test does
 * not know.
 */
#ifndef LCP_TESTS_FAULT_VFS_H
#define LCP_TESTS_FAULT_VFS_H

#include <errno.h>

#include <sqlite3.h>

#include "check.h"

enum fault_kind { FAULT_DATABASE, FAULT_LOG, FAULT_OTHER, FAULT_KINDS };

static struct fault_disk {
    int sync_code[FAULT_KINDS];  /* what xSync answers; 0: as it is */
    int write_code[FAULT_KINDS]; /* what xWrite answers */
    int write_errno;             /* errno of that */
    long writes_left;            /* good writes before write_code holds */
    bool skips_syncs;            /* for tests of what does not depend on them */
    unsigned syncs[FAULT_KINDS], writes[FAULT_KINDS], reads[FAULT_KINDS];
} fault_disk;

struct fault_file {
    sqlite3_file base;
    enum fault_kind kind;
    sqlite3_file *real; /* behind this struct, in the same memory */
};

static sqlite3_vfs *fault_real;

static sqlite3_file *
fault_of(sqlite3_file *file)
{
    return ((struct fault_file *)file)->real;
}

static int
fault_close(sqlite3_file *file)
{
    return fault_of(file)->pMethods->xClose(fault_of(file));
}

static int
fault_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    fault_disk.reads[((struct fault_file *)file)->kind]++;
    return fault_of(file)->pMethods->xRead(fault_of(file), out, len, at);
}

static int
fault_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    enum fault_kind kind = ((struct fault_file *)file)->kind;

    fault_disk.writes[kind]++;
    if (fault_disk.write_code[kind] != 0 && fault_disk.writes_left-- <= 0) {
        errno = fault_disk.write_errno;
        return fault_disk.write_code[kind];
    }
    return fault_of(file)->pMethods->xWrite(fault_of(file), data, len, at);
}

static int
fault_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return fault_of(file)->pMethods->xTruncate(fault_of(file), size);
}

static int
fault_sync(sqlite3_file *file, int flags)
{
    enum fault_kind kind = ((struct fault_file *)file)->kind;

    fault_disk.syncs[kind]++;
    if (fault_disk.sync_code[kind] != 0) {
        errno = EIO;
        return fault_disk.sync_code[kind];
    }
    if (fault_disk.skips_syncs)
        return SQLITE_OK;
    return fault_of(file)->pMethods->xSync(fault_of(file), flags);
}

static int
fault_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return fault_of(file)->pMethods->xFileSize(fault_of(file), size);
}

static int
fault_lock(sqlite3_file *file, int level)
{
    return fault_of(file)->pMethods->xLock(fault_of(file), level);
}

static int
fault_unlock(sqlite3_file *file, int level)
{
    return fault_of(file)->pMethods->xUnlock(fault_of(file), level);
}

static int
fault_reserved(sqlite3_file *file, int *is_held)
{
    return fault_of(file)->pMethods->xCheckReservedLock(fault_of(file), is_held);
}

static int
fault_control(sqlite3_file *file, int what, void *arg)
{
    return fault_of(file)->pMethods->xFileControl(fault_of(file), what, arg);
}

static int
fault_sector(sqlite3_file *file)
{
    return fault_of(file)->pMethods->xSectorSize(fault_of(file));
}

static int
fault_traits(sqlite3_file *file)
{
    return fault_of(file)->pMethods->xDeviceCharacteristics(fault_of(file));
}

static int
fault_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return fault_of(file)->pMethods->xShmMap(fault_of(file), page, size, extend, out);
}

static int
fault_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return fault_of(file)->pMethods->xShmLock(fault_of(file), offset, n, flags);
}

static void
fault_barrier(sqlite3_file *file)
{
    fault_of(file)->pMethods->xShmBarrier(fault_of(file));
}

static int
fault_unmap(sqlite3_file *file, int is_deleted)
{
    return fault_of(file)->pMethods->xShmUnmap(fault_of(file), is_deleted);
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_reserved,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector,
    .xDeviceCharacteristics = fault_traits,
    .xShmMap = fault_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_barrier,
    .xShmUnmap = fault_unmap,
};

static int
fault_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
           int *out_flags)
{
    struct fault_file *f = (struct fault_file *)file;
    int code;

    (void)vfs;
    memset(f, 0, sizeof(*f));
    f->real = (sqlite3_file *)(f + 1);
    f->kind = (flags & SQLITE_OPEN_MAIN_DB) != 0 ? FAULT_DATABASE
              : (flags & SQLITE_OPEN_WAL) != 0   ? FAULT_LOG
                                                 : FAULT_OTHER;
    code = fault_real->xOpen(fault_real, name, f->real, flags, out_flags);
    if (f->real->pMethods != NULL)
        f->base.pMethods = &fault_methods;
    return code;
}

/* Call once, before the first database is opened. */
static inline void
fault_vfs_install(void)
{
    static sqlite3_vfs vfs;

    fault_real = sqlite3_vfs_find(NULL);
    REQUIRE(fault_real != NULL);
    vfs = *fault_real;
    vfs.zName = "lcp-fault";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct fault_file) + fault_real->szOsFile;
    vfs.xOpen = fault_open;
    REQUIRE(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

static inline void
fault_vfs_heal(void)
{
    memset(&fault_disk, 0, sizeof(fault_disk));
}

#endif
