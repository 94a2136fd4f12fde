/* SPDX-License-Identifier: MIT
 *
 * One life: open, compare, work, lose the power, again. The store runs as
 * node/batch.c runs it. What its commit answered with LCP_OK is closed in the book at
 * once; the batch whose commit the failure met stays open in it, and is kept or undone
 * as the record turns out to hold it, whole, or not.
 *
 * Undone must stay so. Torn frames of a batch lie in the log behind the valid ones;
 * were the next batch written over them and the power lost again, the beginning of that
 * one could be byte for byte what was torn off the other (both give the same number to
 * a message), and the log would hold the older batch, whole. The store begins its log
 * anew when it opens; here every batch that went is looked for until a commit has
 * written.
 */
#include "power/life.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "power/vfs.h"
#include "power/work.h"
#include "store/sqlite.h"

enum {
    BATCHES_MAX = 30,      /* between two failures */
    FUSE_MAX = 400,        /* writes, cuts, syncs, removals: some more than that */
    FUSE_SHORT = 12,       /* to meet the first steps of a recovery */
    FAILURES_MAX = 64,     /* in a life */
    LOG_IS_LONG = 1 << 20, /* pages: more than any limit */
};

enum doing { OPENING, IDLE, WORKING, COMMITTING, CHECKPOINTING, CLOSING };

enum verdict { GOES_ON, POWER_IS_OUT, LOST, DAMAGED };

/* The jobs of one batch. */
struct attempt {
    struct power_job jobs[POWER_BATCH_MAX];
    size_t count;
};

struct life {
    const struct power_plan *plan;
    struct power_report *report;
    struct sim_random random, fates;
    struct power_machine *machine;
    struct lcp_memory_disk *book;
    struct lcp_store *writer,
        *reader; /* of the book: with and without the open batch */
    struct lcp_store *store;
    bool is_open_in_book; /* a batch whose commit the failure met */
    struct attempt
        attempts[FAILURES_MAX + 1]; /* since a commit; then the present one */
    size_t attempt_count;
    enum doing doing;
    uint64_t known, next_id;
    struct power_dump got, want;
};

static bool
is_dead(const struct life *l)
{
    return !l->machine->is_on;
}

/* Asks the store's own handle; the answer is one text. */
static bool
answers(struct life *l, const char *sql, const char *want)
{
    sqlite3_stmt *stmt = NULL;
    bool ok = false;

    if (sqlite3_prepare_v2(lcp_sqlite(l->store)->db, sql, -1, &stmt, NULL) ==
            SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        ok = strcmp((const char *)sqlite3_column_text(stmt, 0), want) == 0;
    sqlite3_finalize(stmt);
    return ok;
}

static bool
is_same(struct life *l, struct lcp_store *book)
{
    REQUIRE(power_dump(book, &l->want));
    return l->got.len == l->want.len &&
           memcmp(l->got.data, l->want.data, l->got.len) == 0;
}

/* Always one batch. */
static uint64_t
book_commit(struct life *l)
{
    struct lcp_store_counts counts;

    REQUIRE(l->writer->ops->commit(l->writer) == LCP_OK);
    REQUIRE(l->reader->ops->counts(l->reader, &counts) == LCP_OK);
    l->known = counts.total;
    return 1;
}

/* Is this record the book and one of the batches that had gone? Then so is the book. */
static bool
has_returned(struct life *l)
{
    for (size_t i = 0; i < l->attempt_count; i++) {
        const struct attempt *a = &l->attempts[i];

        l->writer->ops->rollback(l->writer);
        REQUIRE(l->writer->ops->begin(l->writer) == LCP_OK);
        for (size_t j = 0; j < a->count; j++)
            (void)!power_job_do(l->writer, &a->jobs[j]);
        if (is_same(l, l->writer)) {
            l->report->returned += book_commit(l);
            l->attempt_count = 0;
            return true;
        }
    }
    return false;
}

/* The record against the book. */
static enum verdict
compare(struct life *l)
{
    if (!answers(l, "PRAGMA integrity_check", "ok"))
        return DAMAGED;
    if (!power_dump(l->store, &l->got))
        return DAMAGED;
    if (is_same(l, l->reader)) {
        l->report->went += l->is_open_in_book;
        l->attempt_count += l->is_open_in_book;
        l->writer->ops->rollback(l->writer);
    } else if (l->is_open_in_book && is_same(l, l->writer)) {
        l->report->came++;
        book_commit(l);
        l->attempt_count = 0;
    } else if (!has_returned(l)) {
        return LOST;
    }
    l->is_open_in_book = false;
    return GOES_ON;
}

/* Breaks the open store as the plan says; it must take. */
static void
plant_fault(struct life *l)
{
    sqlite3 *db = lcp_sqlite(l->store)->db;

    switch (l->plan->fault) {
    case POWER_SYNC_NORMAL:
        (void)sqlite3_exec(db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
        REQUIRE(answers(l, "PRAGMA synchronous", "1"));
        break;
    case POWER_JOURNAL_OFF:
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
        (void)sqlite3_exec(db, "PRAGMA journal_mode = OFF", NULL, NULL, NULL);
        REQUIRE(is_dead(l) || answers(l, "PRAGMA journal_mode", "off"));
        break;
    default:
        break;
    }
}

static enum verdict
open_store(struct life *l)
{
    enum verdict verdict;

    l->doing = OPENING;
    if (power_machine_open(l->machine, false, &l->store) != LCP_OK) {
        l->store = NULL;
        return is_dead(l) ? POWER_IS_OUT : DAMAGED;
    }
    verdict = compare(l);
    if (verdict == GOES_ON)
        plant_fault(l);
    return verdict != GOES_ON ? verdict : is_dead(l) ? POWER_IS_OUT : GOES_ON;
}

static void
close_store(struct life *l)
{
    if (l->store != NULL)
        l->store->ops->close(l->store);
    l->store = NULL;
}

/* Without a journal SQLite cannot take back what it began, power or not; that is not
 * what is to be shown here. */
static bool
may_take_back(const struct life *l)
{
    return l->plan->fault != POWER_JOURNAL_OFF;
}

/* Both get the jobs and must answer alike. */
static enum verdict
do_jobs(struct life *l)
{
    uint64_t many = sim_random_chance(&l->random, 30) ? POWER_BATCH_MAX : 5;
    uint64_t count = sim_random_in(&l->random, 1, many);
    struct attempt *attempt = &l->attempts[l->attempt_count];

    attempt->count = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct power_job job = power_job_draw(&l->random, l->known, &l->next_id);
        enum lcp_err want = power_job_do(l->writer, &job);
        enum lcp_err got;

        if (want == LCP_EEXIST && !may_take_back(l))
            continue;
        attempt->jobs[attempt->count++] = job;
        got = power_job_do(l->store, &job);
        if (is_dead(l))
            return POWER_IS_OUT;
        if (got != want)
            return DAMAGED;
    }
    return GOES_ON;
}

static enum verdict
run_batch(struct life *l)
{
    const struct lcp_store_ops *ops = l->store->ops;
    enum verdict verdict;
    enum lcp_err err;
    uint64_t spent;

    l->doing = WORKING;
    err = ops->begin(l->store);
    if (err != LCP_OK)
        return is_dead(l) ? POWER_IS_OUT : DAMAGED;
    REQUIRE(l->writer->ops->begin(l->writer) == LCP_OK);
    verdict = do_jobs(l);
    if (verdict != GOES_ON ||
        (may_take_back(l) && sim_random_chance(&l->random, 80))) { /* a job failed */
        ops->rollback(l->store);
        l->writer->ops->rollback(l->writer);
        return verdict;
    }
    l->doing = COMMITTING;
    if (l->plan->fault == POWER_EARLY_ACK)
        l->report->acknowledged += book_commit(l);
    spent = l->machine->spent;
    err = ops->commit(l->store);
    if (err == LCP_OK && l->machine->spent > spent)
        l->attempt_count = 0;
    if (err == LCP_OK && l->plan->fault != POWER_EARLY_ACK)
        l->report->acknowledged += book_commit(l);
    if (err != LCP_OK) {
        if (!is_dead(l))
            return DAMAGED;
        ops->rollback(l->store);
        l->is_open_in_book = l->plan->fault != POWER_EARLY_ACK;
    }
    return is_dead(l) ? POWER_IS_OUT : GOES_ON;
}

/* What may come between two batches. */
static enum verdict
run_between(struct life *l)
{
    uint64_t lot = sim_random_in(&l->random, 0, 99);
    bool is_forced = lot < 8, is_due = lot < 16;
    enum lcp_err err;

    if (lot < 20 && lot >= 16) {
        l->doing = CLOSING;
        close_store(l);
        return is_dead(l) ? POWER_IS_OUT : open_store(l);
    }
    l->doing = CHECKPOINTING;
    if (is_due) /* so that a log of any length is copied, and then written over */
        lcp_sqlite(l->store)->log_pages = LOG_IS_LONG;
    err = l->store->ops->checkpoint(l->store, is_forced);
    if (is_dead(l))
        return POWER_IS_OUT;
    l->doing = IDLE;
    return err == LCP_OK ? GOES_ON : DAMAGED;
}

static enum verdict
work(struct life *l)
{
    uint64_t batches = sim_random_in(&l->random, 0, BATCHES_MAX);
    enum verdict verdict = GOES_ON;

    for (uint64_t i = 0; i < batches && verdict == GOES_ON; i++) {
        verdict = run_batch(l);
        if (verdict == GOES_ON)
            verdict = run_between(l);
    }
    if (verdict == GOES_ON)
        l->doing = IDLE;
    return verdict;
}

static void
count_failure(struct life *l)
{
    struct power_report *r = l->report;

    r->failures++;
    r->idle += l->doing == IDLE;
    r->opening += l->doing == OPENING;
    r->committing += l->doing == COMMITTING;
    r->checkpointing += l->doing == CHECKPOINTING;
    r->closing += l->doing == CLOSING;
}

/* From power on to power off. */
static enum verdict
one_failure(struct life *l)
{
    uint64_t longest = sim_random_chance(&l->random, 250) ? FUSE_SHORT : FUSE_MAX;
    enum verdict verdict;

    power_machine_arm(l->machine, sim_random_in(&l->random, 1, longest),
                      sim_random_chance(&l->random, 300));
    verdict = open_store(l);
    if (verdict == GOES_ON)
        verdict = work(l);
    if (verdict == LOST || verdict == DAMAGED)
        return verdict;
    power_machine_cut(l->machine);
    close_store(l);
    count_failure(l);
    power_machine_restart(l->machine, &l->fates);
    return GOES_ON;
}

static void
begin_life(struct life *l, const struct power_plan *plan, uint64_t number,
           struct power_report *report)
{
    memset(l, 0, sizeof(*l));
    l->plan = plan;
    l->report = report;
    l->random = sim_random_stream(plan->seed, 2 * number);
    l->fates = sim_random_stream(plan->seed, 2 * number + 1);
    l->machine = power_machine_new(sim_random_next(&l->random));
    l->machine->skips_log = plan->fault == POWER_LOG_UNSYNCED;
    l->machine->skips_database = plan->fault == POWER_DATABASE_UNSYNCED;
    l->book = lcp_memory_disk_new();
    REQUIRE(l->book != NULL);
    REQUIRE(lcp_store_memory_open(l->book, false, &l->writer) == LCP_OK);
    REQUIRE(lcp_store_memory_open(l->book, true, &l->reader) == LCP_OK);
}

static void
end_life(struct life *l)
{
    close_store(l);
    l->writer->ops->close(l->writer);
    l->reader->ops->close(l->reader);
    lcp_memory_disk_free(l->book);
    power_machine_free(l->machine);
    free(l->got.data);
    free(l->want.data);
}

void
power_life(const struct power_plan *plan, uint64_t number, unsigned failures,
           struct power_report *report)
{
    struct life l;
    enum verdict verdict = GOES_ON;
    unsigned i;

    REQUIRE(failures <= FAILURES_MAX);
    begin_life(&l, plan, number, report);
    for (i = 0; i < failures && verdict == GOES_ON; i++)
        verdict = one_failure(&l);
    if (verdict == GOES_ON)
        verdict = open_store(&l);
    report->lives++;
    report->rows += l.known;
    report->lost += verdict == LOST;
    report->damaged += verdict == DAMAGED;
    if (plan->is_loud && verdict != GOES_ON && report->lost + report->damaged <= 10)
        fprintf(stderr, "seed %llu life %llu: %s after power failure %u\n",
                (unsigned long long)plan->seed, (unsigned long long)number,
                verdict == LOST ? "the record is not what was acknowledged"
                                : "the record is damaged",
                i);
    end_life(&l);
}
