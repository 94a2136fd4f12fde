/* SPDX-License-Identifier: MIT
 *
 * The shim between SQLite and the disk that can lose its power. What SQLite's own layer
 * for Unix promises and does is kept: the first sync of a log or a journal syncs the
 * folder too, a file without bytes does not count as there, and one lock at a time.
 */
#include "power/vfs.h"

#include <errno.h>

#include "check.h"
#include "store/sqlite.h"

enum { SECTOR_BYTES = 4096 };

static const char database[] = "/lcp.db", temporary[] = "/temporary";

struct handle {
    sqlite3_file base;
    struct power_machine *machine;
    struct power_file *file;
    int kind;  /* SQLITE_OPEN_MAIN_DB, _WAL or another */
    int level; /* SQLITE_LOCK_* */
    bool is_mapped, is_read_only;
    bool wants_folder_synced;
    bool reads[POWER_LOCKS], takes[POWER_LOCKS];
};

static struct handle *
handle_of(sqlite3_file *file)
{
    return (struct handle *)file;
}

/* False: that was the last thing before the power failed, or after it. */
static bool
spend(struct power_machine *m, bool is_sync)
{
    m->spent++;
    if (m->left > 0 && m->left != UINT64_MAX)
        m->left--;
    if (m->left == 0 && (is_sync || !m->waits_for_sync))
        m->is_on = false;
    if (!m->is_on)
        errno = EIO;
    return m->is_on;
}

static int
handle_unlock(sqlite3_file *file, int level)
{
    struct handle *h = handle_of(file);
    struct power_machine *m = h->machine;

    if (h->level >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED)
        m->reserved--;
    if (h->level == SQLITE_LOCK_EXCLUSIVE && level < SQLITE_LOCK_EXCLUSIVE)
        m->exclusive--;
    if (h->level >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED)
        m->shared--;
    if (level < h->level)
        h->level = level;
    return SQLITE_OK;
}

static int
handle_lock(sqlite3_file *file, int level)
{
    struct handle *h = handle_of(file);
    struct power_machine *m = h->machine;

    if (level <= h->level)
        return SQLITE_OK;
    if (!m->is_on || (h->is_read_only && level >= SQLITE_LOCK_RESERVED))
        return SQLITE_IOERR_LOCK;
    if (h->level == SQLITE_LOCK_NONE) {
        if (m->exclusive > 0)
            return SQLITE_BUSY;
        m->shared++;
        h->level = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED && h->level < SQLITE_LOCK_RESERVED) {
        if (m->reserved > 0)
            return SQLITE_BUSY;
        m->reserved++;
        h->level = SQLITE_LOCK_RESERVED;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        if (m->shared > 1)
            return SQLITE_BUSY;
        m->exclusive++;
        h->level = SQLITE_LOCK_EXCLUSIVE;
    }
    return SQLITE_OK;
}

static int
handle_reserved(sqlite3_file *file, int *is_held)
{
    *is_held = handle_of(file)->machine->reserved > 0;
    return SQLITE_OK;
}

static int
handle_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    struct handle *h = handle_of(file);

    if (!h->machine->is_on)
        return SQLITE_IOERR_READ;
    if (power_file_read(h->file, (size_t)at, out, (size_t)len) < (size_t)len)
        return SQLITE_IOERR_SHORT_READ;
    return SQLITE_OK;
}

/* The last write before the failure is under way and may arrive, in parts as well. */
static int
handle_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    struct handle *h = handle_of(file);

    if (h->is_read_only)
        return SQLITE_IOERR_WRITE;
    if (h->machine->is_on)
        power_file_write(h->file, (size_t)at, data, (size_t)len);
    return spend(h->machine, false) ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

static int
handle_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct handle *h = handle_of(file);

    if (h->is_read_only)
        return SQLITE_IOERR_TRUNCATE;
    if (h->machine->is_on)
        power_file_cut(h->file, (size_t)size);
    return spend(h->machine, false) ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int
handle_sync(sqlite3_file *file, int flags)
{
    struct handle *h = handle_of(file);

    (void)flags;
    if (!spend(h->machine, true))
        return SQLITE_IOERR_FSYNC;
    if (h->kind == SQLITE_OPEN_WAL && h->machine->skips_log)
        return SQLITE_OK;
    if (h->kind == SQLITE_OPEN_MAIN_DB && h->machine->skips_database)
        return SQLITE_OK;
    power_file_sync(h->file);
    if (h->wants_folder_synced)
        power_disk_sync_folder(&h->machine->disk);
    h->wants_folder_synced = false;
    return SQLITE_OK;
}

static int
handle_size(sqlite3_file *file, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)handle_of(file)->file->now.len;
    return SQLITE_OK;
}

static int
handle_control(sqlite3_file *file, int what, void *arg)
{
    (void)file;
    (void)what;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int
handle_sector(sqlite3_file *file)
{
    (void)file;
    return SECTOR_BYTES;
}

static int
handle_traits(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int
handle_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    struct handle *h = handle_of(file);
    struct power_machine *m = h->machine;

    *out = NULL;
    if (region >= POWER_REGIONS_MAX)
        return SQLITE_IOERR_SHMMAP;
    if (!h->is_mapped)
        m->mapped++;
    h->is_mapped = true;
    if (m->regions[region] == NULL && extend) {
        m->regions[region] = calloc(1, (size_t)size);
        REQUIRE(m->regions[region] != NULL);
    }
    *out = m->regions[region];
    return SQLITE_OK;
}

static int
take_locks(struct handle *h, int from, int through, bool alone)
{
    struct power_machine *m = h->machine;

    for (int i = from; i < through; i++) {
        if (m->is_taken[i] && !h->takes[i])
            return SQLITE_BUSY;
        if (alone && m->readers[i] > (h->reads[i] ? 1 : 0))
            return SQLITE_BUSY;
    }
    for (int i = from; i < through; i++) {
        if (alone) {
            m->is_taken[i] = h->takes[i] = true;
        } else if (!h->reads[i]) {
            h->reads[i] = true;
            m->readers[i]++;
        }
    }
    return SQLITE_OK;
}

static int
handle_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    struct handle *h = handle_of(file);
    struct power_machine *m = h->machine;

    if ((flags & SQLITE_SHM_LOCK) != 0)
        return take_locks(h, offset, offset + n, (flags & SQLITE_SHM_EXCLUSIVE) != 0);
    for (int i = offset; i < offset + n; i++) {
        if (h->reads[i])
            m->readers[i]--;
        if (h->takes[i])
            m->is_taken[i] = false;
        h->reads[i] = h->takes[i] = false;
    }
    return SQLITE_OK;
}

static void
handle_barrier(sqlite3_file *file)
{
    (void)file; /* one thread */
}

static int
handle_unmap(sqlite3_file *file, int is_deleted)
{
    struct handle *h = handle_of(file);
    struct power_machine *m = h->machine;

    (void)is_deleted; /* who comes first afterwards starts anew in any case */
    handle_shm_lock(file, 0, POWER_LOCKS, SQLITE_SHM_UNLOCK);
    if (!h->is_mapped)
        return SQLITE_OK;
    h->is_mapped = false;
    if (--m->mapped > 0)
        return SQLITE_OK;
    for (size_t i = 0; i < POWER_REGIONS_MAX; i++) {
        free(m->regions[i]);
        m->regions[i] = NULL;
    }
    return SQLITE_OK;
}

static int
handle_close(sqlite3_file *file)
{
    struct handle *h = handle_of(file);

    handle_unmap(file, 0);
    handle_unlock(file, SQLITE_LOCK_NONE);
    h->machine->opened--;
    power_file_drop(h->file);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = handle_close,
    .xRead = handle_read,
    .xWrite = handle_write,
    .xTruncate = handle_truncate,
    .xSync = handle_sync,
    .xFileSize = handle_size,
    .xLock = handle_lock,
    .xUnlock = handle_unlock,
    .xCheckReservedLock = handle_reserved,
    .xFileControl = handle_control,
    .xSectorSize = handle_sector,
    .xDeviceCharacteristics = handle_traits,
    .xShmMap = handle_map,
    .xShmLock = handle_shm_lock,
    .xShmBarrier = handle_barrier,
    .xShmUnmap = handle_unmap,
};

static int
vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
         int *out_flags)
{
    struct power_machine *m = vfs->pAppData;
    struct handle *h = handle_of(file);
    bool may_create = (flags & SQLITE_OPEN_CREATE) != 0;

    memset(h, 0, sizeof(*h));
    if (name == NULL) { /* temporary: empty at first, and nobody else's */
        power_disk_remove(&m->disk, temporary);
        name = temporary;
    }
    if (may_create && power_disk_find(&m->disk, name) == NULL && !spend(m, false))
        return SQLITE_CANTOPEN;
    if (!m->is_on)
        return SQLITE_CANTOPEN;
    h->file = power_disk_open(&m->disk, name, may_create);
    if (h->file == NULL)
        return SQLITE_CANTOPEN;
    h->machine = m;
    h->kind = flags &
              (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
    h->is_read_only = (flags & SQLITE_OPEN_READONLY) != 0;
    h->wants_folder_synced = may_create && h->kind != SQLITE_OPEN_MAIN_DB;
    h->base.pMethods = &methods;
    m->opened++;
    if (out_flags != NULL)
        *out_flags = flags;
    return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int is_synced)
{
    struct power_machine *m = vfs->pAppData;

    if (power_disk_find(&m->disk, name) == NULL)
        return SQLITE_IOERR_DELETE_NOENT;
    if (m->is_on)
        power_disk_remove(&m->disk, name);
    if (!spend(m, false))
        return SQLITE_IOERR_DELETE;
    if (is_synced)
        power_disk_sync_folder(&m->disk);
    return SQLITE_OK;
}

static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *is_so)
{
    struct power_machine *m = vfs->pAppData;
    const struct power_file *f = power_disk_find(&m->disk, name);

    *is_so = f != NULL && (flags != SQLITE_ACCESS_EXISTS || f->now.len > 0);
    return SQLITE_OK;
}

static int
vfs_full_path(sqlite3_vfs *vfs, const char *name, int cap, char *out)
{
    (void)vfs;
    return snprintf(out, (size_t)cap, "%s", name) < cap ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int
vfs_random(sqlite3_vfs *vfs, int len, char *out)
{
    struct power_machine *m = vfs->pAppData;

    sim_random_fill(&m->random, (uint8_t *)out, (size_t)len);
    return len;
}

/* Nobody else can end what is waited for: there is one thread. */
static int
vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

struct power_machine *
power_machine_new(uint64_t seed)
{
    struct power_machine *m = calloc(1, sizeof(*m));
    const sqlite3_vfs *real;

    REQUIRE(m != NULL);
    REQUIRE(sqlite3_initialize() == SQLITE_OK);
    real = sqlite3_vfs_find("unix"); /* for the clock, which nothing of ours asks */
    REQUIRE(real != NULL);
    m->random = sim_random_stream(seed, 0);
    m->is_on = true;
    m->left = UINT64_MAX;
    snprintf(m->name, sizeof(m->name), "lcp-power-%p", (void *)m);
    m->vfs = *real;
    m->vfs.zName = m->name;
    m->vfs.pNext = NULL;
    m->vfs.pAppData = m;
    m->vfs.szOsFile = (int)sizeof(struct handle);
    m->vfs.xOpen = vfs_open;
    m->vfs.xDelete = vfs_delete;
    m->vfs.xAccess = vfs_access;
    m->vfs.xFullPathname = vfs_full_path;
    m->vfs.xRandomness = vfs_random;
    m->vfs.xSleep = vfs_sleep;
    REQUIRE(sqlite3_vfs_register(&m->vfs, 1) == SQLITE_OK);
    sqlite3_randomness(0, NULL); /* forget what came before: a life can be repeated */
    return m;
}

void
power_machine_free(struct power_machine *m)
{
    if (m == NULL)
        return;
    REQUIRE(m->opened == 0 && m->mapped == 0);
    REQUIRE(sqlite3_vfs_unregister(&m->vfs) == SQLITE_OK);
    power_disk_free(&m->disk);
    free(m);
}

enum lcp_err
power_machine_open(struct power_machine *m, bool read_only, struct lcp_store **out)
{
    /* lcp_os_create_file makes the database, empty, and syncs it and its folder. */
    if (power_disk_find(&m->disk, database) == NULL) {
        if (read_only)
            return LCP_ENOTFOUND;
        if (!spend(m, false))
            return LCP_EIO;
        power_file_drop(power_disk_open(&m->disk, database, true));
        power_disk_sync_folder(&m->disk);
    }
    return lcp_store_sqlite_open_on(m->name, database, read_only, out);
}

void
power_machine_arm(struct power_machine *m, uint64_t left, bool at_sync)
{
    REQUIRE(left > 0);
    m->left = left;
    m->waits_for_sync = at_sync;
}

void
power_machine_cut(struct power_machine *m)
{
    m->is_on = false;
}

void
power_machine_revive(struct power_machine *m)
{
    REQUIRE(m->opened == 0 && m->mapped == 0);
    m->is_on = true;
    power_machine_arm(m, UINT64_MAX, false);
}

void
power_machine_restart(struct power_machine *m, struct sim_random *random)
{
    power_machine_revive(m);
    power_disk_fail(&m->disk, random);
}
