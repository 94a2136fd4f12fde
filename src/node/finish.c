/* SPDX-License-Identifier: MIT
 *
 * The way back: what the end of a job means for the machine and for those who wait.
 * Nothing is said here that the job's transaction has not made durable. A table row for
 * each kind.
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
        return "the database is damaged; stop the daemon and look at data/lcp.db";
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
        return is_written ? MAIL : HOUSEKEEPING;
    case LCP_JOB_SETTLE:
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

/* ---- what came from peers ---- */

static void
finish_admit(struct lcp_pump *p, struct lcp_job *job)
{
    enum lcp_admission result = job->err == LCP_OK ? job->admission : LCP_ADM_LATER;
    bool is_stored = result == LCP_ADM_STORED;
    struct lcp_ping *ping;

    lcp_core_admitted(p->core, lcp_pump_now(p), job->ticket, result,
                      is_stored && job->has_pinned ? job->key.bytes : NULL);
    if (!is_stored)
        return;
    p->seen_is_dirty = true;
    if (job->has_pinned) {
        char fingerprint[LCP_FINGERPRINT_CHARS + 1];

        lcp_fingerprint(&job->key, fingerprint);
        lcp_pump_log(p, LCP_LOG_INFO,
                     "peer %s: key pinned at first contact, fingerprint %s",
                     job->peer_name, fingerprint);
        if (lcp_core_peer_find(p->core, job->peer_name) == LCP_NO_PEER)
            lcp_pump_unpin(p, job->peer_name); /* removed while this ran */
    }
    if (job->is_ping) {
        uint8_t random[16];
        char id[LCP_UUID_CHARS + 1];

        p->world->ops->random(p->world, random, sizeof(random));
        lcp_uuid_print(random, id);
        lcp_pump_sign_ephemeral(p, job->peer, "pong", id, job->id, p->next_ephemeral++);
    } else if (job->is_consumed &&
               (ping = lcp_ping_find_id(p, job->peer, job->reply_to)) != NULL) {
        lcp_ping_end(p, ping, "pong");
    }
}

static void
finish_verify(struct lcp_pump *p, struct lcp_job *job)
{
    char fingerprint[LCP_FINGERPRINT_CHARS + 1];

    if (lcp_core_peer_find(p->core, job->peer_name) != job->peer)
        return; /* removed meanwhile; its place may be another's */
    p->peers[job->peer].is_looking = false;
    if (job->err != LCP_OK)
        return;
    p->peers[job->peer].look_after_ms = lcp_pump_now(p) + LCP_OTHER_KEY_MS;
    p->peers[job->peer].offered = job->key;
    lcp_fingerprint(&job->key, fingerprint);
    lcp_pump_log(p, LCP_LOG_ERROR,
                 "peer %s: REFUSED, its key has changed; the new fingerprint is %s. If "
                 "its owner confirms it, say: lcp peer trust %s %s",
                 job->peer_name, fingerprint, job->peer_name, fingerprint);
}

/* ---- what we send ---- */

static void
offer(struct lcp_pump *p, uint32_t peer, uint64_t number, uint8_t *raw, size_t len,
      bool is_reserved)
{
    enum lcp_err err = lcp_core_offer(p->core, lcp_pump_now(p), peer, number,
                                      lcp_span(raw, len), is_reserved);

    if (err != LCP_OK) {
        free(raw);
        if (err == LCP_EFULL && (number & LCP_EPHEMERAL) == 0)
            lcp_core_queued(p->core, lcp_pump_now(p), peer);
        return;
    }
    if (lcp_flights_put(&p->flights, number, raw) != LCP_OK) {
        lcp_core_forget(p->core, lcp_pump_now(p), number, true);
        if ((number & LCP_EPHEMERAL) == 0)
            lcp_core_again(p->core, lcp_pump_now(p), peer);
    }
}

static bool
is_away(struct lcp_pump *p, uint32_t peer)
{
    struct lcp_core_peer_view view;

    return !lcp_core_peer_view(p->core, lcp_pump_now(p), peer, &view) || view.is_away;
}

/* The message is durable, or was before: answer at once or wait. */
static void
answer_send(struct lcp_pump *p, struct lcp_job *job)
{
    struct lcp_waiter now = lcp_waiter_of(job);

    if (job->wait && job->state == LCP_SENT_QUEUED && !is_away(p, job->peer) &&
        !p->is_stopping) {
        lcp_waiters_add(p, job);
        return;
    }
    lcp_pump_reply_sent(p, &now, job->state);
}

static void
note_expiry(struct lcp_pump *p, const struct lcp_job *job)
{
    uint64_t expires = job->life_ms + job->ttl_s * 1000;

    if (job->ttl_s == 0)
        return;
    if (p->next_expiry == 0 || expires < p->next_expiry)
        p->next_expiry = expires;
    if (lcp_pump_now(p) - p->life_saved_ms >= LCP_LIFE_SAVE_MS)
        lcp_pump_save_life(p, false);
}

static void
finish_send(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->is_reserved && job->err != LCP_OK)
        lcp_core_unreserve(p->core, job->peer, job->bytes_max);
    if (job->peer == LCP_NO_PEER)
        job->peer = lcp_core_peer_find(p->core, job->peer_name);
    if (job->err == LCP_EEXIST) {
        answer_send(p, job);
        return;
    }
    if (job->err != LCP_OK) {
        lcp_pump_reply_err(p, job->client, job->is_ours, job->err,
                           job->err == LCP_ENOTFOUND || job->err == LCP_EAMBIGUOUS
                               ? job->reply_to
                               : job->id);
        return;
    }
    note_expiry(p, job);
    if (job->is_reserved) {
        offer(p, job->peer, job->number, job->raw, job->raw_len, true);
        job->raw = NULL;
    } else {
        lcp_core_queued(p->core, lcp_pump_now(p), job->peer);
    }
    answer_send(p, job);
}

static void
finish_sign(struct lcp_pump *p, struct lcp_job *job)
{
    struct lcp_ping *ping = lcp_ping_find(p, job->number);

    if (job->err != LCP_OK) {
        if (ping != NULL)
            lcp_ping_end(p, ping, NULL);
        return;
    }
    if (ping != NULL)
        ping->started_ms = lcp_pump_now(p);
    offer(p, job->peer, job->number, job->raw, job->raw_len, false);
    job->raw = NULL;
}

static void
finish_settle(struct lcp_pump *p, struct lcp_job *job)
{
    lcp_flights_del(&p->settling, job->number);
    if (job->err == LCP_OK)
        lcp_waiters_tell(p, job->number, LCP_SENT_ACKED);
}

static void
finish_refill(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->err != LCP_OK) {
        lcp_core_refill_failed(p->core, lcp_pump_now(p), job->peer);
        return;
    }
    for (uint32_t i = 0; i < job->offer_count; i++) {
        struct lcp_job_offer *o = &job->offers[i];

        /* Its ACK came after the row was read. */
        if (lcp_flights_has(&p->settling, o->number))
            continue;
        offer(p, job->peer, o->number, o->raw, o->len, false);
        o->raw = NULL;
    }
    lcp_core_refilled(p->core, lcp_pump_now(p), job->peer, job->through, job->more);
}

/* what may name a message of the other direction; of this one there is none. */
static void
reply_unless_found(struct lcp_pump *p, const struct lcp_job *job, const char *direction,
                   const char *what)
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

/* Sent no more; a late ACK still settles it. */
static void
withdraw(struct lcp_pump *p, uint64_t number, int state)
{
    lcp_core_forget(p->core, lcp_pump_now(p), number, true);
    lcp_flights_del(&p->flights, number);
    lcp_waiters_tell(p, number, state);
}

static void
finish_cancel(struct lcp_pump *p, struct lcp_job *job)
{
    struct lcp_waiter now = lcp_waiter_of(job);

    if (job->err != LCP_OK) {
        reply_unless_found(p, job, "sent", job->reply_to);
        return;
    }
    if (job->done)
        withdraw(p, job->number, job->state);
    lcp_pump_reply_cancelled(p, &now, job->state);
}

static void
finish_expire(struct lcp_pump *p, struct lcp_job *job)
{
    p->is_expiring = false;
    if (job->err != LCP_OK) {
        p->next_expiry = lcp_pump_life_ms(p) + LCP_STORE_RETRY_MS;
        return;
    }
    p->next_expiry = job->next_expiry;
    for (uint32_t i = 0; i < job->number_count; i++) {
        withdraw(p, job->numbers[i], LCP_SENT_EXPIRED);
        lcp_pump_log(p, LCP_LOG_WARN, "message #%llu: expired, never acknowledged",
                     (unsigned long long)job->numbers[i]);
    }
}

/* ---- local work ---- */

static void
finish_archive(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->err == LCP_OK)
        lcp_pump_reply_count(p, job->client, job->is_ours, "archived", job->done);
    else
        reply_unless_found(p, job, "received", job->id_count > 0 ? job->ids[0] : "");
}

static void
finish_handed(struct lcp_pump *p, struct lcp_job *job)
{
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

static void (*const finish_table[LCP_JOB_KINDS])(struct lcp_pump *,
                                                 struct lcp_job *) = {
    [LCP_JOB_ADMIT] = finish_admit,     [LCP_JOB_VERIFY] = finish_verify,
    [LCP_JOB_SEND] = finish_send,       [LCP_JOB_SIGN] = finish_sign,
    [LCP_JOB_SETTLE] = finish_settle,   [LCP_JOB_REFILL] = finish_refill,
    [LCP_JOB_ARCHIVE] = finish_archive, [LCP_JOB_HANDED] = finish_handed,
    [LCP_JOB_CANCEL] = finish_cancel,   [LCP_JOB_EXPIRE] = finish_expire,
    [LCP_JOB_PURGE] = finish_purge,     [LCP_JOB_PIN] = finish_pin,
    [LCP_JOB_UNPIN] = finish_nothing,   [LCP_JOB_LIFE] = finish_nothing,
    [LCP_JOB_RESIGN] = finish_nothing,
};

/* Must happen sooner or later, whatever the disk says now; done again they do no harm.
 */
static bool
is_lasting(enum lcp_job_kind kind)
{
    return kind == LCP_JOB_SETTLE || kind == LCP_JOB_PIN || kind == LCP_JOB_UNPIN;
}

void
lcp_pump_finish(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->kind == LCP_JOB_PIN || job->kind == LCP_JOB_UNPIN)
        p->pins_open--; /* one that is tried again is queued again */
    if (lcp_err_is_storage(job->err) && is_lasting(job->kind) && job->client == 0 &&
        !p->is_stopping) {
        job->next = p->retry;
        p->retry = job;
        return;
    }
    finish_table[job->kind](p, job);
    lcp_job_free(job);
}
