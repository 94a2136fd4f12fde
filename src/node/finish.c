/* SPDX-License-Identifier: MIT
 *
 * The way back: what the end of a job means for the machine and for those who wait.
 * Nothing is said here that the job's transaction has not made durable. A table row for
 * each kind; here what is local, in finish_peer.c, finish_send.c and finish_mail.c the
 * rest.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/state.h"

static const char *
why(enum lcp_err err)
{
    switch (err) {
    case LCP_ENOSPACE:
        return "the disk is full or read-only; nothing is acknowledged or accepted "
               "until there is room";
    case LCP_ECORRUPT:
        return "the database is damaged, or another program has written to it; stop "
               "the daemon, then: lcp node --reseal";
    case LCP_ENOMEM:
        return "out of memory";
    default:
        return "the database cannot be written";
    }
}

/* What a commit of this job says about the disk: on one that is nearly full small
 * writes still fit. */
enum weight { HOUSEKEEPING, SETTLING, MAIL };

static enum weight
weigh(const struct lcp_job *job)
{
    bool is_written = job->err == LCP_OK || lcp_err_is_storage(job->err);

    switch (job->kind) {
    case LCP_JOB_ADMIT:
        if (job->err == LCP_OK)
            is_written = job->admission == LCP_ADM_STORED;
        return is_written ? MAIL : HOUSEKEEPING;
    case LCP_JOB_SEND:
    case LCP_JOB_RESEND:
        return is_written ? MAIL : HOUSEKEEPING;
    case LCP_JOB_SETTLE:
    case LCP_JOB_RECEIPT:
        return SETTLING;
    default:
        return HOUSEKEEPING;
    }
}

static void
start_degraded(struct lcp_pump *p, enum lcp_err err, enum weight heaviest)
{
    if (p->degraded != why(err))
        lcp_pump_log(p, LCP_LOG_ERROR, "storage: %s (%s)", why(err), p->batch.fault);
    p->degraded = why(err);
    p->failed_ms = lcp_pump_now(p);
    if (p->failed_weight < (int)heaviest)
        p->failed_weight = (int)heaviest;
    if (p->retry_at_ms <= lcp_pump_now(p))
        p->retry_at_ms = lcp_pump_now(p) + LCP_STORE_RETRY_MS;
}

/* Ends with the first commit that weighs as much as what failed, or when nothing has
 * failed for a while. */
void
lcp_pump_degrade(struct lcp_pump *p)
{
    enum weight heaviest = HOUSEKEEPING;

    if (p->batch.err == LCP_OK && !p->batch.is_committed)
        return; /* it needed no disk */
    p->is_failing = p->batch.err != LCP_OK;
    for (uint32_t i = 0; i < p->batch.count; i++) {
        enum weight weight = weigh(p->batch.jobs[i]);

        heaviest = weight > heaviest ? weight : heaviest;
    }
    if (p->is_failing) {
        start_degraded(p, p->batch.err, heaviest);
        return;
    }
    if (p->degraded == NULL || ((int)heaviest < p->failed_weight &&
                                lcp_pump_now(p) - p->failed_ms < LCP_STORE_HELD_MS))
        return;
    p->degraded = NULL;
    p->failed_weight = HOUSEKEEPING;
    lcp_pump_log(p, LCP_LOG_INFO, "storage: works again");
    p->retry_at_ms = 0;
    lcp_pump_retry(p);
}

/* ---- local work ---- */

/* what may name a message of the other direction; of this one there is none. */
void
lcp_pump_reply_unless_found(struct lcp_pump *p, const struct lcp_job *job,
                            const char *direction, const char *what)
{
    char message[LCP_REQUEST_ID_TEXT + 64];

    if (job->err != LCP_ENOTFOUND) {
        lcp_pump_reply_err(p, job->client, job->is_ours, job->err, what);
        return;
    }
    snprintf(message, sizeof(message), "no %s message fits %s", direction, what);
    lcp_pump_reply_error(p, job->client, job->is_ours, "not-found", message,
                         "lcp check and lcp sent list what there is");
}

static void
finish_archive(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->err == LCP_OK)
        lcp_pump_reply_count(p, job->client, job->is_ours, "archived", job->done);
    else
        lcp_pump_reply_unless_found(p, job, "received",
                                    job->id_count > 0 ? job->ids[0] : "");
}

static void
finish_handed(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->err == LCP_OK)
        p->last_read_wall_ms = job->wall_ms;
    if (job->client == 0)
        return;
    if (job->err == LCP_OK)
        lcp_pump_reply_ok(p, job->client, job->is_ours);
    else
        lcp_pump_reply_err(p, job->client, job->is_ours, job->err, "");
}

/* A purge goes on in steps of LCP_PURGE_MAX, so that it does not hold up the mail. */
static void
finish_purge(struct lcp_pump *p, struct lcp_job *job)
{
    uint64_t total = job->done + job->after;

    if (job->err == LCP_OK && job->done == LCP_PURGE_MAX && !p->is_stopping) {
        struct lcp_job *next = lcp_pump_job(p, LCP_JOB_PURGE, LCP_NO_PEER);

        if (next != NULL) {
            next->wall_ms = job->wall_ms;
            next->client = job->client;
            next->is_ours = job->is_ours;
            next->after = total;
            lcp_pump_enqueue(p, next);
            return;
        }
    }
    if (job->client == 0)
        p->is_purging = false;
    else if (job->err == LCP_OK)
        lcp_pump_reply_count(p, job->client, job->is_ours, "purged", total);
    else
        lcp_pump_reply_err(p, job->client, job->is_ours, job->err, "");
}

static void
write_trusted(struct lcp_writer *w, void *ctx)
{
    const struct lcp_job *job = ctx;
    char key[LCP_KEY_B64 + 1];

    lcp_key_print(&job->key, key);
    lcp_write_object(w);
    lcp_write_member_bool(w, "ok", true);
    lcp_write_member_string(w, "key", key);
    lcp_write_object_end(w);
}

static void
finish_pin(struct lcp_pump *p, struct lcp_job *job)
{
    struct lcp_core_peer_view view;
    struct lcp_core_peer peer = {.name = job->peer_name, .has_key = true};
    enum lcp_err err = job->err;

    if (job->client == 0)
        return;
    if (err == LCP_OK &&
        lcp_core_peer_view(p->core, lcp_pump_now(p), job->peer, &view)) {
        peer.endpoint = view.endpoint;
        memcpy(peer.key, job->key.bytes, sizeof(peer.key));
        err = lcp_core_peer_put(p->core, lcp_pump_now(p), &peer, NULL);
    }
    if (err == LCP_OK)
        lcp_pump_log(p, LCP_LOG_INFO, "peer %s: a new key is trusted", job->peer_name);
    if (err == LCP_OK)
        lcp_pump_reply(p, job->client, job->is_ours, write_trusted, job);
    else
        lcp_pump_reply_err(p, job->client, job->is_ours, err, job->peer_name);
}

static void
finish_nothing(struct lcp_pump *p, struct lcp_job *job)
{
    (void)p;
    (void)job;
}

static lcp_finish_fn *const finish_table[LCP_JOB_KINDS] = {
    [LCP_JOB_ADMIT] = lcp_finish_admit,
    [LCP_JOB_VERIFY] = lcp_finish_verify,
    [LCP_JOB_SEND] = lcp_finish_send,
    [LCP_JOB_SIGN] = lcp_finish_sign,
    [LCP_JOB_SETTLE] = lcp_finish_settle,
    [LCP_JOB_REFILL] = lcp_finish_refill,
    [LCP_JOB_ARCHIVE] = finish_archive,
    [LCP_JOB_HANDED] = finish_handed,
    [LCP_JOB_CANCEL] = lcp_finish_cancel,
    [LCP_JOB_EXPIRE] = lcp_finish_expire,
    [LCP_JOB_PURGE] = finish_purge,
    [LCP_JOB_PIN] = finish_pin,
    [LCP_JOB_UNPIN] = finish_nothing,
    [LCP_JOB_LIFE] = finish_nothing,
    [LCP_JOB_RESIGN] = finish_nothing,
    [LCP_JOB_HELLO] = lcp_finish_hello,
    [LCP_JOB_HELLO_SIGN] = lcp_finish_hello_sign,
    [LCP_JOB_RECEIPT] = lcp_finish_receipt,
    [LCP_JOB_NEWS] = lcp_finish_news,
    [LCP_JOB_TOLD] = finish_nothing,
    [LCP_JOB_VERSION] = lcp_finish_version,
    [LCP_JOB_RELEASE] = lcp_finish_release,
    [LCP_JOB_REFUSE] = lcp_finish_refuse,
    [LCP_JOB_RESEND] = lcp_finish_resend,
    [LCP_JOB_PAUSE] = lcp_finish_pause,
};

/* Must happen sooner or later, whatever the disk says now; done again they do no harm.
 */
static bool
is_lasting(const struct lcp_job *job)
{
    if (job->client != 0)
        return false;
    switch (job->kind) {
    case LCP_JOB_SETTLE:
    case LCP_JOB_PIN:
    case LCP_JOB_UNPIN:
    case LCP_JOB_TOLD:
    case LCP_JOB_VERSION:
        return true;
    default:
        return false;
    }
}

/* First in, first out: of one peer they have an order. */
static void
keep_for_retry(struct lcp_pump *p, struct lcp_job *job)
{
    job->next = NULL;
    if (p->retry_last != NULL)
        p->retry_last->next = job;
    else
        p->retry = job;
    p->retry_last = job;
}

/* The peers that a job's transaction left without a word. */
static void
bring_news(struct lcp_pump *p, const struct lcp_job *job)
{
    for (uint32_t i = 0; job->may_owe_all && i < p->peers_max; i++)
        lcp_core_news(p->core, lcp_pump_now(p), i);
    for (uint32_t i = 0; i < job->creditor_count; i++) {
        uint32_t peer = lcp_core_peer_find(p->core, job->creditors[i]);

        if (peer != LCP_NO_PEER)
            lcp_core_news(p->core, lcp_pump_now(p), peer);
    }
}

void
lcp_pump_finish(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->kind == LCP_JOB_PIN || job->kind == LCP_JOB_UNPIN)
        p->pins_open--; /* one that is tried again is queued again */
    if (lcp_err_is_storage(job->err) && is_lasting(job) && !p->is_stopping) {
        keep_for_retry(p, job);
        return;
    }
    if (job->err == LCP_OK)
        bring_news(p, job);
    finish_table[job->kind](p, job);
    lcp_job_free(job);
}
