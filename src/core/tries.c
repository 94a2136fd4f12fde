/* SPDX-License-Identifier: MIT
 *
 * Transmissions: when a message goes, how often, and when it is given up for now.
 * docs/protocol.md "Rules", 6 to 8.
 */
#include "core/machine.h"

enum { RTO_MIN_MS = 200 };

uint32_t
lcp_tries_rto_ms(const struct lcp_core *core, const struct lcp_peer *p)
{
    const struct lcp_core_config *c = &core->config;
    uint32_t min = c->retry_base_ms < RTO_MIN_MS ? c->retry_base_ms : RTO_MIN_MS;

    if (c->is_timing_fixed)
        return c->retry_base_ms;
    return lcp_rto_wait_ms(&p->rto, min, c->ack_timeout_ms, c->retry_base_ms);
}

/* How long the transmission that was the tries-th of its set waits for its answer. No
 * jitter: a legacy caller gives up at 10 s, and the five waits make 9.5 at most. */
static uint64_t
wait_ms(const struct lcp_core *core, const struct lcp_peer *p, uint32_t tries,
        bool is_probe)
{
    uint64_t cap = core->config.ack_timeout_ms, wait = lcp_tries_rto_ms(core, p);

    for (uint32_t i = 1; i < tries && wait < cap; i++)
        wait *= 2;
    return is_probe || wait > cap ? cap : wait;
}

/* The tries are used up. A peer that showed life meanwhile is not away: it is this
 * message that it does not take, and those behind it must not wait for it. */
static void
give_up(struct lcp_core *core, uint32_t slot)
{
    const struct lcp_slot *s = &core->outq.slots[slot];
    uint32_t peer = s->peer;
    struct lcp_peer *p = lcp_core_row(core, peer);
    bool showed_life = s->is_acked || (p->was_heard && p->life_ms > s->since_ms);

    lcp_core_stage(core, LCP_OUT_PARKED, peer)->number = s->number;
    lcp_window_leave(core, slot);
    if (lcp_is_ephemeral(s->number)) {
        bool is_news = s->type == LCP_PACKET_RECEIPT;

        lcp_outq_free(&core->outq, slot);
        if (is_news)
            lcp_news_parked(core, peer);
        return;
    }
    lcp_outq_park(&core->outq, slot);
    p->has_parked = true;
    if (!showed_life)
        lcp_live_away(core, peer);
    lcp_live_round(core, peer);
    lcp_window_want(core, peer);
}

static void
transmit(struct lcp_core *core, uint32_t slot)
{
    const struct lcp_slot *s = &core->outq.slots[slot];
    struct lcp_peer *p = lcp_core_row(core, s->peer);
    bool is_probe = p->probe == slot;

    if (s->was_sent)
        core->counters[LCP_COUNT_RETRIES]++;
    p->transmitted++;
    p->told_ms = core->now_ms;
    lcp_core_stage_tx(core, s->peer, (enum lcp_packet_type)s->type,
                      lcp_outq_transmit(&core->outq, slot, core->now_ms), s->payload);
    lcp_heap_set(&core->timers, slot,
                 core->now_ms + wait_ms(core, p, s->tries, is_probe));
}

void
lcp_tries_step(struct lcp_core *core, uint32_t slot)
{
    const struct lcp_slot *s = &core->outq.slots[slot];
    struct lcp_peer *p = lcp_core_row(core, s->peer);
    bool is_probe = p->probe == slot;

    if (s->is_acked) {
        give_up(core, slot);
        return;
    }
    if (s->tries > 0 && !is_probe && !lcp_is_ephemeral(s->number))
        lcp_cwnd_timeout(&p->cwnd, core->now_ms, lcp_tries_rto_ms(core, p));
    if (s->tries >= (is_probe ? 1 : core->config.retries_max))
        give_up(core, slot);
    else
        transmit(core, slot);
}

static void
send_again(struct lcp_core *core, uint32_t slot)
{
    core->outq.slots[slot].tries = 0;
    core->outq.slots[slot].is_acked = false;
    lcp_heap_set(&core->timers, slot, core->now_ms);
}

void
lcp_tries_hurry(struct lcp_core *core, uint32_t peer)
{
    const struct lcp_list *slots = &core->outq.of_peer[peer];

    for (uint32_t slot = slots->head; slot != LCP_NONE;
         slot = core->outq.peer_links[slot].next) {
        if (core->outq.slots[slot].state == LCP_SLOT_WINDOW)
            send_again(core, slot);
    }
}

void
lcp_tries_unprobe(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint32_t slot = p->probe;

    p->probe = LCP_NONE;
    if (slot == LCP_NONE)
        return;
    if (!core->outq.slots[slot].is_acked)
        send_again(core, slot);
}
