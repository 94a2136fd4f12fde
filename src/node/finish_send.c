/* SPDX-License-Identifier: MIT
 *
 * The way back of what we send. Nothing is said here that the job's transaction has not
 * made durable.
 */
#include <stdlib.h>

#include "node/state.h"

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

void
lcp_pump_note_expiry(struct lcp_pump *p, uint64_t expires_life_ms)
{
    if (expires_life_ms == 0)
        return;
    if (p->next_expiry == 0 || expires_life_ms < p->next_expiry)
        p->next_expiry = expires_life_ms;
    if (lcp_pump_now(p) - p->life_saved_ms >= LCP_LIFE_SAVE_MS)
        lcp_pump_save_life(p, false);
}

/* It is durable, and was not before. */
static void
note_sent(struct lcp_pump *p, const struct lcp_job *job)
{
    lcp_pump_note_expiry(p, job->ttl_s == 0 ? 0 : job->life_ms + job->ttl_s * 1000);
    if (job->peer == LCP_NO_PEER)
        return;
    if (job->is_automatic)
        lcp_loop_note(p, job->peer, true);
    else
        lcp_loop_clear(p, job->peer);
}

void
lcp_finish_send(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->is_reserved && job->err != LCP_OK)
        lcp_core_unreserve(p->core, job->peer, job->bytes_max);
    if (job->peer == LCP_NO_PEER)
        job->peer = lcp_core_peer_find(p->core, job->peer_name);
    if (job->err == LCP_EEXIST) {
        lcp_waiters_answer(p, job);
        return;
    }
    if (job->err != LCP_OK) {
        lcp_pump_reply_err(p, job->client, job->is_ours, job->err,
                           job->err == LCP_ENOTFOUND || job->err == LCP_EAMBIGUOUS
                               ? job->reply_to
                               : job->id);
        return;
    }
    note_sent(p, job);
    if (job->is_reserved) {
        offer(p, job->peer, job->number, job->raw, job->raw_len, true);
        job->raw = NULL;
    } else {
        lcp_core_queued(p->core, lcp_pump_now(p), job->peer);
    }
    lcp_waiters_answer(p, job);
}

void
lcp_finish_sign(struct lcp_pump *p, struct lcp_job *job)
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

void
lcp_finish_settle(struct lcp_pump *p, struct lcp_job *job)
{
    lcp_flights_del(&p->settling, job->number);
    if (job->err == LCP_OK)
        lcp_waiters_tell(p, job->number, LCP_SENT_ACKED);
}

void
lcp_finish_refill(struct lcp_pump *p, struct lcp_job *job)
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

/* Sent no more; a late ACK still settles it. */
static void
withdraw(struct lcp_pump *p, uint64_t number, int state)
{
    lcp_core_forget(p->core, lcp_pump_now(p), number, true);
    lcp_flights_del(&p->flights, number);
    lcp_waiters_tell(p, number, state);
}

void
lcp_finish_cancel(struct lcp_pump *p, struct lcp_job *job)
{
    struct lcp_waiter now = lcp_waiter_of(job);

    if (job->err != LCP_OK) {
        lcp_pump_reply_unless_found(p, job, "sent", job->reply_to);
        return;
    }
    if (job->done)
        withdraw(p, job->number, job->state);
    lcp_pump_reply_cancelled(p, &now, job->state);
}

void
lcp_finish_expire(struct lcp_pump *p, struct lcp_job *job)
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
    if (job->done > 0)
        lcp_pump_log(p, LCP_LOG_WARN,
                     "held mail: %llu refused, nobody released it in 7 days",
                     (unsigned long long)job->done);
}
