/* SPDX-License-Identifier: MIT
 *
 * The way back of what came from peers: messages, hellos, receipts, and our receipts to
 * them. Nothing is said here that the job's transaction has not made durable.
 */
#include <stdlib.h>

#include "base/text.h"
#include "node/state.h"

/* Its place may be another's by now. */
static bool
is_still_there(struct lcp_pump *p, const struct lcp_job *job)
{
    return lcp_core_peer_find(p->core, job->peer_name) == job->peer;
}

static void
note_pinned(struct lcp_pump *p, const struct lcp_job *job)
{
    char fingerprint[LCP_FINGERPRINT_CHARS + 1];

    lcp_fingerprint(&job->key, fingerprint);
    lcp_pump_log(p, LCP_LOG_INFO,
                 "peer %s: key pinned at first contact, fingerprint %s", job->peer_name,
                 fingerprint);
    if (lcp_core_peer_find(p->core, job->peer_name) == LCP_NO_PEER)
        lcp_pump_unpin(p, job->peer_name); /* removed while this ran */
}

static void
send_pong(struct lcp_pump *p, const struct lcp_job *job)
{
    uint8_t random[16];
    char id[LCP_UUID_CHARS + 1];

    p->world->ops->random(p->world, random, sizeof(random));
    lcp_uuid_print(random, id);
    lcp_pump_sign_ephemeral(p, job->peer, "pong", id, job->id, p->next_ephemeral++);
}

static void
note_held(struct lcp_pump *p, const struct lcp_job *job)
{
    lcp_pump_note_expiry(p, job->life_ms + LCP_HELD_LIFE_MS);
    lcp_pump_log(p, LCP_LOG_WARN, "message #%llu from %s: held (%s): %s",
                 (unsigned long long)job->number, job->peer_name, job->reason,
                 job->detail);
}

/* The message is in the record now, and was not before. */
static void
note_stored(struct lcp_pump *p, struct lcp_job *job)
{
    struct lcp_ping *ping;

    p->seen_is_dirty = true;
    if (job->is_ping) {
        send_pong(p, job);
    } else if (job->is_consumed) {
        ping = lcp_ping_find_id(p, job->peer, job->reply_to);
        if (ping != NULL)
            lcp_ping_end(p, ping, "pong");
    } else if (job->word == LCP_WORD_HELD) {
        note_held(p, job);
    } else if (is_still_there(p, job)) {
        lcp_loop_note(p, job->peer, false);
    }
}

void
lcp_finish_admit(struct lcp_pump *p, struct lcp_job *job)
{
    bool is_committed = job->err == LCP_OK && p->batch.is_committed;

    lcp_core_admitted(p->core, lcp_pump_now(p), job->ticket, job->admission,
                      is_committed && job->has_pinned ? job->key.bytes : NULL);
    if (!is_committed)
        return;
    if (job->has_pinned)
        note_pinned(p, job);
    if (job->admission == LCP_ADM_STORED)
        note_stored(p, job);
}

void
lcp_finish_verify(struct lcp_pump *p, struct lcp_job *job)
{
    char fingerprint[LCP_FINGERPRINT_CHARS + 1];

    if (!is_still_there(p, job))
        return;
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

/* The key that signed it must be the peer's still. */
static bool
is_of_peer(struct lcp_pump *p, const struct lcp_job *job)
{
    struct lcp_core_peer_view view;

    return job->has_pinned ||
           (is_still_there(p, job) &&
            lcp_core_peer_view(p->core, lcp_pump_now(p), job->peer, &view) &&
            view.has_key && memcmp(view.key, job->key.bytes, sizeof(view.key)) == 0);
}

void
lcp_finish_hello(struct lcp_pump *p, struct lcp_job *job)
{
    bool is_valid = job->err == LCP_OK && job->admission == LCP_ADM_STORED &&
                    is_of_peer(p, job);

    lcp_core_hello(p->core, lcp_pump_now(p), job->ticket, is_valid,
                   is_valid && job->has_pinned ? job->key.bytes : NULL);
    if (is_valid && job->has_pinned)
        note_pinned(p, job);
}

void
lcp_finish_hello_sign(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->err == LCP_OK && is_still_there(p, job))
        p->world->ops->send(p->world, &job->to, lcp_span(job->header, LCP_HEADER_BYTES),
                            lcp_span(job->raw, job->raw_len));
}

/* The payloads of what left its window are borrowed no more. */
void
lcp_finish_receipt(struct lcp_pump *p, struct lcp_job *job)
{
    enum lcp_admission result = job->err == LCP_OK ? job->admission : LCP_ADM_LATER;
    bool is_applied = result == LCP_ADM_STORED;

    lcp_core_receipt(p->core, lcp_pump_now(p), job->ticket, result,
                     is_applied ? job->words : NULL, is_applied ? job->word_count : 0);
    for (uint32_t i = 0; is_applied && i < job->word_count; i++) {
        uint64_t number = job->words[i].number;

        if (number == 0)
            continue;
        if (!lcp_core_is_inflight(p->core, number))
            lcp_flights_del(&p->flights, number);
        if (job->words[i].is_later)
            lcp_waiters_tell_why(p, number, LCP_SENT_QUEUED, job->reason, job->detail);
        else if (job->word_states[i] >= 0)
            lcp_waiters_tell_why(p, number, job->word_states[i], job->reason,
                                 job->detail);
    }
}

/* ---- receipts of ours ---- */

/* What is to be noted when the peer has it. */
static struct lcp_job *
make_told(struct lcp_pump *p, struct lcp_job *job)
{
    struct lcp_job *told = lcp_pump_job(p, LCP_JOB_TOLD, job->peer);

    if (told == NULL)
        return NULL;
    told->state = job->state;
    told->numbers = job->numbers;
    told->number_count = job->number_count;
    job->numbers = NULL;
    return told;
}

void
lcp_finish_news(struct lcp_pump *p, struct lcp_job *job)
{
    uint64_t now_ms = lcp_pump_now(p), number = p->next_ephemeral;
    struct lcp_job *told;

    if (!is_still_there(p, job))
        return;
    if (job->err != LCP_OK || job->number_count == 0) {
        lcp_core_no_news(p->core, now_ms, job->peer, job->err != LCP_OK);
        return;
    }
    told = make_told(p, job);
    if (told == NULL) {
        lcp_core_no_news(p->core, now_ms, job->peer, true);
        return;
    }
    p->next_ephemeral++;
    if (lcp_core_offer_receipt(p->core, now_ms, job->peer, number,
                               lcp_span(job->raw, job->raw_len)) != LCP_OK) {
        lcp_job_free(told); /* the machine asks again */
        return;
    }
    lcp_job_free(p->peers[job->peer].news);
    p->peers[job->peer].news = told;
    p->peers[job->peer].news_number = number;
    if (lcp_flights_put(&p->flights, number, job->raw) != LCP_OK) {
        lcp_core_forget(p->core, now_ms, number, false);
        lcp_core_news(p->core, now_ms, job->peer);
    }
    job->raw = NULL;
}

void
lcp_finish_version(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->client == 0)
        return;
    if (job->err != LCP_OK) {
        lcp_pump_reply_err(p, job->client, job->is_ours, job->err, job->peer_name);
        return;
    }
    if (is_still_there(p, job))
        lcp_core_set_version(p->core, lcp_pump_now(p), job->peer,
                             (enum lcp_version)job->version);
    lcp_pump_reply_ok(p, job->client, job->is_ours);
}
