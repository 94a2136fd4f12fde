/* SPDX-License-Identifier: MIT
 *
 * A seal on each page of the database file: eight bytes at its end, which SQLite leaves
 * to us, hold a sum over the page and its place. It is made when a page is written into
 * the file and checked when one is read from it; SQLite itself would take a flipped bit
 * for data. The log has sums of its own. A layer (a "VFS") between SQLite and the
 * system's files, one for each handle.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

enum {
    PAGE_BYTES = 4096, /* SQLite's default, which we do not change */
    RESERVED_AT = 20,  /* in the header of the database: bytes left to us */
    HEADER_BYTES = 100,
    NAME_BYTES = 40,
};

struct lcp_seal {
    sqlite3_vfs vfs; /* must be first */
    sqlite3_vfs *real;
    bool is_blind;
    char name[NAME_BYTES];
};

/* The database file; the system's own follows it in memory. */
struct sealed_file {
    sqlite3_file base;
    sqlite3_io_methods methods;
    sqlite3_file *real;
    bool is_sealed;
    bool is_blind; /* makes seals, but does not look at them */
    bool may_have_holes;
    uint8_t page[PAGE_BYTES];
};

static struct sealed_file *
sealed(sqlite3_file *file)
{
    return (struct sealed_file *)file;
}

static uint64_t
word_at(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
           (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 |
           (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* Against accidents, not against people: whoever can write the file can write sums. */
static uint64_t
sum_of(const uint8_t page[static PAGE_BYTES], sqlite3_int64 at)
{
    uint64_t sum = (uint64_t)at + 1;

    for (size_t i = 0; i < PAGE_BYTES - LCP_SEAL_BYTES; i += 8) {
        sum = (sum ^ word_at(page + i)) * UINT64_C(0x9E3779B97F4A7C15);
        sum ^= sum >> 29;
    }
    return sum;
}

/* A page that was never written: SQLite leaves unused ones out, and reads one only to
 * take it into use. To a handle that only reads it is a page that was lost. */
static bool
is_hole(const uint8_t page[static PAGE_BYTES])
{
    for (size_t i = 0; i < PAGE_BYTES; i++) {
        if (page[i] != 0)
            return false;
    }
    return true;
}

static bool
is_page(int len, sqlite3_int64 at)
{
    return len == PAGE_BYTES && at % PAGE_BYTES == 0;
}

/* The first page says whether pages have seals. */
static void
look(struct sealed_file *f, const uint8_t *data, int len, sqlite3_int64 at)
{
    if (at == 0 && len >= HEADER_BYTES)
        f->is_sealed = data[RESERVED_AT] == LCP_SEAL_BYTES;
}

static bool
fits(const struct sealed_file *f, const uint8_t *page, int len, sqlite3_int64 at)
{
    if (!f->is_sealed || f->is_blind || len <= HEADER_BYTES)
        return true;
    if (!is_page(len, at))
        return false; /* the header now says another size */
    return sum_of(page, at) == word_at(page + PAGE_BYTES - LCP_SEAL_BYTES) ||
           (f->may_have_holes && is_hole(page));
}

static int
file_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    struct sealed_file *f = sealed(file);
    int code = f->real->pMethods->xRead(f->real, out, len, at);

    if (code == SQLITE_OK)
        look(f, out, len, at);
    /* What lies beyond the end of the file has been filled with zeros. */
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
        return code;
    return fits(f, out, len, at) ? code : SQLITE_IOERR_DATA;
}

static int
file_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    struct sealed_file *f = sealed(file);
    uint64_t sum;

    look(f, data, len, at);
    if (!f->is_sealed || !is_page(len, at))
        return f->real->pMethods->xWrite(f->real, data, len, at);
    memcpy(f->page, data, PAGE_BYTES);
    sum = sum_of(f->page, at);
    for (int i = 0; i < LCP_SEAL_BYTES; i++)
        f->page[PAGE_BYTES - LCP_SEAL_BYTES + i] = (uint8_t)(sum >> 8 * i);
    return f->real->pMethods->xWrite(f->real, f->page, len, at);
}

static int
file_close(sqlite3_file *file)
{
    return sealed(file)->real->pMethods->xClose(sealed(file)->real);
}

static int
file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return sealed(file)->real->pMethods->xTruncate(sealed(file)->real, size);
}

static int
file_sync(sqlite3_file *file, int flags)
{
    return sealed(file)->real->pMethods->xSync(sealed(file)->real, flags);
}

static int
file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return sealed(file)->real->pMethods->xFileSize(sealed(file)->real, size);
}

static int
file_lock(sqlite3_file *file, int level)
{
    return sealed(file)->real->pMethods->xLock(sealed(file)->real, level);
}

static int
file_unlock(sqlite3_file *file, int level)
{
    return sealed(file)->real->pMethods->xUnlock(sealed(file)->real, level);
}

static int
file_check_reserved(sqlite3_file *file, int *is_reserved)
{
    return sealed(file)->real->pMethods->xCheckReservedLock(sealed(file)->real,
                                                            is_reserved);
}

static int
file_control(sqlite3_file *file, int what, void *arg)
{
    return sealed(file)->real->pMethods->xFileControl(sealed(file)->real, what, arg);
}

static int
file_sector(sqlite3_file *file)
{
    return sealed(file)->real->pMethods->xSectorSize(sealed(file)->real);
}

static int
file_traits(sqlite3_file *file)
{
    return sealed(file)->real->pMethods->xDeviceCharacteristics(sealed(file)->real);
}

static int
file_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return sealed(file)->real->pMethods->xShmMap(sealed(file)->real, page, size, extend,
                                                 out);
}

static int
file_map_lock(sqlite3_file *file, int at, int n, int flags)
{
    return sealed(file)->real->pMethods->xShmLock(sealed(file)->real, at, n, flags);
}

static void
file_barrier(sqlite3_file *file)
{
    sealed(file)->real->pMethods->xShmBarrier(sealed(file)->real);
}

static int
file_unmap(sqlite3_file *file, int is_deleted)
{
    return sealed(file)->real->pMethods->xShmUnmap(sealed(file)->real, is_deleted);
}

/* Without xFetch: what is mapped would be read past us. */
static const sqlite3_io_methods sealed_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_map,
    .xShmLock = file_map_lock,
    .xShmBarrier = file_barrier,
    .xShmUnmap = file_unmap,
};

static int
seal_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
          int *out_flags)
{
    struct lcp_seal *seal = (struct lcp_seal *)vfs;
    struct sealed_file *f = sealed(file);
    int code;

    if ((flags & SQLITE_OPEN_MAIN_DB) == 0)
        return seal->real->xOpen(seal->real, name, file, flags, out_flags);
    memset(f, 0, sizeof(*f));
    f->is_blind = seal->is_blind;
    f->may_have_holes = (flags & SQLITE_OPEN_READWRITE) != 0;
    f->real = (sqlite3_file *)(f + 1);
    code = seal->real->xOpen(seal->real, name, f->real, flags, out_flags);
    if (f->real->pMethods == NULL)
        return code;
    f->methods = sealed_methods;
    if (f->real->pMethods->iVersion < 2)
        f->methods.iVersion = 1;
    f->base.pMethods = &f->methods;
    return code;
}

struct lcp_seal *
lcp_seal_new(const char *vfs, bool is_blind)
{
    struct lcp_seal *seal = calloc(1, sizeof(*seal));

    if (seal == NULL)
        return NULL;
    seal->is_blind = is_blind;
    seal->real = sqlite3_vfs_find(vfs);
    if (seal->real == NULL)
        goto out;
    seal->vfs = *seal->real; /* what we leave alone finds its data in pAppData */
    (void)snprintf(seal->name, sizeof(seal->name), "lcp-seal-%p", (void *)seal);
    seal->vfs.zName = seal->name;
    seal->vfs.pNext = NULL;
    seal->vfs.szOsFile = (int)sizeof(struct sealed_file) + seal->real->szOsFile;
    seal->vfs.xOpen = seal_open;
    if (sqlite3_vfs_register(&seal->vfs, 0) == SQLITE_OK)
        return seal;

out:
    free(seal);
    return NULL;
}

void
lcp_seal_free(struct lcp_seal *seal)
{
    if (seal == NULL)
        return;
    (void)sqlite3_vfs_unregister(&seal->vfs);
    free(seal);
}

const char *
lcp_seal_name(const struct lcp_seal *seal)
{
    return seal->name;
}

static bool
reserve(struct lcp_sqlite *q, int ask, int *bytes)
{
    *bytes = ask;
    return sqlite3_file_control(q->db, "main", SQLITE_FCNTL_RESERVE_BYTES, bytes) ==
           SQLITE_OK;
}

enum lcp_err
lcp_seal_anew(struct lcp_sqlite *q)
{
    int bytes, code;
    enum lcp_err err;

    if (!reserve(q, LCP_SEAL_BYTES, &bytes))
        return LCP_EIO;
    errno = 0;
    code = sqlite3_exec(q->db, "PRAGMA temp_store = FILE; VACUUM", NULL, NULL, NULL);
    q->is_sealed = code == SQLITE_OK;
    err = code == SQLITE_OK ? LCP_OK : lcp_sqlite_fail(q, code);
    (void)sqlite3_exec(q->db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
    return err;
}

enum lcp_err
lcp_seal_pages(struct lcp_sqlite *q, bool is_new, uint64_t mark)
{
    int bytes;
    enum lcp_err err;

    if (!reserve(q, -1, &bytes))
        return LCP_OK;
    q->is_sealed = !is_new && bytes == LCP_SEAL_BYTES;
    if (mark != 0 && !q->is_sealed) {
        snprintf(q->error, sizeof(q->error), "%s",
                 is_new ? "the record is empty" : "pages without their seals");
        return LCP_ECORRUPT;
    }
    if (q->is_read_only || q->is_sealed)
        return LCP_OK;
    if (is_new) {
        q->is_sealed = reserve(q, LCP_SEAL_BYTES, &bytes);
        return LCP_OK;
    }
    err = lcp_seal_anew(q);
    return err == LCP_ENOSPACE || err == LCP_EIO || err == LCP_EPERM ? LCP_OK : err;
}
