/* SPDX-License-Identifier: MIT
 *
 * Jobs by which somebody decides about mail: release, refuse, send again, pause; and
 * the audit record. What is audited and its line are one transaction. docs/ipc.md.
 */
#include "core/msg.h"
#include "node/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The message that job->reply_to names. */
struct target {
    struct lcp_job *job;
    struct lcp_batch *batch;
    bool wants_receipts;
    enum lcp_err err;
};

/* What concerns one job stays with it, what concerns the store ends the batch. */
static enum lcp_err
sort_out(struct lcp_job *job, enum lcp_err err)
{
    if (lcp_err_is_storage(err))
        return err;
    job->err = err;
    return LCP_OK;
}

static bool
keep_received(void *ctx, const struct lcp_row *row)
{
    struct target *t = ctx;

    t->job->state = row->state;
    t->wants_receipts = row->wants_receipts;
    snprintf(t->job->id, sizeof(t->job->id), "%s", row->id);
    snprintf(t->job->peer_name, sizeof(t->job->peer_name), "%s", row->peer);
    return false;
}

static enum lcp_err
find_received(struct lcp_batch *batch, struct target *t)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct lcp_job *job = t->job;
    enum lcp_err err = ops->resolve(batch->store, lcp_span_str(job->reply_to), 1,
                                    &job->number);

    if (err == LCP_OK)
        err = ops->get(batch->store, job->number, keep_received, t);
    return err;
}

static enum lcp_err
move_received(struct lcp_batch *batch, struct target *t,
              const struct lcp_change *change)
{
    struct lcp_job *job = t->job;
    bool moved = false;
    enum lcp_err err = batch->store->ops->change(batch->store, LCP_IN, job->number,
                                                 change, &moved);

    if (err != LCP_OK)
        return err;
    if (!moved)
        return LCP_ECONFLICT;
    job->state = change->state;
    if (t->wants_receipts)
        lcp_job_owe(job, job->peer_name);
    return LCP_OK;
}

enum lcp_err
lcp_job_release(struct lcp_batch *batch, struct lcp_job *job)
{
    struct target t = {.job = job};
    struct lcp_change change = {.state = LCP_IN_STORED, .wall_ms = job->wall_ms};
    char detail[LCP_AUDIT_TEXT_MAX];
    enum lcp_err err = find_received(batch, &t);

    if (err == LCP_OK && job->state != LCP_IN_HELD)
        err = LCP_ECONFLICT;
    if (err == LCP_OK)
        err = move_received(batch, &t, &change);
    if (err != LCP_OK)
        return sort_out(job, err);
    snprintf(detail, sizeof(detail), "#%llu %s from %s, %s",
             (unsigned long long)job->number, job->id, job->peer_name, job->how);
    return lcp_batch_audit(batch, job, "release", detail);
}

/* Of done and refused the first wins. */
enum lcp_err
lcp_job_refuse(struct lcp_batch *batch, struct lcp_job *job)
{
    struct target t = {.job = job};
    struct lcp_change change = {.state = LCP_IN_REFUSED,
                                .reason = "declined",
                                .detail = job->detail,
                                .wall_ms = job->wall_ms};
    enum lcp_err err = find_received(batch, &t);

    if (err == LCP_OK && job->state > LCP_IN_HANDED)
        err = LCP_ECONFLICT;
    if (err == LCP_OK)
        err = move_received(batch, &t, &change);
    job->done = err == LCP_OK && t.wants_receipts;
    return sort_out(job, err);
}

static bool
is_dead(int state)
{
    return state == LCP_SENT_CANCELLED || state == LCP_SENT_EXPIRED ||
           state == LCP_SENT_REFUSED;
}

/* The dead letter's draft becomes the job's. */
static enum lcp_err
take_draft(struct target *t, const struct lcp_row *row)
{
    struct lcp_job *job = t->job;
    struct lcp_msg msg;

    if (row->raw.len == 0 ||
        lcp_msg_parse(row->raw, t->batch->scratch, &msg) != LCP_MSG_OK)
        return LCP_ENOTFOUND; /* purged: job->number says that it was there */
    free(job->text);
    job->text_len = 0;
    job->text = malloc(row->raw.len + 1);
    if (job->text == NULL)
        return LCP_ENOMEM;
    snprintf(job->type, sizeof(job->type), "%s", row->type);
    snprintf(job->reply_to, sizeof(job->reply_to), "%s", row->reply_to);
    return lcp_json_string(&msg.doc, msg.message, (char *)job->text, row->raw.len + 1,
                           &job->text_len);
}

static bool
keep_dead(void *ctx, const struct lcp_row *row)
{
    struct target *t = ctx;
    struct lcp_job *job = t->job;

    job->state = row->state;
    snprintf(job->peer_name, sizeof(job->peer_name), "%s", row->peer);
    snprintf(job->detail, sizeof(job->detail), "%s", row->id);
    t->err = is_dead(row->state) ? take_draft(t, row) : LCP_ECONFLICT;
    return false;
}

/* job->reply_to names the dead letter, job->id is new. Afterwards the job is that of a
 * SEND, and job->detail the id of the dead letter. */
enum lcp_err
lcp_job_resend(struct lcp_batch *batch, struct lcp_job *job)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct target t = {.job = job, .batch = batch};
    enum lcp_err err;

    job->number = 0;
    err = ops->resolve(batch->store, lcp_span_str(job->reply_to), 2, &job->number);
    if (err == LCP_OK)
        err = ops->get(batch->store, job->number, keep_dead, &t);
    if (err == LCP_OK)
        err = t.err;
    if (err != LCP_OK)
        return sort_out(job, err);
    return lcp_job_send(batch, job);
}

/* Names, each with its NUL, in job->text. */
static bool
add_paused(void *ctx, const char *peer)
{
    struct target *t = ctx;
    struct lcp_job *job = t->job;
    size_t len = strlen(peer) + 1;
    uint8_t *grown = realloc(job->text, job->text_len + len);

    if (grown == NULL) {
        t->err = LCP_ENOMEM;
        return false;
    }
    memcpy(grown + job->text_len, peer, len);
    job->text = grown;
    job->text_len += len;
    return true;
}

/* A peer that was removed while it was paused has no more than that. */
static enum lcp_err
put_pause(struct lcp_batch *batch, const char *peer, const struct lcp_store_peer *known)
{
    const struct lcp_store_ops *ops = batch->store->ops;

    if (peer[0] != '\0' && !known->is_paused && known->version == 0 &&
        known->rate_life_ms == 0)
        return ops->peer_del(batch->store, peer);
    return ops->peer_put(batch->store, peer, known);
}

/* Whether a peer that is here was paused before is no matter. The version that is
 * remembered beside it stays. */
enum lcp_err
lcp_job_pause(struct lcp_batch *batch, struct lcp_job *job)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct target t = {.job = job};
    struct lcp_store_peer known = {0};
    char detail[LCP_AUDIT_TEXT_MAX];
    enum lcp_err err = ops->peer_get(batch->store, job->peer_name, &known);

    job->text_len = 0;
    if (err == LCP_OK && job->is_stranger && !known.is_paused)
        err = LCP_ENOTFOUND;
    known.is_paused = !job->all;
    if (err == LCP_OK)
        err = put_pause(batch, job->peer_name, &known);
    if (err == LCP_OK)
        err = ops->each_paused(batch->store, add_paused, &t);
    if (err == LCP_OK)
        err = t.err;
    if (err != LCP_OK)
        return sort_out(job, err);
    snprintf(detail, sizeof(detail), "%s%s%s",
             job->peer_name[0] != '\0' ? job->peer_name : "everything",
             job->how[0] != '\0' ? ", " : "", job->how);
    return lcp_batch_audit(batch, job, job->all ? "resume" : "pause", detail);
}
