/* SPDX-License-Identifier: MIT
 *
 * One batch: a transaction around up to 64 jobs, then, if the log has grown, a
 * checkpoint. A failure of the store takes the whole batch back; no job of it happened.
 */
#include "node/job.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static lcp_job_fn *const run_table[LCP_JOB_KINDS] = {
    [LCP_JOB_ADMIT] = lcp_job_admit,     [LCP_JOB_VERIFY] = lcp_job_verify,
    [LCP_JOB_SEND] = lcp_job_send,       [LCP_JOB_SIGN] = lcp_job_sign,
    [LCP_JOB_SETTLE] = lcp_job_settle,   [LCP_JOB_REFILL] = lcp_job_refill,
    [LCP_JOB_ARCHIVE] = lcp_job_archive, [LCP_JOB_HANDED] = lcp_job_handed,
    [LCP_JOB_CANCEL] = lcp_job_cancel,   [LCP_JOB_EXPIRE] = lcp_job_expire,
    [LCP_JOB_PURGE] = lcp_job_purge,     [LCP_JOB_PIN] = lcp_job_pin,
    [LCP_JOB_UNPIN] = lcp_job_unpin,     [LCP_JOB_LIFE] = lcp_job_life,
    [LCP_JOB_RESIGN] = lcp_job_resign,
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
    free(job);
}

static enum lcp_err
run_jobs(struct lcp_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct lcp_job *job = batch->jobs[i];
        enum lcp_err err;

        job->err = LCP_OK;
        err = run_table[job->kind](batch, job);
        if (err != LCP_OK)
            return err;
    }
    return LCP_OK;
}

void
lcp_batch_run(struct lcp_task *task)
{
    struct lcp_batch *batch = (struct lcp_batch *)task;
    const struct lcp_store_ops *ops = batch->store->ops;

    batch->checkpoint_err = LCP_OK;
    batch->err = ops->begin(batch->store);
    if (batch->err == LCP_OK)
        batch->err = run_jobs(batch);
    if (batch->err == LCP_OK)
        batch->err = ops->commit(batch->store);
    if (batch->err != LCP_OK) {
        snprintf(batch->fault, sizeof(batch->fault), "%s", ops->error(batch->store));
        ops->rollback(batch->store);
        for (uint32_t i = 0; i < batch->count; i++)
            batch->jobs[i]->err = batch->err;
        return;
    }
    batch->changed = ops->changed(batch->store);
    batch->checkpoint_err = ops->checkpoint(batch->store, false);
}
