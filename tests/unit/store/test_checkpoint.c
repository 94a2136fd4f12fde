/* SPDX-License-Identifier: MIT
 *
 * What a failing disk does to the record in SQLite: a sync that fails is never silent,
 * at a commit or at a checkpoint; a full disk takes nothing and the handle goes on when
 * there is room again.
 */
#include "unit/store/scratch.h"

#include "unit/store/fault_vfs.h"

#include "unit/store/contract.h"

static struct lcp_store *
open_sqlite(bool read_only)
{
    struct lcp_store *s = NULL;

    REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), read_only, &s) == LCP_OK);
    return s;
}

static struct lcp_store *
open_fresh(void)
{
    fault_vfs_heal();
    scratch_clear();
    return open_sqlite(false);
}

static enum lcp_err
add_one(struct lcp_store *s, const char *id, size_t bytes)
{
    struct lcp_row row = incoming(id, 1);
    char *raw = malloc(bytes + 1);
    uint64_t number;
    enum lcp_err err;

    REQUIRE(raw != NULL);
    memset(raw, 'x', bytes);
    row.raw = lcp_span(raw, bytes);
    err = s->ops->begin(s);
    if (err == LCP_OK)
        err = s->ops->add(s, &row, &number);
    if (err == LCP_OK)
        err = s->ops->commit(s);
    s->ops->rollback(s);
    free(raw);
    return err;
}

static off_t
size_of(const char *name)
{
    struct stat st;

    return stat(scratch(name), &st) == 0 ? st.st_size : -1;
}

static void
every_commit_syncs_the_log_and_not_the_database(void)
{
    struct lcp_store *s = open_fresh();
    unsigned log_syncs, database_syncs;
    char id[32];

    CHECK(add_one(s, "first", 100) == LCP_OK);
    log_syncs = fault_disk.syncs[FAULT_LOG];
    database_syncs = fault_disk.syncs[FAULT_DATABASE];
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "m-%d", i);
        CHECK(add_one(s, id, 100) == LCP_OK);
        CHECK(fault_disk.syncs[FAULT_LOG] > log_syncs);
        log_syncs = fault_disk.syncs[FAULT_LOG];
    }
    CHECK(fault_disk.syncs[FAULT_DATABASE] == database_syncs);
    s->ops->close(s);
}

static void
the_log_moves_into_the_database_past_its_limit_only(void)
{
    struct lcp_store *s = open_fresh();
    off_t before = size_of("lcp.db");
    unsigned moved = 0;
    char id[32];

    for (int i = 0; i < 200; i++) { /* 200 * 60 kB = 12 MB, limit 4 MiB */
        unsigned writes = fault_disk.writes[FAULT_DATABASE];

        snprintf(id, sizeof(id), "m-%d", i);
        REQUIRE(add_one(s, id, 60000) == LCP_OK);
        CHECK(fault_disk.writes[FAULT_DATABASE] == writes); /* never by itself */
        CHECK(s->ops->checkpoint(s, false) == LCP_OK);
        moved += fault_disk.writes[FAULT_DATABASE] != writes;
    }
    CHECK(moved >= 2 && moved <= 4);
    CHECK(size_of("lcp.db") > before + (8 << 20));
    CHECK(size_of("lcp.db-wal") < 6 << 20); /* begins anew each time */
    CHECK(s->ops->checkpoint(s, true) == LCP_OK);
    CHECK(size_of("lcp.db-wal") == 0);
    s->ops->close(s);
}

static void
a_checkpoint_that_cannot_sync_the_database_is_lost(void)
{
    struct lcp_store *s = open_fresh();

    CHECK(add_one(s, "a", 100) == LCP_OK);
    fault_disk.sync_code[FAULT_DATABASE] = SQLITE_IOERR_FSYNC;
    CHECK(add_one(s, "b", 100) == LCP_OK); /* the log is sound: b is safe there */
    CHECK(s->ops->checkpoint(s, true) == LCP_ELOST);
    CHECK(strstr(s->ops->error(s), "disk I/O error") != NULL);
    s->ops->close(s); /* must not throw the log away */
    fault_vfs_heal();
    s = open_sqlite(false);
    CHECK_STR(get(s, 1)->id, "a");
    CHECK_STR(get(s, 2)->id, "b");
    CHECK(s->ops->checkpoint(s, true) == LCP_OK);
    s->ops->close(s);
}

static void
a_mild_checkpoint_that_cannot_sync_is_lost_too(void)
{
    struct lcp_store *s = open_fresh();
    enum lcp_err err = LCP_OK;
    char id[32];

    fault_disk.sync_code[FAULT_DATABASE] = SQLITE_IOERR_FSYNC;
    for (int i = 0; i < 100 && err == LCP_OK; i++) {
        snprintf(id, sizeof(id), "m-%d", i);
        REQUIRE(add_one(s, id, 60000) == LCP_OK);
        err = s->ops->checkpoint(s, false);
    }
    CHECK(err == LCP_ELOST);
    s->ops->close(s);
}

static void
a_commit_that_cannot_sync_the_log_is_lost(void)
{
    static const int codes[] = {SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC};

    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        struct lcp_store *s = open_fresh();

        CHECK(add_one(s, "a", 100) == LCP_OK);
        fault_disk.sync_code[FAULT_LOG] = codes[i];
        CHECK(add_one(s, "b", 100) == LCP_ELOST);
        s->ops->close(s);
    }
}

static void
a_full_disk_takes_nothing_and_service_resumes(void)
{
    static const struct {
        const char *label;
        int code, number;
        enum lcp_err want;
    } rows[] = {
        {"full", SQLITE_FULL, ENOSPC, LCP_ENOSPACE},
        {"quota", SQLITE_IOERR_WRITE, EDQUOT, LCP_ENOSPACE},
        {"read-only file system", SQLITE_IOERR_WRITE, EROFS, LCP_ENOSPACE},
        {"no space, said otherwise", SQLITE_IOERR_WRITE, ENOSPC, LCP_ENOSPACE},
        {"read-only database", SQLITE_READONLY_DBMOVED, 0, LCP_ENOSPACE},
        {"device", SQLITE_IOERR_WRITE, EIO, LCP_EIO},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_store *s = open_fresh();
        struct lcp_store_counts counts = {0};
        struct lcp_row found, b = incoming("b", 1);
        uint64_t number = 0;

        CHECK(add_one(s, "a", 100) == LCP_OK);
        for (long good = 0; good < 4; good++) {
            fault_disk.write_code[FAULT_LOG] = rows[i].code;
            fault_disk.write_errno = rows[i].number;
            fault_disk.writes_left = good;
            CHECK_ROW(rows[i].label, add_one(s, "b", 30000) == rows[i].want);
            fault_disk.write_code[FAULT_LOG] = 0;
            CHECK_ROW(rows[i].label, s->ops->changed(s) == 1);
            CHECK_ROW(rows[i].label, s->ops->counts(s, &counts) == LCP_OK);
            CHECK_ROW(rows[i].label, counts.total == 1);
            CHECK_ROW(rows[i].label,
                      s->ops->find_in(s, &b.key, "b", &found) == LCP_ENOTFOUND);
        }
        CHECK_ROW(rows[i].label, s->ops->begin(s) == LCP_OK);
        CHECK_ROW(rows[i].label, s->ops->add(s, &b, &number) == LCP_OK && number == 2);
        CHECK_ROW(rows[i].label, s->ops->commit(s) == LCP_OK);
        s->ops->close(s);
        s = open_sqlite(false);
        CHECK_STR(get(s, 2)->id, "b");
        s->ops->close(s);
    }
}

/* More than the page cache holds, so that pages spill into the log before the commit
 * and the failure comes in the middle: SQLite then rolls back by itself. */
static void
a_batch_that_meets_the_full_disk_half_way_is_gone_whole(void)
{
    struct lcp_store *s = open_fresh();
    struct lcp_row row = incoming("x", 1);
    static char raw[60000];
    struct lcp_store_counts counts;
    enum lcp_err err = LCP_OK;
    uint64_t number = 0;
    unsigned i;
    char id[32];

    CHECK(add_one(s, "a", 100) == LCP_OK);
    fault_disk.write_code[FAULT_LOG] = SQLITE_FULL;
    fault_disk.writes_left = 40;
    CHECK(s->ops->begin(s) == LCP_OK);
    row.id = id;
    row.raw = lcp_span(raw, sizeof(raw));
    for (i = 0; i < 200 && err == LCP_OK; i++) {
        snprintf(id, sizeof(id), "m-%u", i);
        err = s->ops->add(s, &row, &number);
    }
    CHECK(err == LCP_ENOSPACE && i < 200);
    /* Doomed: whatever is tried now must not slip in as a batch of its own. */
    fault_disk.write_code[FAULT_LOG] = 0;
    row.id = "late";
    CHECK(s->ops->add(s, &row, &number) == LCP_ENOSPACE);
    CHECK(s->ops->meta_put(s, "late", 1) == LCP_ENOSPACE);
    CHECK(s->ops->commit(s) == LCP_ENOSPACE);
    CHECK(s->ops->counts(s, &counts) == LCP_OK && counts.total == 1);
    CHECK(s->ops->changed(s) == 1);
    CHECK(add_one(s, "b", 100) == LCP_OK);
    CHECK_STR(get(s, 2)->id, "b");
    s->ops->close(s);
}

static void
a_full_disk_at_a_checkpoint_passes(void)
{
    struct lcp_store *s = open_fresh();

    CHECK(add_one(s, "a", 100) == LCP_OK);
    fault_disk.write_code[FAULT_DATABASE] = SQLITE_FULL;
    CHECK(s->ops->checkpoint(s, true) == LCP_ENOSPACE);
    CHECK(add_one(s, "b", 100) == LCP_OK);
    fault_disk.write_code[FAULT_DATABASE] = 0;
    CHECK(s->ops->checkpoint(s, true) == LCP_OK);
    CHECK_STR(get(s, 2)->id, "b");
    s->ops->close(s);
}

/* The first start makes the tables: whole, or the next start does it. */
static void
a_full_disk_at_the_first_start_leaves_no_half_made_record(void)
{
    unsigned failed = 0;

    for (long good = 0; good < 120; good++) {
        struct lcp_store *s = NULL;
        enum lcp_err err;

        fault_vfs_heal();
        scratch_clear();
        for (int kind = 0; kind < FAULT_KINDS; kind++)
            fault_disk.write_code[kind] = SQLITE_FULL;
        fault_disk.writes_left = good;
        err = lcp_store_sqlite_open(scratch("lcp.db"), false, &s);
        CHECK(err == LCP_OK || err == LCP_ENOSPACE);
        failed += err != LCP_OK;
        fault_vfs_heal();
        if (s == NULL)
            s = open_sqlite(false);
        CHECK(s->ops->changed(s) == 0);
        CHECK(add_one(s, "a", 100) == LCP_OK);
        s->ops->close(s);
    }
    CHECK(failed > 20 && failed < 120); /* the last ones had room enough */
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    fault_vfs_install();
    scratch_make();
    /* The contract, once more through the layer: it must be invisible. */
    contract_run((struct contract){open_sqlite, scratch_clear});
    every_commit_syncs_the_log_and_not_the_database();
    the_log_moves_into_the_database_past_its_limit_only();
    a_checkpoint_that_cannot_sync_the_database_is_lost();
    a_mild_checkpoint_that_cannot_sync_is_lost_too();
    a_commit_that_cannot_sync_the_log_is_lost();
    a_full_disk_takes_nothing_and_service_resumes();
    a_batch_that_meets_the_full_disk_half_way_is_gone_whole();
    a_full_disk_at_a_checkpoint_passes();
    a_full_disk_at_the_first_start_leaves_no_half_made_record();
    scratch_remove();
    return check_end("checkpoint");
}
