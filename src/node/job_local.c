/* SPDX-License-Identifier: MIT
 *
 * Jobs of the inbox and of housekeeping: archive, mark as handed out, purge, pins, the
 * life clock. Held mail is not in the inbox: none of these touches it. docs/protocol.md
 * "Rules" 5, 9, 14 and 15.
 */
#include "node/job.h"

#include <stdlib.h>
#include <string.h>

/* Numbers gathered before they are changed: a walk and its changes do not mix. */
struct gather {
    struct lcp_job *job;
    uint32_t cap;
    enum lcp_err err;
};

static bool
put_number(struct gather *g, uint64_t number)
{
    struct lcp_job *job = g->job;

    if (job->number_count == g->cap) {
        uint32_t cap = g->cap == 0 ? 64 : g->cap * 2;
        uint64_t *grown = realloc(job->numbers, cap * sizeof(job->numbers[0]));

        if (grown == NULL) {
            g->err = LCP_ENOMEM;
            return false;
        }
        job->numbers = grown;
        g->cap = cap;
    }
    job->numbers[job->number_count++] = number;
    return true;
}

static bool
gather_row(void *ctx, const struct lcp_row *row)
{
    struct gather *g = ctx;

    if (row->wants_receipts)
        lcp_job_owe(g->job, row->peer);
    return put_number(g, row->number);
}

/* A message that a caller named, without its body. */
struct glance {
    struct lcp_job *job;
    int wanted; /* the state it is to get */
    int state;
    bool is_there;
};

static bool
keep_glance(void *ctx, const struct lcp_row *row)
{
    struct glance *g = ctx;

    g->is_there = true;
    g->state = row->state;
    if (row->wants_receipts && row->state >= LCP_IN_STORED && row->state < g->wanted)
        lcp_job_owe(g->job, row->peer);
    return false;
}

static enum lcp_err
glance_at(struct lcp_batch *batch, uint64_t number, struct glance *g)
{
    struct lcp_query query = {
        .dir = LCP_IN,
        .after = number - 1,
        .through = number,
        .state_min = INT32_MIN,
        .state_max = INT32_MAX,
        .without_raw = true,
    };

    return batch->store->ops->each(batch->store, &query, keep_glance, g);
}

static enum lcp_err
gather_pending(struct lcp_batch *batch, struct lcp_job *job, struct gather *g)
{
    bool unseen_too = job->all || job->through != 0;
    struct lcp_query query = {
        .dir = LCP_IN,
        .through = job->through,
        .state_min = unseen_too ? LCP_IN_STORED : LCP_IN_HANDED,
        .state_max = LCP_IN_HANDED,
        .without_raw = true,
    };

    return batch->store->ops->each(batch->store, &query, gather_row, g);
}

/* All the names must resolve before the first is archived. */
static enum lcp_err
gather_named(struct lcp_batch *batch, struct lcp_job *job, struct gather *g)
{
    for (uint32_t i = 0; i < job->id_count; i++) {
        struct glance glance = {.job = job, .wanted = LCP_IN_ARCHIVED};
        uint64_t number;
        enum lcp_err err = batch->store->ops->resolve(
            batch->store, lcp_span_str(job->ids[i]), 1, &number);

        if (err == LCP_OK)
            err = glance_at(batch, number, &glance);
        if (err == LCP_OK && glance.state == LCP_IN_HELD)
            err = LCP_EPERM;
        if (lcp_err_is_storage(err))
            return err;
        if (err != LCP_OK) {
            job->err = err;
            memmove(job->ids[0], job->ids[i], sizeof(job->ids[0]));
            return LCP_OK;
        }
        if (!put_number(g, number))
            return g->err;
    }
    return LCP_OK;
}

static enum lcp_err
set_gathered(struct lcp_batch *batch, struct lcp_job *job, int state)
{
    for (uint32_t i = 0; i < job->number_count; i++) {
        bool moved = false;
        enum lcp_err err = lcp_store_set_state(batch->store, LCP_IN, job->numbers[i],
                                               state, NULL, job->wall_ms, &moved);

        if (err != LCP_OK && err != LCP_ENOTFOUND)
            return err;
        job->done += moved;
    }
    return LCP_OK;
}

enum lcp_err
lcp_job_archive(struct lcp_batch *batch, struct lcp_job *job)
{
    struct gather g = {.job = job, .err = LCP_OK};
    enum lcp_err err;

    job->done = 0;
    err = job->id_count > 0 ? gather_named(batch, job, &g)
                            : gather_pending(batch, job, &g);
    if (err == LCP_OK)
        err = g.err;
    if (err != LCP_OK || job->err != LCP_OK)
        return err;
    return set_gathered(batch, job, LCP_IN_ARCHIVED);
}

enum lcp_err
lcp_job_handed(struct lcp_batch *batch, struct lcp_job *job)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < job->number_count; i++) {
        struct glance glance = {.job = job, .wanted = LCP_IN_HANDED};
        enum lcp_err err = glance_at(batch, job->numbers[i], &glance);

        if (err != LCP_OK)
            return err;
        if (glance.is_there && glance.state == LCP_IN_STORED)
            job->numbers[kept++] = job->numbers[i];
    }
    job->number_count = kept;
    return set_gathered(batch, job, LCP_IN_HANDED);
}

enum lcp_err
lcp_job_purge(struct lcp_batch *batch, struct lcp_job *job)
{
    return batch->store->ops->purge(batch->store, job->wall_ms, LCP_PURGE_MAX,
                                    &job->done);
}

enum lcp_err
lcp_job_pin(struct lcp_batch *batch, struct lcp_job *job)
{
    enum lcp_err err = batch->store->ops->pin_put(batch->store, job->peer_name,
                                                  &job->key, job->how, job->wall_ms);

    if (err != LCP_OK || job->detail[0] == '\0') /* nobody asked: the configuration */
        return err;
    return lcp_batch_audit(batch, job, "peer trust", job->detail);
}

enum lcp_err
lcp_job_unpin(struct lcp_batch *batch, struct lcp_job *job)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct lcp_store_peer known = {0};
    enum lcp_err err = ops->pin_del(batch->store, job->peer_name);

    if (err == LCP_OK || err == LCP_ENOTFOUND)
        err = ops->peer_get(batch->store, job->peer_name, &known);
    if (err != LCP_OK)
        return err;
    /* Its mail stays, and so does its pause, which is a person's to end. */
    if (known.is_paused)
        return ops->peer_put(batch->store, job->peer_name,
                             &(struct lcp_store_peer){.is_paused = true});
    return ops->peer_del(batch->store, job->peer_name);
}

enum lcp_err
lcp_job_life(struct lcp_batch *batch, struct lcp_job *job)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    enum lcp_err err = ops->meta_put(batch->store, "life_ms", (int64_t)job->life_ms);

    if (err == LCP_OK)
        err = ops->meta_put(batch->store, "life_wall_ms", job->wall_ms);
    if (err == LCP_OK)
        err = ops->meta_put(batch->store, "mirrored", (int64_t)job->mirrored);
    if (err == LCP_OK)
        err = ops->meta_put(batch->store, "clean_stop", job->is_clean_stop);
    return err;
}
