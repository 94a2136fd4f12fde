/* SPDX-License-Identifier: MIT
 *
 * One batch: a transaction around up to 64 jobs, then, if the log has grown, a
 * checkpoint. A failure of the store takes the whole batch back; no job of it happened.
 * What needs nothing of the record runs whatever the disk says: a full disk must not
 * look like silence.
 */
#include "node/job.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static lcp_job_fn *const run_table[LCP_JOB_KINDS] = {
    [LCP_JOB_ADMIT] = lcp_job_admit,
    [LCP_JOB_VERIFY] = lcp_job_verify,
    [LCP_JOB_SEND] = lcp_job_send,
    [LCP_JOB_SIGN] = lcp_job_sign,
    [LCP_JOB_SETTLE] = lcp_job_settle,
    [LCP_JOB_REFILL] = lcp_job_refill,
    [LCP_JOB_ARCHIVE] = lcp_job_archive,
    [LCP_JOB_HANDED] = lcp_job_handed,
    [LCP_JOB_CANCEL] = lcp_job_cancel,
    [LCP_JOB_EXPIRE] = lcp_job_expire,
    [LCP_JOB_PURGE] = lcp_job_purge,
    [LCP_JOB_PIN] = lcp_job_pin,
    [LCP_JOB_UNPIN] = lcp_job_unpin,
    [LCP_JOB_LIFE] = lcp_job_life,
    [LCP_JOB_RESIGN] = lcp_job_resign,
    [LCP_JOB_HELLO] = lcp_job_hello,
    [LCP_JOB_HELLO_SIGN] = lcp_job_hello_sign,
    [LCP_JOB_RECEIPT] = lcp_job_receipt,
    [LCP_JOB_NEWS] = lcp_job_news,
    [LCP_JOB_TOLD] = lcp_job_told,
    [LCP_JOB_VERSION] = lcp_job_version,
    [LCP_JOB_RELEASE] = lcp_job_release,
    [LCP_JOB_REFUSE] = lcp_job_refuse,
    [LCP_JOB_RESEND] = lcp_job_resend,
    [LCP_JOB_PAUSE] = lcp_job_pause,
};

void
lcp_job_free(struct lcp_job *job)
{
    if (job == NULL)
        return;
    for (uint32_t i = 0; i < job->offer_count; i++)
        free(job->offers[i].raw);
    free(job->offers);
    free(job->raw);
    free(job->text);
    free(job->ids);
    free(job->numbers);
    free(job->policy);
    free(job->words);
    free(job->creditors);
    free(job);
}

void
lcp_job_owe(struct lcp_job *job, const char *peer)
{
    if (job->creditor_count > 0 &&
        strcmp(job->creditors[job->creditor_count - 1], peer) == 0)
        return;
    if (job->creditor_count == job->creditor_cap) {
        uint32_t cap = job->creditor_cap == 0 ? 4 : job->creditor_cap * 2;
        void *grown = realloc(job->creditors, cap * sizeof(job->creditors[0]));

        if (grown == NULL) {
            job->may_owe_all = true;
            return;
        }
        job->creditors = grown;
        job->creditor_cap = cap;
    }
    snprintf(job->creditors[job->creditor_count++], sizeof(job->creditors[0]), "%s",
             peer);
}

enum lcp_err
lcp_job_take_text(struct lcp_batch *batch, struct lcp_job *job, size_t len)
{
    free(job->raw);
    job->raw = malloc(len + 1);
    if (job->raw == NULL)
        return LCP_ENOMEM;
    memcpy(job->raw, batch->text, len);
    job->raw[len] = 0;
    job->raw_len = len;
    return LCP_OK;
}

enum lcp_err
lcp_batch_audit(struct lcp_batch *batch, const struct lcp_job *job, const char *what,
                const char *detail)
{
    struct lcp_audit line = {
        .wall_ms = job->wall_ms, .who = job->who, .what = what, .detail = detail};

    if (job->who[0] == '\0')
        return LCP_OK;
    return batch->store->ops->audit_add(batch->store, &line);
}

static bool
is_recordless(const struct lcp_job *job)
{
    switch (job->kind) {
    case LCP_JOB_VERIFY:
    case LCP_JOB_SIGN:
    case LCP_JOB_HELLO_SIGN:
        return true;
    case LCP_JOB_HELLO:
        return !job->is_first_contact; /* else it pins */
    default:
        return false;
    }
}

/* Returns how many are left for the transaction. */
static uint32_t
run_recordless(struct lcp_batch *batch)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < batch->count; i++) {
        struct lcp_job *job = batch->jobs[i];
        enum lcp_err err;

        job->err = LCP_OK;
        job->is_ready = is_recordless(job);
        if (!job->is_ready) {
            left++;
            continue;
        }
        err = run_table[job->kind](batch, job);
        if (err != LCP_OK)
            job->err = err;
    }
    return left;
}

static enum lcp_err
run_jobs(struct lcp_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct lcp_job *job = batch->jobs[i];
        enum lcp_err err;

        if (job->is_ready)
            continue;
        err = run_table[job->kind](batch, job);
        if (err != LCP_OK)
            return err;
    }
    return LCP_OK;
}

/* No job of the transaction happened. */
static void
give_up(struct lcp_batch *batch)
{
    const struct lcp_store_ops *ops = batch->store->ops;

    snprintf(batch->fault, sizeof(batch->fault), "%s", ops->error(batch->store));
    ops->rollback(batch->store);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct lcp_job *job = batch->jobs[i];

        if (job->is_ready)
            continue;
        job->err = batch->err;
        job->creditor_count = 0;
        job->may_owe_all = false;
        job->has_word = false;
        if (job->kind == LCP_JOB_ADMIT && batch->err != LCP_ELOST)
            lcp_job_admit_later(batch, job);
    }
}

void
lcp_batch_run(struct lcp_task *task)
{
    struct lcp_batch *batch = (struct lcp_batch *)task;
    const struct lcp_store_ops *ops = batch->store->ops;

    batch->err = batch->checkpoint_err = LCP_OK;
    batch->is_committed = false;
    batch->answer_count = 0;
    if (run_recordless(batch) == 0)
        return;
    batch->err = ops->begin(batch->store);
    if (batch->err == LCP_OK)
        batch->err = run_jobs(batch);
    if (batch->err == LCP_OK)
        batch->err = ops->commit(batch->store);
    if (batch->err != LCP_OK) {
        give_up(batch);
        lcp_batch_answer(batch);
        /* A log that may begin anew needs no more room. */
        if (batch->err == LCP_ENOSPACE)
            batch->checkpoint_err = ops->checkpoint(batch->store, false);
        return;
    }
    batch->is_committed = true;
    batch->changed = ops->changed(batch->store);
    lcp_batch_answer(batch);
    batch->checkpoint_err = ops->checkpoint(batch->store, false);
}
