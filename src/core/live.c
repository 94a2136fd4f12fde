/* SPDX-License-Identifier: MIT
 *
 * Who is there: heartbeats, signs of life, peers that go away and come back, and the
 * slow rounds in which a peer that is away is probed. docs/protocol.md "Rules", 8
 * and 10.
 */
#include "core/machine.h"

enum {
    BEAT_SPREAD_PERCENT = 10,
    ROUND_SPREAD_PERCENT = 20,
};

static uint64_t
earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void
lcp_live_rearm(struct lcp_core *core, uint32_t peer)
{
    const struct lcp_peer *p = lcp_core_row(core, peer);

    lcp_heap_set(&core->timers, core->outq.cap + peer,
                 earlier(earlier(p->beat_due_ms, p->silence_due_ms),
                         earlier(p->round_due_ms, p->retry_due_ms)));
}

void
lcp_live_start(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->life_ms = p->told_ms = p->beat_ms = core->now_ms;
    p->beat_due_ms = core->now_ms;
    p->silence_due_ms = core->now_ms + core->config.peer_timeout_ms;
    p->round_due_ms = p->retry_due_ms = LCP_NEVER;
    p->backoff_ms = core->config.probe_min_ms;
    lcp_live_rearm(core, peer);
    lcp_window_restart(core, peer);
}

/* Heartbeats. */

static uint32_t
first_beat_item(const struct lcp_core *core)
{
    return core->outq.cap * LCP_OUTQ_REMEMBERED;
}

uint32_t
lcp_live_peer_of(const struct lcp_core *core, uint32_t item)
{
    uint32_t first = first_beat_item(core);

    return item < first ? LCP_NONE : (item - first) / LCP_BEATS_REMEMBERED;
}

static void
plan_beat(struct lcp_core *core, struct lcp_peer *p, uint64_t from_ms)
{
    p->beat_due_ms = from_ms + lcp_draw_spread(&core->draw, core->config.heartbeat_ms,
                                               BEAT_SPREAD_PERCENT);
}

void
lcp_live_beat(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint32_t item = first_beat_item(core) + peer * LCP_BEATS_REMEMBERED + p->next_beat;

    p->next_beat = (p->next_beat + 1) % LCP_BEATS_REMEMBERED;
    p->told_ms = p->beat_ms = core->now_ms;
    lcp_core_stage_bare(core, peer, LCP_PACKET_HEARTBEAT,
                        lcp_seqs_renew(&core->seqs, item, core->now_ms));
    plan_beat(core, p, core->now_ms);
    lcp_live_rearm(core, peer);
}

void
lcp_live_hurry(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->backoff_ms = core->config.probe_min_ms;
    if (p->round_due_ms != LCP_NEVER)
        p->round_due_ms = core->now_ms;
    if (p->retry_due_ms != LCP_NEVER)
        p->retry_due_ms = core->now_ms;
    lcp_live_beat(core, peer);
}

/* Not needed while both sides know of each other by other packets: it showed life, and
 * DATA of ours went to it, within one interval. ACKs of ours do not count: who knows if
 * it looks at them. */
static void
beat_step(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    plan_beat(core, p, earlier(p->life_ms, p->told_ms));
    if (!p->was_heard || p->beat_due_ms <= core->now_ms)
        lcp_live_beat(core, peer);
}

void
lcp_live_stop(struct lcp_core *core, uint32_t peer)
{
    uint32_t first = first_beat_item(core) + peer * LCP_BEATS_REMEMBERED;

    for (uint32_t i = 0; i < LCP_BEATS_REMEMBERED; i++)
        lcp_seqs_clear(&core->seqs, first + i);
    lcp_heap_set(&core->timers, core->outq.cap + peer, LCP_NEVER);
}

void
lcp_live_beat_acked(struct lcp_core *core, uint32_t item)
{
    struct lcp_peer *p = lcp_core_row(core, lcp_live_peer_of(core, item));

    lcp_peer_note_rtt(p, core->now_ms - core->seqs.items[item].at_ms);
    lcp_seqs_clear(&core->seqs, item); /* once: its replay is nobody's life */
}

/* Life and silence. */

static void
wake(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->is_away = false;
    p->backoff_ms = core->config.probe_min_ms;
    p->round_due_ms = LCP_NEVER;
    lcp_window_unprobe(core, peer);
    lcp_window_restart(core, peer);
}

void
lcp_live_sign(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->life_ms = core->now_ms;
    p->was_heard = true;
    if (!p->is_online) {
        p->is_online = true;
        p->silence_due_ms = core->now_ms + core->config.peer_timeout_ms;
        lcp_core_stage(core, LCP_OUT_ONLINE, peer);
    }
    if (p->is_away)
        wake(core, peer);
    lcp_live_rearm(core, peer);
}

void
lcp_live_away(struct lcp_core *core, uint32_t peer)
{
    lcp_core_row(core, peer)->is_away = true;
    lcp_live_round(core, peer);
}

/* The timer is not moved at each sign of life, but looks again when it comes. */
static void
silence_step(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint64_t due = p->life_ms + core->config.peer_timeout_ms;

    p->silence_due_ms = due > core->now_ms ? due : LCP_NEVER;
    if (due > core->now_ms)
        return;
    if (p->is_online)
        lcp_core_stage(core, LCP_OUT_OFFLINE, peer)->silent_ms = core->now_ms -
                                                                 p->life_ms;
    p->is_online = false;
    lcp_live_away(core, peer);
}

/* Rounds. */

void
lcp_live_round(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint64_t pause = p->is_away ? p->backoff_ms : core->config.probe_min_ms;

    if (p->round_due_ms != LCP_NEVER || !(p->has_parked || (p->is_away && p->has_more)))
        return;
    p->round_due_ms = core->now_ms +
                      lcp_draw_spread(&core->draw, pause, ROUND_SPREAD_PERCENT);
    if (p->is_away)
        p->backoff_ms = earlier(2 * pause, core->config.probe_max_ms);
    lcp_live_rearm(core, peer);
}

static void
round_step(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->round_due_ms = LCP_NEVER;
    if (!p->is_away && p->has_parked)
        lcp_window_restart(core, peer);
    else if (p->is_away && (p->has_parked || p->has_more) &&
             !lcp_window_probe(core, peer))
        p->round_due_ms = core->now_ms + core->config.probe_min_ms;
}

void
lcp_live_step(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (p->beat_due_ms <= core->now_ms)
        beat_step(core, peer);
    if (p->silence_due_ms <= core->now_ms)
        silence_step(core, peer);
    if (p->round_due_ms <= core->now_ms)
        round_step(core, peer);
    if (p->retry_due_ms <= core->now_ms) {
        p->retry_due_ms = LCP_NEVER;
        lcp_window_want(core, peer);
    }
    lcp_live_rearm(core, peer);
}
