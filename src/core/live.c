/* SPDX-License-Identifier: MIT
 *
 * Who is there: heartbeats, signs of life, peers that go away and come back, and the
 * slow rounds in which a peer that is away is probed. An LCP/1.1 peer is online by any
 * sign a stranger cannot forge, an LCP/1.2 peer by a fresh HELLO alone.
 * docs/protocol.md "Rules", 8 and 10, and "LCP/1.2".
 */
#include "core/machine.h"

enum {
    BEAT_SPREAD_PERCENT = 10,
    ROUND_SPREAD_PERCENT = 20,
    MANY_SPREAD_PERCENT = 50, /* what many peers began together must not stay so */
    SIGN_PAUSE_MS = 1000,     /* between heartbeats that signs of life call for */
    /* A thousand peers that come back at once are greeted within a second: so many at
     * once, then one after the other. */
    GREETING_GAP_MS = 1,
    GREETING_BURST_MS = 100,
};

static uint64_t
earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t
later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void
lcp_live_rearm(struct lcp_core *core, uint32_t peer)
{
    const struct lcp_peer *p = lcp_core_row(core, peer);
    uint64_t due = earlier(earlier(p->beat_due_ms, p->silence_due_ms),
                           earlier(p->round_due_ms, p->retry_due_ms));

    lcp_heap_set(&core->timers, core->outq.cap + peer, lcp_core_gather(core, due));
}

/* When the next greeting may go. */
static uint64_t
take_turn(struct lcp_core *core)
{
    uint64_t turn = later(core->greet_ms, core->now_ms);

    core->greet_ms = turn + GREETING_GAP_MS;
    return turn - core->now_ms < GREETING_BURST_MS ? core->now_ms : turn;
}

void
lcp_live_start(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->life_ms = p->told_ms = p->beat_ms = core->now_ms;
    p->beat_due_ms = take_turn(core);
    p->is_greeting = true;
    p->is_idle = true; /* until it is heard */
    p->silence_due_ms = core->now_ms + core->config.peer_timeout_ms;
    p->round_due_ms = p->retry_due_ms = LCP_NEVER;
    p->backoff_ms = core->config.probe_min_ms;
    p->beat_backoff_ms = core->config.heartbeat_ms;
    lcp_cwnd_init(&p->cwnd, LCP_CWND_START);
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

/* Away, or one of very many that nobody has heard since our start. */
static bool
is_quiet(const struct lcp_core *core, const struct lcp_peer *p)
{
    return p->is_away || (!p->was_heard && lcp_has_many_peers(core));
}

static void
plan_beat(struct lcp_core *core, struct lcp_peer *p, uint64_t from_ms)
{
    uint64_t pause = is_quiet(core, p) ? p->beat_backoff_ms : core->config.heartbeat_ms;
    bool is_first = p->is_greeting && lcp_has_many_peers(core);

    p->beat_due_ms = from_ms + lcp_draw_spread(&core->draw, pause,
                                               is_first ? MANY_SPREAD_PERCENT
                                                        : BEAT_SPREAD_PERCENT);
}

/* A number for a heartbeat that goes now. */
static uint32_t
number_beat(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint32_t item = first_beat_item(core) + peer * LCP_BEATS_REMEMBERED + p->next_beat;

    p->next_beat = (p->next_beat + 1) % LCP_BEATS_REMEMBERED;
    p->told_ms = p->beat_ms = core->now_ms;
    return lcp_seqs_renew(&core->seqs, item, core->now_ms);
}

void
lcp_live_knock(struct lcp_core *core, uint32_t peer)
{
    lcp_core_stage_bare(core, peer, LCP_PACKET_HEARTBEAT, number_beat(core, peer));
}

static void
beat(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    lcp_greet_sign(core, peer, number_beat(core, peer));
    if (is_quiet(core, p)) /* ever more rarely */
        p->beat_backoff_ms = later(
            earlier(2 * p->beat_backoff_ms, core->config.probe_max_ms),
            core->config.heartbeat_ms);
    plan_beat(core, p, core->now_ms);
    p->is_greeting = false;
    lcp_live_rearm(core, peer);
}

void
lcp_live_greet(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint64_t turn;

    if (p->is_greeting)
        return;
    turn = take_turn(core);
    if (turn == core->now_ms) {
        beat(core, peer);
        return;
    }
    p->is_greeting = true;
    p->beat_due_ms = turn;
    lcp_live_rearm(core, peer);
}

void
lcp_live_greet_first(struct lcp_core *core, uint32_t peer)
{
    const struct lcp_peer *p = lcp_core_row(core, peer);

    if (p->is_greeting && p->beat_due_ms > core->now_ms)
        beat(core, peer);
}

void
lcp_live_hurry(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->backoff_ms = core->config.probe_min_ms;
    p->beat_backoff_ms = core->config.heartbeat_ms;
    if (p->round_due_ms != LCP_NEVER)
        p->round_due_ms = core->now_ms;
    if (p->retry_due_ms != LCP_NEVER)
        p->retry_due_ms = later(p->later_ms, core->now_ms);
    lcp_live_rearm(core, peer);
    lcp_live_greet(core, peer);
}

/* Not needed by an LCP/1.1 peer while both sides know of each other by other packets:
 * it showed life, and DATA of ours went to it, within one interval. ACKs of ours do not
 * count: who knows if it looks at them. */
static void
beat_step(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (!p->is_greeting && !p->is_away && p->was_heard && !lcp_is_1_2(p)) {
        plan_beat(core, p, earlier(p->life_ms, p->told_ms));
        if (p->beat_due_ms > core->now_ms)
            return;
    }
    beat(core, peer);
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

    lcp_rto_note(&p->rto, core->now_ms - core->seqs.items[item].at_ms);
    lcp_seqs_clear(&core->seqs, item); /* once: its replay is nobody's life */
}

/* Life and silence. */

uint64_t
lcp_live_fresh_ms(const struct lcp_core *core)
{
    /* 150 s: a HELLO may be lost, and the one before was an interval old. */
    return core->config.peer_timeout_ms + core->config.heartbeat_ms;
}

bool
lcp_live_is_fresh(const struct lcp_core *core, const struct lcp_peer *p)
{
    return p->was_fresh && core->now_ms - p->fresh_ms <= lcp_live_fresh_ms(core);
}

static uint64_t
online_until(const struct lcp_core *core, const struct lcp_peer *p)
{
    return lcp_is_1_2(p) ? p->online_ms + lcp_live_fresh_ms(core)
                         : p->life_ms + core->config.peer_timeout_ms;
}

static uint64_t
silent_from(const struct lcp_core *core, const struct lcp_peer *p)
{
    return p->life_ms + core->config.peer_timeout_ms;
}

static void
plan_silence(const struct lcp_core *core, struct lcp_peer *p)
{
    p->silence_due_ms = earlier(p->is_online ? online_until(core, p) : LCP_NEVER,
                                p->is_away ? LCP_NEVER : silent_from(core, p));
}

static void
wake(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->is_away = false;
    p->backoff_ms = core->config.probe_min_ms;
    p->beat_backoff_ms = core->config.heartbeat_ms;
    p->round_due_ms = LCP_NEVER;
    if (!p->is_greeting && p->beat_due_ms > core->now_ms + 2 * p->beat_backoff_ms)
        plan_beat(core, p, core->now_ms);
    lcp_cwnd_init(&p->cwnd, LCP_CWND_WAKE);
    lcp_tries_unprobe(core, peer);
    lcp_window_restart(core, peer);
}

static void
show_life(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->life_ms = core->now_ms;
    p->was_heard = true;
    lcp_window_set_idle(core, peer, false);
    if (p->is_away)
        wake(core, peer);
    lcp_news_want(core, peer);
    if (p->silence_due_ms == LCP_NEVER)
        plan_silence(core, p);
    lcp_live_rearm(core, peer);
}

static void
go_online(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->is_online = true;
    p->silence_due_ms = LCP_NEVER; /* planned anew */
    lcp_core_stage(core, LCP_OUT_ONLINE, peer);
}

void
lcp_live_sign(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (!p->is_online && !lcp_is_1_2(p))
        go_online(core, peer);
    else if (!p->is_online && core->now_ms - p->beat_ms >= SIGN_PAUSE_MS)
        lcp_live_greet(core, peer);
    show_life(core, peer);
}

void
lcp_live_fresh(struct lcp_core *core, uint32_t peer, uint64_t nonce_ms)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    /* An older echo than the last is a recording of these minutes, or was overtaken. */
    if (p->was_fresh && nonce_ms < p->fresh_ms)
        return;
    p->was_fresh = true;
    p->fresh_ms = nonce_ms;
    p->online_ms = later(p->online_ms, nonce_ms);
    if (!p->is_online)
        go_online(core, peer);
    show_life(core, peer);
}

void
lcp_live_prove(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (lcp_is_1_2(p))
        return;
    p->version = LCP_VERSION_1_2;
    p->online_ms = core->now_ms; /* if it is online: time to say HELLO */
    lcp_core_stage(core, LCP_OUT_VERSION, peer);
    if (!lcp_live_is_fresh(core, p) && core->now_ms - p->beat_ms >= SIGN_PAUSE_MS)
        lcp_live_greet(core, peer);
}

void
lcp_core_set_version(struct lcp_core *core, uint64_t now_ms, uint32_t peer,
                     enum lcp_version version)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);

    lcp_core_enter(core, now_ms);
    if (p == NULL || p->version == version)
        return;
    p->version = version;
    p->online_ms = core->now_ms;
    plan_silence(core, p);
    lcp_live_rearm(core, peer);
}

void
lcp_live_away(struct lcp_core *core, uint32_t peer)
{
    lcp_core_row(core, peer)->is_away = true;
    lcp_window_set_idle(core, peer, true);
    lcp_live_round(core, peer);
}

/* The timer is not moved at each sign of life, but looks again when it comes. */
static void
silence_step(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (p->is_online && online_until(core, p) <= core->now_ms) {
        p->is_online = false;
        lcp_core_stage(core, LCP_OUT_OFFLINE, peer)->silent_ms = core->now_ms -
                                                                 p->life_ms;
    }
    if (!p->is_away && silent_from(core, p) <= core->now_ms)
        lcp_live_away(core, peer);
    plan_silence(core, p);
}

/* Rounds. */

static uint32_t
round_spread(const struct lcp_core *core)
{
    return lcp_has_many_peers(core) ? MANY_SPREAD_PERCENT : ROUND_SPREAD_PERCENT;
}

void
lcp_live_round(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint64_t pause = p->is_away ? p->backoff_ms : core->config.probe_min_ms;

    bool has_mail = p->has_parked || (p->is_away && p->has_more);

    if (p->round_due_ms != LCP_NEVER || !(has_mail || (p->has_news && !p->is_away)))
        return;
    p->round_due_ms = core->now_ms +
                      lcp_draw_spread(&core->draw, pause, round_spread(core));
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
        p->round_due_ms = core->now_ms + lcp_draw_spread(&core->draw,
                                                         core->config.probe_min_ms,
                                                         round_spread(core));
    lcp_news_want(core, peer);
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
        lcp_news_want(core, peer);
    }
    lcp_live_rearm(core, peer);
}
