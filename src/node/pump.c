/* SPDX-License-Identifier: MIT
 *
 * The pump's turns: jobs, batches, time. The way outward is output.c, the way back
 * finish.c.
 */
#include "node/pump.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bugs.h"
#include "base/text.h"
#include "node/state.h"

uint64_t
lcp_pump_now(struct lcp_pump *p)
{
    return p->world->ops->mono_ms(p->world);
}

uint64_t
lcp_pump_life_ms(struct lcp_pump *p)
{
    return p->life_start_ms + (lcp_pump_now(p) - p->started_ms);
}

void
lcp_pump_log(struct lcp_pump *p, enum lcp_level level, const char *format, ...)
{
    char line[LCP_LOG_LINE], safe[LCP_LOG_LINE * 2];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    lcp_text_escape(lcp_span_str(line), false, safe, sizeof(safe));
    p->world->ops->log(p->world, level, safe);
}

const char *
lcp_pump_peer_name(struct lcp_pump *p, uint32_t peer, char out[LCP_NAME_MAX + 1])
{
    struct lcp_core_peer_view view;

    if (!lcp_core_peer_view(p->core, lcp_pump_now(p), peer, &view))
        view.name[0] = '\0';
    memcpy(out, view.name, LCP_NAME_MAX + 1);
    return out;
}

bool
lcp_pump_is_key_of_another(struct lcp_pump *p, uint32_t peer, const struct lcp_key *key)
{
    uint32_t owner = lcp_core_peer_of_key(p->core, key->bytes);

    return (owner != LCP_NO_PEER && owner != peer) || lcp_key_eq(key, &p->identity.key);
}

bool
lcp_pump_is_away(struct lcp_pump *p, uint32_t peer)
{
    struct lcp_core_peer_view view;

    return !lcp_core_peer_view(p->core, lcp_pump_now(p), peer, &view) || view.is_away;
}

uint64_t
lcp_pump_later_ms(struct lcp_pump *p, uint32_t peer)
{
    struct lcp_core_peer_view view;

    return lcp_core_peer_view(p->core, lcp_pump_now(p), peer, &view) ? view.later_ms
                                                                     : 0;
}

struct lcp_job *
lcp_pump_job(struct lcp_pump *p, enum lcp_job_kind kind, uint32_t peer)
{
    struct lcp_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->kind = kind;
    job->peer = peer;
    if (peer != LCP_NO_PEER)
        lcp_pump_peer_name(p, peer, job->peer_name);
    job->wall_ms = p->world->ops->wall_ms(p->world);
    job->started_ms = lcp_pump_now(p);
    job->life_ms = lcp_pump_life_ms(p);
    return job;
}

static bool
is_about_pins(const struct lcp_job *job)
{
    return job->kind == LCP_JOB_PIN || job->kind == LCP_JOB_UNPIN;
}

/* What is about pins goes in one lane, so that it happens in its order: a peer may be
 * removed and come back under another key within one batch. */
void
lcp_pump_enqueue(struct lcp_pump *p, struct lcp_job *job)
{
    uint32_t lane = p->peers_max;

    if (job == NULL)
        return;
    if (is_about_pins(job)) {
        p->pins_queued++;
        p->pins_open++;
    } else if (job->peer != LCP_NO_PEER) {
        lane = job->peer;
    }
    lcp_lanes_put(&p->lanes, lane, job);
}

void
lcp_pump_save_life(struct lcp_pump *p, bool is_clean_stop)
{
    struct lcp_job *job = lcp_pump_job(p, LCP_JOB_LIFE, LCP_NO_PEER);

    if (job == NULL)
        return;
    job->mirrored = p->mend_at < p->mend_to ? p->mend_at : p->mirrored;
    job->is_clean_stop = is_clean_stop;
    p->life_saved_ms = lcp_pump_now(p);
    lcp_pump_enqueue(p, job);
}

void
lcp_pump_sign_ephemeral(struct lcp_pump *p, uint32_t peer, const char *type,
                        const char *id, const char *reply_to, uint64_t number)
{
    struct lcp_job *job = lcp_pump_job(p, LCP_JOB_SIGN, peer);

    if (job == NULL)
        return;
    strncpy(job->type, type, sizeof(job->type) - 1);
    strncpy(job->id, id, sizeof(job->id) - 1);
    strncpy(job->reply_to, reply_to, sizeof(job->reply_to) - 1);
    job->number = number;
    lcp_pump_enqueue(p, job);
}

/* One key may write to two peers' places at once, before either has a pin. What an
 * earlier batch pinned the machine knows by now. */
static void
look_at_first_contact(struct lcp_pump *p, struct lcp_job *job)
{
    struct lcp_core_peer_view view;

    if (job->kind != LCP_JOB_ADMIT && job->kind != LCP_JOB_HELLO)
        return;
    job->is_first_contact = !lcp_core_peer_view(p->core, lcp_pump_now(p), job->peer,
                                                &view) ||
                            !view.has_key;
    job->is_key_taken = job->is_first_contact &&
                        lcp_pump_is_key_of_another(p, job->peer, &job->key);
}

/* The loop guard counts what is stored, so those that run beside this one count too. */
static void
look_for_loop(struct lcp_pump *p, struct lcp_job *job)
{
    uint32_t pending = 0;

    if (job->kind != LCP_JOB_ADMIT || p->loop_limit == 0)
        return;
    for (uint32_t i = 0; i < p->batch.count; i++)
        pending += p->batch.jobs[i]->kind == LCP_JOB_ADMIT &&
                   p->batch.jobs[i]->peer == job->peer;
    job->is_looping = lcp_loop_is_closed(p, job->peer, pending);
}

/* Hands the signed answers of the last batch to the machine. */
static void
give_answers(struct lcp_pump *p)
{
    for (uint32_t i = 0; i < p->batch.answer_count; i++) {
        const struct lcp_answer *answer = &p->batch.answers[i];

        if (lcp_core_peer_find(p->core, answer->peer_name) == answer->peer)
            lcp_core_answer(p->core, lcp_pump_now(p), answer->peer,
                            lcp_span(answer->payload, answer->len));
    }
}

static void
carry_all_out(struct lcp_pump *p)
{
    struct lcp_output out;

    while (lcp_core_poll(p->core, lcp_pump_now(p), &out))
        lcp_pump_carry_out(p, &out);
}

static void
start_batch(struct lcp_pump *p)
{
    struct lcp_batch *batch = &p->batch;

    if (p->is_writing || p->lanes.jobs == 0)
        return;
    batch->count = 0;
    while (batch->count < LCP_BATCH_JOBS_MAX && p->lanes.jobs > 0) {
        struct lcp_job *job = lcp_lanes_take(&p->lanes);

        look_at_first_contact(p, job);
        look_for_loop(p, job);
        batch->jobs[batch->count++] = job;
    }
    batch->require_key = p->require_key;
    batch->last_read_wall_ms = p->last_read_wall_ms;
    if (lcp_bug(LCP_BUG_RECEIPT_BEFORE_COMMIT)) {
        lcp_batch_boast(batch);
        give_answers(p);
        carry_all_out(p);
    }
    p->is_writing = true;
    p->world->ops->work(p->world, &batch->task);
}

void
lcp_pump_drain(struct lcp_pump *p)
{
    carry_all_out(p);
    if (p->is_stopping && !p->is_stop_saved && p->lanes.jobs == 0 && !p->is_writing) {
        p->is_stop_saved = true;
        lcp_pump_save_life(p, true);
    }
    start_batch(p);
    lcp_reads_start(p);
    lcp_mirror_start(p);
}

/* ---- completions ---- */

static void
batch_done(struct lcp_pump *p)
{
    struct lcp_batch *batch = &p->batch;

    if (batch->err == LCP_ELOST || batch->checkpoint_err == LCP_ELOST) {
        p->world->ops->lost(p->world, batch->err == LCP_ELOST
                                          ? "fsync of the log failed"
                                          : "fsync of the database failed");
        return; /* nothing more is said to anybody */
    }
    p->is_writing = false;
    if (batch->is_committed)
        p->changed = batch->changed;
    lcp_pump_degrade(p);
    /* Each job's outputs before the next one's end: a message that one job parked is
     * given back before another one offers it again. */
    for (uint32_t i = 0; i < batch->count; i++) {
        lcp_pump_finish(p, batch->jobs[i]);
        carry_all_out(p);
    }
    give_answers(p);
}

void
lcp_pump_done(struct lcp_pump *p, struct lcp_task *task)
{
    if (task == &p->batch.task)
        batch_done(p);
    else if (task == &p->mirror.task)
        lcp_mirror_done(p);
    else
        lcp_reads_done(p, (struct lcp_read *)task);
    lcp_pump_drain(p);
}

void
lcp_pump_datagram(struct lcp_pump *p, const struct lcp_endpoint *from,
                  struct lcp_span bytes)
{
    if (!p->is_stopping)
        lcp_core_datagram(p->core, lcp_pump_now(p), from, bytes);
    lcp_pump_drain(p);
}

/* ---- time ---- */

static void
start_expiry(struct lcp_pump *p)
{
    struct lcp_job *job;

    if (p->is_expiring || p->next_expiry == 0 || lcp_pump_life_ms(p) < p->next_expiry)
        return;
    job = lcp_pump_job(p, LCP_JOB_EXPIRE, LCP_NO_PEER);
    p->is_expiring = job != NULL;
    lcp_pump_enqueue(p, job);
}

static void
start_retention(struct lcp_pump *p, uint64_t now_ms)
{
    struct lcp_job *job;

    if (p->retention_s == 0 || p->is_purging || now_ms < p->retention_at_ms)
        return;
    p->retention_at_ms = now_ms + LCP_RETENTION_MS;
    job = lcp_pump_job(p, LCP_JOB_PURGE, LCP_NO_PEER);
    if (job == NULL)
        return;
    job->wall_ms -= (int64_t)p->retention_s * 1000;
    p->is_purging = true;
    lcp_pump_enqueue(p, job);
}

void
lcp_pump_retry(struct lcp_pump *p)
{
    for (struct lcp_job *job = p->retry, *next; job != NULL; job = next) {
        next = job->next;
        lcp_pump_enqueue(p, job);
    }
    p->retry = p->retry_last = NULL;
}

/* Lasting jobs that met a full disk go again; without any, a small write finds out
 * whether there is room. */
static void
retry_store(struct lcp_pump *p, uint64_t now_ms)
{
    if (p->degraded == NULL || now_ms < p->retry_at_ms)
        return;
    p->retry_at_ms = now_ms + LCP_STORE_RETRY_MS;
    if (p->retry == NULL && p->lanes.jobs == 0 && !p->is_writing)
        lcp_pump_save_life(p, false);
    lcp_pump_retry(p);
}

void
lcp_pump_tick(struct lcp_pump *p)
{
    uint64_t now_ms = lcp_pump_now(p);

    if (!p->is_stopping) {
        lcp_waiters_tick(p, now_ms);
        start_expiry(p);
        start_retention(p, now_ms);
        retry_store(p, now_ms);
        if (p->next_expiry != 0 && now_ms - p->life_saved_ms >= LCP_LIFE_SAVE_MS)
            lcp_pump_save_life(p, false);
    }
    lcp_pump_drain(p);
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t
lcp_pump_next_ms(struct lcp_pump *p)
{
    uint64_t next = lcp_mirror_next_ms(p), now_ms = lcp_pump_now(p);

    if (p->is_stopping)
        return next;
    next = earlier(next, lcp_core_next_ms(p->core));
    next = earlier(next, lcp_waiters_next_ms(p));
    if (p->next_expiry != 0) {
        uint64_t life_ms = lcp_pump_life_ms(p);

        if (!p->is_expiring)
            next = earlier(next, p->next_expiry > life_ms
                                     ? now_ms + p->next_expiry - life_ms
                                     : now_ms);
        next = earlier(next, p->life_saved_ms + LCP_LIFE_SAVE_MS);
    }
    if (p->degraded != NULL)
        next = earlier(next, p->retry_at_ms);
    if (p->retention_s != 0 && !p->is_purging)
        next = earlier(next, p->retention_at_ms);
    return next;
}

void
lcp_pump_set_socket(struct lcp_pump *p, bool is_bound, int rcv_bytes, int snd_bytes)
{
    if (is_bound && !p->is_bound)
        lcp_core_hurry(p->core, lcp_pump_now(p));
    p->is_bound = is_bound;
    p->rcv_bytes = rcv_bytes;
    p->snd_bytes = snd_bytes;
}

void
lcp_pump_stop(struct lcp_pump *p)
{
    p->is_stopping = true;
    while (p->waiter_count > 0)
        lcp_waiters_tell(p, p->waiters[0].number, LCP_SENT_QUEUED);
    for (size_t i = 0; i < LCP_PINGS_MAX; i++) {
        if (p->pings[i].number != 0)
            lcp_ping_end(p, &p->pings[i], NULL);
    }
    while (p->retry != NULL) {
        struct lcp_job *job = p->retry;

        p->retry = job->next;
        lcp_job_free(job);
    }
    p->retry_last = NULL;
    lcp_pump_drain(p);
}

bool
lcp_pump_is_idle(const struct lcp_pump *p)
{
    return !p->is_writing && p->lanes.jobs == 0 && p->read_running == NULL &&
           p->read_head == NULL && !p->is_mirroring &&
           (!p->is_stopping || p->is_stop_saved);
}
