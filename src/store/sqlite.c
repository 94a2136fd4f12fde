/* SPDX-License-Identifier: MIT
 *
 * The record in SQLite: opening, migrating, batches, checkpoints, and what its errors
 * mean here. Write-ahead log with a sync at every commit; one writing handle, any
 * number of reading ones beside it, which never wait for each other.
 *
 * Checkpoints are issued by us alone: those that SQLite makes by itself after a commit
 * swallow the error of syncing the database file.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "base/os.h"
#include "store/schema.h"

enum {
    LOG_BYTES_MAX = 4 << 20,   /* of the write-ahead log before it is checkpointed */
    LOG_KEEP_BYTES = 16 << 20, /* a log that grew beyond is cut when it starts anew */
    BUSY_MS = 5000,            /* while another handle opens, recovers or imports */
    FILE_MODE = 0600,          /* SQLite gives -wal and -shm the mode of the database */
};

static bool
is_out_of_space(int number)
{
    switch (number) {
    case ENOSPC:
    case EROFS:
    case EFBIG:
#ifdef EDQUOT
    case EDQUOT:
#endif
        return true;
    default:
        return false;
    }
}

static bool
is_forbidden(int number)
{
    return number == EACCES || number == EPERM;
}

/* The one place where SQLite's codes become ours. number: errno of its last
 * system call. */
static enum lcp_err
translate(int code, int number, bool is_reader)
{
    if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
        return LCP_ELOST;
    if (code == SQLITE_IOERR_NOMEM)
        return LCP_ENOMEM;
    if (code == SQLITE_IOERR_CORRUPTFS || code == SQLITE_IOERR_DATA)
        return LCP_ECORRUPT;
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return LCP_OK;
    case SQLITE_FULL:
        return LCP_ENOSPACE;
    case SQLITE_READONLY:
        /* A reader meets it where it may not make the log's index. */
        return is_reader || is_forbidden(number) ? LCP_EPERM : LCP_ENOSPACE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return LCP_ECORRUPT;
    case SQLITE_NOMEM:
        return LCP_ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return LCP_EBUSY;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return LCP_EPERM;
    case SQLITE_IOERR:
        return is_out_of_space(number) ? LCP_ENOSPACE : LCP_EIO;
    case SQLITE_CANTOPEN:
        if (is_forbidden(number))
            return LCP_EPERM;
        return is_out_of_space(number) ? LCP_ENOSPACE : LCP_EIO;
    default:
        return LCP_EIO;
    }
}

enum lcp_err
lcp_sqlite_fail(struct lcp_sqlite *q, int code)
{
    /* SQLite notes the number of a failed system call, but not for a COMMIT; ours was
     * zero when the statement began. */
    int number = errno != 0 || q->db == NULL ? errno : sqlite3_system_errno(q->db);
    enum lcp_err err = translate(code, number, q->is_read_only);
    const char *text = code == SQLITE_IOERR_DATA ? "a page without its seal"
                       : q->db != NULL           ? sqlite3_errmsg(q->db)
                                                 : sqlite3_errstr(code);

    snprintf(q->error, sizeof(q->error), "%s (code %d, errno %d)", text, code, number);
    if (q->is_in_batch && q->failed == LCP_OK)
        q->failed = err;
    return err;
}

enum lcp_err
lcp_sqlite_may_write(const struct lcp_sqlite *q)
{
    if (q->is_read_only)
        return LCP_EPERM;
    return q->is_in_batch ? q->failed : LCP_EINVAL;
}

static enum lcp_err
read_counters(struct lcp_sqlite *q)
{
    struct lcp_call c = lcp_call(q, LCP_SQL_COUNTERS);

    if (lcp_call_step(&c)) {
        q->number = (uint64_t)lcp_call_get_int(&c, 0);
        q->changed = (uint64_t)lcp_call_get_int(&c, 1);
    }
    return lcp_call_end(&c);
}

static void
sqlite_rollback(struct lcp_store *s)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    struct lcp_call c;

    if (!q->is_in_batch)
        return;
    q->is_in_batch = false;
    q->failed = LCP_OK;
    q->changed = q->changed_before;
    /* A full disk may have made SQLite roll back by itself. */
    if (sqlite3_get_autocommit(q->db) != 0)
        return;
    c = lcp_call(q, LCP_SQL_ROLLBACK);
    (void)lcp_call_run(&c);
}

static enum lcp_err
sqlite_begin(struct lcp_store *s)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    struct lcp_call c;
    enum lcp_err err;

    if (q->is_read_only)
        return LCP_EPERM;
    if (q->is_in_batch)
        return LCP_EINVAL;
    c = lcp_call(q, LCP_SQL_BEGIN);
    err = lcp_call_run(&c);
    if (err != LCP_OK)
        return err;
    q->is_in_batch = true;
    q->changed_before = q->changed;
    err = read_counters(q);
    if (err != LCP_OK) {
        sqlite_rollback(s);
        return err;
    }
    q->changed_before = q->changed;
    q->total_before = sqlite3_total_changes(q->db);
    return LCP_OK;
}

static const char side_name[] = "side_commits";

static enum lcp_err
count_side(struct lcp_sqlite *q, bool *is_side)
{
    *is_side = q->changed == q->changed_before &&
               sqlite3_total_changes(q->db) != q->total_before;
    if (!*is_side)
        return LCP_OK;
    return lcp_sqlite_meta_put(&q->base, side_name, (int64_t)q->side + 1);
}

static enum lcp_err
sqlite_commit(struct lcp_store *s)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    bool is_side = false;
    enum lcp_err err = lcp_sqlite_may_write(q);

    if (err == LCP_OK)
        err = count_side(q, &is_side);
    if (err == LCP_OK) {
        struct lcp_call c = lcp_call(q, LCP_SQL_COMMIT);

        err = lcp_call_run(&c);
    }
    /* After LCP_ELOST the log may hold the batch or not; only the end of the process
     * and a recovery can tell. */
    if (err != LCP_OK) {
        sqlite_rollback(s);
        return err;
    }
    q->is_in_batch = false;
    q->side += is_side;
    if (is_side || q->changed != q->changed_before)
        lcp_mark_put(&q->mark, q->changed + q->side);
    return LCP_OK;
}

static int
after_commit(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct lcp_sqlite *q = ctx;

    (void)db;
    (void)name;
    q->log_pages = pages;
    return SQLITE_OK;
}

static enum lcp_err
sqlite_checkpoint(struct lcp_store *s, bool force)
{
    enum { PAGE_BYTES = 4096 };
    struct lcp_sqlite *q = lcp_sqlite(s);
    int in_log = -1, done = -1, code;

    if (q->is_read_only)
        return LCP_EPERM;
    if (q->is_in_batch)
        return LCP_EINVAL;
    if (!force && q->log_pages < LOG_BYTES_MAX / PAGE_BYTES)
        return LCP_OK;
    /* A reader may stay as long as it likes; it is not waited for. */
    sqlite3_busy_timeout(q->db, 0);
    errno = 0;
    code = sqlite3_wal_checkpoint_v2(
        q->db, "main", force ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
        &in_log, &done);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) {
        enum lcp_err err = lcp_sqlite_fail(q, code);

        sqlite3_busy_timeout(q->db, BUSY_MS);
        return err;
    }
    sqlite3_busy_timeout(q->db, BUSY_MS);
    if (code != SQLITE_OK || done < in_log)
        return LCP_EAGAIN;
    q->log_pages = 0;
    return LCP_OK;
}

static uint64_t
sqlite_changed(struct lcp_store *s)
{
    struct lcp_sqlite *q = lcp_sqlite(s);

    /* Beside a writer the number goes up by itself. */
    if (q->is_read_only && read_counters(q) != LCP_OK)
        return 0;
    return q->changed;
}

static const char *
sqlite_error(struct lcp_store *s)
{
    return lcp_sqlite(s)->error;
}

static void
sqlite_close(struct lcp_store *s)
{
    struct lcp_sqlite *q = lcp_sqlite(s);

    lcp_sqlite_finalize(q);
    /* Rolls back. The checkpoint that the last handle makes may fail unheard: the log
     * then stays and the next handle recovers from it. */
    sqlite3_close(q->db);
    lcp_seal_free(q->seal);
    lcp_mark_close(&q->mark);
    free(q);
}

static const struct lcp_store_ops sqlite_ops = {
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .checkpoint = sqlite_checkpoint,
    .changed = sqlite_changed,
    .error = sqlite_error,
    .find_in = lcp_sqlite_find_in,
    .find_out = lcp_sqlite_find_out,
    .add = lcp_sqlite_add,
    .change = lcp_sqlite_change,
    .set_transmitted = lcp_sqlite_set_transmitted,
    .set_told = lcp_sqlite_set_told,
    .resign = lcp_sqlite_resign,
    .get = lcp_sqlite_get,
    .each = lcp_sqlite_each,
    .each_changed = lcp_sqlite_each_changed,
    .each_in_thread = lcp_sqlite_each_in_thread,
    .resolve = lcp_sqlite_resolve,
    .each_queued = lcp_sqlite_each_queued,
    .each_owed = lcp_sqlite_each_owed,
    .each_creditor = lcp_sqlite_each_creditor,
    .usage = lcp_sqlite_usage,
    .counts = lcp_sqlite_counts,
    .queued_to = lcp_sqlite_queued_to,
    .next_expiry = lcp_sqlite_next_expiry,
    .each_expired = lcp_sqlite_each_expired,
    .purge = lcp_sqlite_purge,
    .each_seen = lcp_sqlite_each_seen,
    .add_seen_any = lcp_sqlite_add_seen_any,
    .pin_get = lcp_sqlite_pin_get,
    .pin_put = lcp_sqlite_pin_put,
    .pin_del = lcp_sqlite_pin_del,
    .peer_get = lcp_sqlite_peer_get,
    .peer_put = lcp_sqlite_peer_put,
    .peer_del = lcp_sqlite_peer_del,
    .each_paused = lcp_sqlite_each_paused,
    .audit_add = lcp_sqlite_audit_add,
    .each_audit = lcp_sqlite_each_audit,
    .meta_get = lcp_sqlite_meta_get,
    .meta_put = lcp_sqlite_meta_put,
};

static enum lcp_err
execute(struct lcp_sqlite *q, const char *sql)
{
    int code;

    errno = 0;
    code = sqlite3_exec(q->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? LCP_OK : lcp_sqlite_fail(q, code);
}

/* Runs a statement of one row; *number is its first column, and true in *is_text if
 * that is the given text. Either may be NULL. */
static enum lcp_err
ask(struct lcp_sqlite *q, const char *sql, int64_t *number, const char *text,
    bool *is_text)
{
    sqlite3_stmt *stmt = NULL;
    enum lcp_err err = LCP_OK;
    int code;

    errno = 0;
    code = sqlite3_prepare_v2(q->db, sql, -1, &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) {
        const char *got = (const char *)sqlite3_column_text(stmt, 0);

        if (number != NULL)
            *number = sqlite3_column_int64(stmt, 0);
        if (is_text != NULL)
            *is_text = got != NULL && sqlite3_stricmp(got, text) == 0;
    } else {
        err = lcp_sqlite_fail(q, code == SQLITE_DONE ? SQLITE_ERROR : code);
    }
    /* What the statement changed is committed, and synced, only here. */
    errno = 0;
    code = sqlite3_finalize(stmt);
    if (err == LCP_OK && code != SQLITE_OK)
        err = lcp_sqlite_fail(q, code);
    return err;
}

/* Is this file ours, and of which version? 0: it is empty. Changes nothing in it. */
static enum lcp_err
identify(struct lcp_sqlite *q, int64_t *version)
{
    int64_t application = 0, objects = 0;
    enum lcp_err err = ask(q, "PRAGMA application_id", &application, NULL, NULL);

    if (err == LCP_OK)
        err = ask(q, "PRAGMA user_version", version, NULL, NULL);
    if (err == LCP_OK)
        err = ask(q, "SELECT count(*) FROM sqlite_schema", &objects, NULL, NULL);
    if (err != LCP_OK)
        return err;
    if (application == 0 && *version == 0 && objects == 0)
        return q->is_read_only ? LCP_ENOTFOUND : LCP_OK;
    if (application != LCP_SCHEMA_APPLICATION || *version < 1) {
        snprintf(q->error, sizeof(q->error), "the database of another program");
        return LCP_ECORRUPT;
    }
    if (*version > LCP_SCHEMA_VERSION ||
        (q->is_read_only && *version < LCP_SCHEMA_VERSION))
        return LCP_EVERSION;
    return LCP_OK;
}

/* One step, whole or not at all. */
static enum lcp_err
migrate_once(struct lcp_sqlite *q, int64_t from)
{
    char pragmas[96];
    enum lcp_err err = execute(q, "BEGIN IMMEDIATE");

    if (err != LCP_OK)
        return err;
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
             (int)LCP_SCHEMA_APPLICATION, (int)from + 1);
    err = execute(q, lcp_schema_steps[from]);
    if (err == LCP_OK)
        err = execute(q, pragmas);
    if (err != LCP_OK && sqlite3_get_autocommit(q->db) == 0)
        sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* Asks for what durability rests on, and does not believe it before it reads so. */
static enum lcp_err
configure_writer(struct lcp_sqlite *q)
{
    char limit[64];
    int64_t synchronous = 0, automatic = -1;
    bool is_wal = false;
    enum lcp_err err;

    snprintf(limit, sizeof(limit), "PRAGMA journal_size_limit = %d",
             (int)LOG_KEEP_BYTES);
    err = ask(q, "PRAGMA journal_mode = WAL", NULL, "wal", &is_wal);
    if (err == LCP_OK)
        err = execute(q, "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;"
                         "PRAGMA checkpoint_fullfsync = ON;"
                         "PRAGMA wal_autocheckpoint = 0");
    if (err == LCP_OK)
        err = execute(q, limit);
    if (err == LCP_OK)
        err = ask(q, "PRAGMA synchronous", &synchronous, NULL, NULL);
    if (err == LCP_OK)
        err = ask(q, "PRAGMA wal_autocheckpoint", &automatic, NULL, NULL);
    if (err != LCP_OK)
        return err;
    if (!is_wal || synchronous != 2 || automatic != 0) {
        snprintf(q->error, sizeof(q->error),
                 "the file system does not carry a write-"
                 "ahead log");
        return LCP_EIO;
    }
    sqlite3_wal_hook(q->db, after_commit, q);
    return LCP_OK;
}

/* A batch that the loss of power tore lies behind the valid part of the log. The next
 * one would be written over it, and if it begins alike, a second loss of power could
 * complete the first: a message would be back that nobody was promised. In a log that
 * begins anew nothing of it counts. A reader in the way, or no room, is no reason not
 * to start. */
static enum lcp_err
begin_log_anew(struct lcp_sqlite *q)
{
    enum lcp_err err = sqlite_checkpoint(&q->base, true);

    return err == LCP_EAGAIN || err == LCP_ENOSPACE ? LCP_OK : err;
}

/* What was promised from this record and is not in it any more. */
static enum lcp_err
check_mark(struct lcp_sqlite *q, uint64_t mark)
{
    int64_t side = 0;
    enum lcp_err err = lcp_sqlite_meta_get(&q->base, side_name, &side);

    if (err != LCP_OK && err != LCP_ENOTFOUND)
        return err;
    q->side = (uint64_t)side;
    if (q->changed + q->side >= mark)
        return LCP_OK;
    snprintf(q->error, sizeof(q->error),
             "the record ends at change %llu, and its mark says %llu",
             (unsigned long long)(q->changed + q->side), (unsigned long long)mark);
    return LCP_ECORRUPT;
}

static enum lcp_err
set_up(struct lcp_sqlite *q, uint64_t mark, bool is_blind)
{
    int64_t version = 0;
    enum lcp_err err;

    sqlite3_extended_result_codes(q->db, 1);
    sqlite3_busy_timeout(q->db, BUSY_MS);
    sqlite3_db_config(q->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    err = execute(q, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                     "PRAGMA temp_store = MEMORY");
    if (err == LCP_OK)
        err = identify(q, &version);
    if (mark != 0 && err == LCP_ENOTFOUND)
        err = LCP_ECORRUPT;
    if (err == LCP_OK && version == 0)
        err = lcp_seal_pages(q, true, mark);
    if (err == LCP_OK && !q->is_read_only)
        err = configure_writer(q);
    if (err == LCP_OK && version != 0 && !is_blind)
        err = lcp_seal_pages(q, false, mark);
    for (; err == LCP_OK && version < LCP_SCHEMA_VERSION; version++)
        err = migrate_once(q, version);
    if (err == LCP_OK)
        err = lcp_sqlite_prepare(q);
    if (err == LCP_OK)
        err = read_counters(q);
    if (err == LCP_OK)
        err = check_mark(q, mark);
    /* Only now: it would take away what tells of a damaged log. */
    if (err == LCP_OK && !q->is_read_only)
        err = begin_log_anew(q);
    return err;
}

static enum lcp_err
open_on(const char *vfs, const char *path, bool read_only, bool is_blind,
        struct lcp_store **out)
{
    struct lcp_sqlite *q = calloc(1, sizeof(*q));
    bool is_marked = vfs == NULL && !is_blind;
    /* Before the record is looked at: a writer beside us moves both on. Files that are
     * not the machine's have no mark. */
    uint64_t mark = is_marked ? lcp_mark_read(path) : 0;
    enum lcp_err err;
    int code;

    if (q == NULL)
        return LCP_ENOMEM;
    q->base.ops = &sqlite_ops;
    q->is_read_only = read_only;
    q->mark.handle = -1;
    q->seal = lcp_seal_new(vfs, is_blind);
    if (q->seal == NULL) {
        sqlite_close(&q->base);
        return LCP_ENOMEM;
    }
    errno = 0;
    code = sqlite3_open_v2(path, &q->db,
                           SQLITE_OPEN_NOMUTEX | (read_only ? SQLITE_OPEN_READONLY
                                                            : SQLITE_OPEN_READWRITE),
                           lcp_seal_name(q->seal));
    /* SQLite is content with reading what it may not write. */
    if (code == SQLITE_OK && !read_only && sqlite3_db_readonly(q->db, "main") == 1)
        code = SQLITE_READONLY;
    err = code == SQLITE_OK ? set_up(q, mark, is_blind) : lcp_sqlite_fail(q, code);
    if (err != LCP_OK) {
        sqlite_close(&q->base);
        return err;
    }
    if (!read_only && is_marked && q->is_sealed)
        lcp_mark_open(&q->mark, path);
    *out = &q->base;
    return LCP_OK;
}

enum lcp_err
lcp_store_sqlite_open_on(const char *vfs, const char *path, bool read_only,
                         struct lcp_store **out)
{
    return open_on(vfs, path, read_only, false, out);
}

enum lcp_err
lcp_sqlite_open_blind(const char *path, struct lcp_store **out)
{
    return open_on(NULL, path, false, true, out);
}

enum lcp_err
lcp_store_sqlite_open(const char *path, bool read_only, struct lcp_store **out)
{
    bool is_there = lcp_os_exists(path);
    enum lcp_err err = LCP_OK;

    if (!is_there && lcp_mark_read(path) != 0)
        return LCP_ECORRUPT;
    if (!is_there && read_only)
        return LCP_ENOTFOUND;
    if (!is_there)
        err = lcp_os_create_file(path, lcp_span("", 0), FILE_MODE);
    if (err != LCP_OK && err != LCP_EEXIST)
        return err;
    return open_on(NULL, path, read_only, false, out);
}

const char *
lcp_store_sqlite_version(void)
{
    return sqlite3_libversion();
}
