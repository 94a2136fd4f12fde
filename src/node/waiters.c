/* SPDX-License-Identifier: MIT
 *
 * Local clients that wait: for what becomes of a message, and for the answer to a ping.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/state.h"

struct lcp_waiter
lcp_waiter_of(const struct lcp_job *job)
{
    struct lcp_waiter waiter = {
        .client = job->client,
        .number = job->number,
        .started_ms = job->started_ms,
        .is_ours = job->is_ours,
        .was_transmitted = job->was_transmitted,
        .state = job->state,
        .wait_for = job->wait_for,
    };

    memcpy(waiter.to, job->peer_name, sizeof(waiter.to));
    memcpy(waiter.id, job->id, sizeof(waiter.id));
    return waiter;
}

/* Is this what the client waits for, or will nothing further come? QUEUED is told when
 * the tries are over for now. */
static bool
is_answer(const struct lcp_pump *p, const struct lcp_waiter *waiter, int state)
{
    if (waiter->wait_for == 0 || p->is_stopping)
        return true;
    if (state == LCP_SENT_QUEUED)
        return false;
    if (state < LCP_SENT_ACKED)
        return true;
    if (state == LCP_SENT_ACKED) /* a 1.1 peer has no other word for `stored` */
        return waiter->wait_for == LCP_SENT_STORED;
    return state >= waiter->wait_for;
}

static void
add_waiter(struct lcp_pump *p, const struct lcp_waiter *waiter)
{
    if (p->waiter_count == p->waiter_cap) {
        size_t cap = p->waiter_cap == 0 ? 64 : p->waiter_cap * 2;
        struct lcp_waiter *grown = realloc(p->waiters, cap * sizeof(grown[0]));

        if (grown == NULL) {
            lcp_pump_reply_sent(p, waiter, waiter->state); /* true at this moment */
            return;
        }
        p->waiters = grown;
        p->waiter_cap = cap;
    }
    p->waiters[p->waiter_count++] = *waiter;
}

/* Who asks for no state of its own does not wait for a peer that is away, or that asked
 * for a pause longer than the wait. */
void
lcp_waiters_answer(struct lcp_pump *p, const struct lcp_job *job)
{
    struct lcp_waiter waiter = lcp_waiter_of(job);
    uint64_t later_ms = job->state == LCP_SENT_QUEUED ? lcp_pump_later_ms(p, job->peer)
                                                      : 0;
    bool is_open = job->wait_for != 0 ? !is_answer(p, &waiter, job->state)
                                      : job->state == LCP_SENT_QUEUED &&
                                            later_ms < LCP_SEND_ANSWER_MS &&
                                            !lcp_pump_is_away(p, job->peer);

    if (later_ms >= LCP_SEND_ANSWER_MS) {
        snprintf(waiter.reason, sizeof(waiter.reason), "later");
        snprintf(waiter.detail, sizeof(waiter.detail),
                 "its node asked us to wait; %llu s are left",
                 (unsigned long long)(later_ms / 1000));
    }

    waiter.deadline_ms = lcp_pump_now(p) +
                         (job->timeout_ms != 0 ? job->timeout_ms : LCP_SEND_ANSWER_MS);
    if (job->wait && is_open && !p->is_stopping)
        add_waiter(p, &waiter);
    else
        lcp_pump_reply_sent(p, &waiter, job->state);
}

static void
take_out(struct lcp_pump *p, size_t at, struct lcp_waiter *waiter)
{
    *waiter = p->waiters[at];
    p->waiters[at] = p->waiters[--p->waiter_count];
}

/* A state goes only to a greater one. */
static void
hear(struct lcp_waiter *waiter, int state, const char *reason, const char *detail)
{
    waiter->was_transmitted |= state == LCP_SENT_QUEUED || state >= LCP_SENT_ACKED;
    if (state < waiter->state)
        return;
    waiter->state = state;
    snprintf(waiter->reason, sizeof(waiter->reason), "%s", reason);
    snprintf(waiter->detail, sizeof(waiter->detail), "%s", detail);
}

void
lcp_waiters_tell_why(struct lcp_pump *p, uint64_t number, int state, const char *reason,
                     const char *detail)
{
    for (size_t i = 0; i < p->waiter_count;) {
        struct lcp_waiter waiter;

        if (p->waiters[i].number == number)
            hear(&p->waiters[i], state, reason, detail);
        if (p->waiters[i].number != number || !is_answer(p, &p->waiters[i], state)) {
            i++;
            continue;
        }
        take_out(p, i, &waiter);
        lcp_pump_reply_sent(p, &waiter, waiter.state);
    }
}

void
lcp_waiters_tell(struct lcp_pump *p, uint64_t number, int state)
{
    lcp_waiters_tell_why(p, number, state, "", "");
}

void
lcp_waiters_tick(struct lcp_pump *p, uint64_t now_ms)
{
    for (size_t i = 0; i < p->waiter_count;) {
        struct lcp_waiter waiter;

        if (p->waiters[i].deadline_ms > now_ms) {
            i++;
            continue;
        }
        take_out(p, i, &waiter);
        lcp_pump_reply_sent(p, &waiter, waiter.state);
    }
    for (size_t i = 0; i < LCP_PINGS_MAX; i++) {
        struct lcp_ping *ping = &p->pings[i];

        if (ping->number != 0 && ping->deadline_ms <= now_ms)
            lcp_ping_end(p, ping, ping->is_acked ? "ack" : NULL);
    }
}

void
lcp_waiters_drop(struct lcp_pump *p, uint64_t client)
{
    for (size_t i = 0; i < p->waiter_count;) {
        struct lcp_waiter waiter;

        if (p->waiters[i].client == client)
            take_out(p, i, &waiter);
        else
            i++;
    }
}

uint64_t
lcp_waiters_next_ms(const struct lcp_pump *p)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < p->waiter_count; i++) {
        if (p->waiters[i].deadline_ms < next)
            next = p->waiters[i].deadline_ms;
    }
    for (size_t i = 0; i < LCP_PINGS_MAX; i++) {
        if (p->pings[i].number != 0 && p->pings[i].deadline_ms < next)
            next = p->pings[i].deadline_ms;
    }
    return next;
}

struct lcp_ping *
lcp_ping_find(struct lcp_pump *p, uint64_t number)
{
    for (size_t i = 0; i < LCP_PINGS_MAX; i++) {
        if (p->pings[i].number == number && number != 0)
            return &p->pings[i];
    }
    return NULL;
}

struct lcp_ping *
lcp_ping_find_id(struct lcp_pump *p, uint32_t peer, const char *id)
{
    for (size_t i = 0; i < LCP_PINGS_MAX; i++) {
        if (p->pings[i].number != 0 && p->pings[i].peer == peer &&
            strcmp(p->pings[i].id, id) == 0)
            return &p->pings[i];
    }
    return NULL;
}

struct ping_reply {
    char name[LCP_NAME_MAX + 1];
    const char *answered_by;
    uint64_t rtt_ms;
};

static void
write_ping(struct lcp_writer *w, void *ctx)
{
    const struct ping_reply *reply = ctx;

    lcp_write_object(w);
    lcp_write_member_bool(w, "ok", reply->answered_by != NULL);
    lcp_write_member_string(w, "peer", reply->name);
    lcp_write_key(w, "rtt_ms");
    if (reply->answered_by != NULL)
        lcp_write_int(w, (int64_t)reply->rtt_ms);
    else
        lcp_write_null(w);
    lcp_write_key(w, "answered_by");
    if (reply->answered_by != NULL)
        lcp_write_string(w, reply->answered_by);
    else
        lcp_write_null(w);
    lcp_write_object_end(w);
}

void
lcp_ping_end(struct lcp_pump *p, struct lcp_ping *ping, const char *answered_by)
{
    struct lcp_ping ended = *ping;
    struct ping_reply reply = {.answered_by = answered_by};

    ping->number = 0;
    lcp_pump_peer_name(p, ended.peer, reply.name);
    reply.rtt_ms = answered_by != NULL && strcmp(answered_by, "pong") == 0
                       ? lcp_pump_now(p) - ended.started_ms
                       : ended.rtt_ms;
    lcp_pump_reply(p, ended.client, ended.is_ours, write_ping, &reply);
}
