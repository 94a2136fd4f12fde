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

static uint64_t
doubled(uint64_t wait, uint32_t times, uint64_t cap)
{
    while (times-- > 0 && wait < cap)
        wait *= 2;
    return wait < cap ? wait : cap;
}

/* How long the transmission that was the tries-th of its set waits for its answer. No
 * jitter: a legacy caller gives up at 10 s, and the five waits make 9.5 at most. */
static uint64_t
wait_ms(const struct lcp_core *core, const struct lcp_peer *p, uint32_t tries,
        bool is_probe)
{
    uint64_t cap = core->config.ack_timeout_ms;

    return is_probe ? cap : doubled(lcp_tries_rto_ms(core, p), tries - 1, cap);
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
    uint64_t due;

    if (s->was_sent)
        core->counters[LCP_COUNT_RETRIES]++;
    p->transmitted++;
    p->told_ms = core->now_ms;
    lcp_core_stage_tx(core, s->peer, (enum lcp_packet_type)s->type,
                      lcp_outq_transmit(&core->outq, slot, core->now_ms), s->payload);
    due = core->now_ms + wait_ms(core, p, s->tries, is_probe);
    lcp_heap_set(&core->timers, slot, p->was_heard ? due : lcp_core_gather(core, due));
}

/* One try is enough for a probe, and for one of very many peers that nobody has heard
 * yet. LCP/1.1 has its five; an LCP/1.2 peer gets as many as those five waits have time
 * for: measured ones are shorter, and no caller is kept longer. */
static bool
has_tried_enough(const struct lcp_core *core, const struct lcp_slot *s,
                 const struct lcp_peer *p, bool is_probe)
{
    const struct lcp_core_config *c = &core->config;
    uint64_t patience_ms = 0;

    if (is_probe || (!p->was_heard && lcp_has_many_peers(core)))
        return s->tries >= 1;
    if (s->tries < c->retries_max || !lcp_is_1_2(p))
        return s->tries >= c->retries_max;
    for (uint32_t i = 0; i < c->retries_max; i++)
        patience_ms += doubled(c->retry_base_ms, i, c->ack_timeout_ms);
    return core->now_ms - s->since_ms + wait_ms(core, p, s->tries + 1, false) >
           patience_ms;
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
    if (has_tried_enough(core, s, p, is_probe))
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
