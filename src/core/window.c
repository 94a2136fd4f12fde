/* SPDX-License-Identifier: MIT
 *
 * Messages on their way: their places, and how they leave. Tries are in tries.c, the
 * caller's queue behind the window in refill.c. docs/protocol.md "Rules", 6 to 8.
 */
#include "core/machine.h"

#include <assert.h>

#include "base/bugs.h"

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t
most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Places. */

void
lcp_window_take(struct lcp_core *core, struct lcp_peer *p, uint32_t count, size_t bytes)
{
    core->taken += count;
    core->taken_bytes += bytes;
    p->held += count;
    p->held_bytes += bytes;
    if (p->is_idle) {
        core->idle_taken += count;
        core->idle_bytes += bytes;
    }
}

void
lcp_window_give(struct lcp_core *core, struct lcp_peer *p, uint32_t count, size_t bytes)
{
    assert(p->held >= count && p->held_bytes >= bytes);
    assert(core->taken >= count && core->taken_bytes >= bytes);
    core->taken -= count;
    core->taken_bytes -= bytes;
    p->held -= count;
    p->held_bytes -= bytes;
    if (p->is_idle) {
        assert(core->idle_taken >= count && core->idle_bytes >= bytes);
        core->idle_taken -= count;
        core->idle_bytes -= bytes;
    }
}

void
lcp_window_set_idle(struct lcp_core *core, uint32_t peer, bool is_idle)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint32_t held = p->held;
    size_t held_bytes = p->held_bytes;

    if (p->is_idle == is_idle)
        return;
    lcp_window_give(core, p, held, held_bytes);
    lcp_window_unwant(core, peer);
    p->is_idle = is_idle;
    lcp_window_take(core, p, held, held_bytes);
    lcp_window_want(core, peer);
}

uint32_t
lcp_window_places_left(const struct lcp_core *core, bool is_idle)
{
    uint32_t max = core->config.limits.inflight_max;
    uint32_t idle_max = (uint32_t)least(max, most(max / 4, LCP_IDLE_PLACES));
    uint32_t left = core->taken < max ? max - core->taken : 0;
    uint32_t idle_left = core->idle_taken < idle_max ? idle_max - core->idle_taken : 0;

    return is_idle && idle_left < left ? idle_left : left;
}

size_t
lcp_window_bytes_left(const struct lcp_core *core, bool is_idle)
{
    size_t max = core->config.limits.inflight_bytes_max;
    size_t idle_max = least(max, most(max / 4, LCP_IDLE_BYTES));
    size_t left = core->taken_bytes < max ? max - core->taken_bytes : 0;
    size_t idle_left = core->idle_bytes < idle_max ? idle_max - core->idle_bytes : 0;

    return is_idle && idle_left < left ? idle_left : left;
}

static bool
has_room(const struct lcp_core *core, const struct lcp_peer *p, size_t bytes)
{
    return lcp_window_places_left(core, p->is_idle) > 0 &&
           lcp_window_bytes_left(core, p->is_idle) >= bytes;
}

static uint32_t
size_max(const struct lcp_core *core, const struct lcp_peer *p)
{
    return lcp_is_1_2(p) ? core->config.window_1_2_max : core->config.window_max;
}

uint32_t
lcp_window_size(const struct lcp_core *core, const struct lcp_peer *p)
{
    uint32_t max = size_max(core, p);
    uint32_t peers = core->peers.cap - core->peers.free.count;

    if (core->config.is_timing_fixed)
        return core->config.window_max;
    /* Of very many that may be dead each tries its luck with a little. */
    if (!p->was_heard && lcp_has_many_peers(core))
        max = (uint32_t)least(max, most(LCP_IDLE_PLACES / peers, 1));
    return p->cwnd.size < max ? p->cwnd.size : max;
}

/* A reservation is kept also when the window has shrunk. */
uint32_t
lcp_window_places(const struct lcp_core *core, const struct lcp_peer *p)
{
    uint32_t size = lcp_window_size(core, p);
    uint32_t used = p->inflight + p->reserved + p->promised;

    return used < size ? size - used : 0;
}

/* Reservations. */

bool
lcp_core_reserve(struct lcp_core *core, uint64_t now_ms, uint32_t peer, size_t bytes)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);

    lcp_core_enter(core, now_ms);
    if (p != NULL)
        lcp_live_greet_first(core, peer);
    if (p == NULL || p->is_away || p->has_more || p->is_refilling ||
        lcp_window_places(core, p) == 0 || !has_room(core, p, bytes))
        return false;
    p->reserved++;
    p->reserved_bytes += bytes;
    lcp_window_take(core, p, 1, bytes);
    return true;
}

/* bytes may differ from what was reserved: the last reservation of a peer takes all
 * with it. */
static void
drop_reservation(struct lcp_core *core, uint32_t peer, size_t bytes)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (p->reserved == 0)
        return;
    p->reserved--;
    bytes = p->reserved == 0 ? p->reserved_bytes : least(bytes, p->reserved_bytes);
    p->reserved_bytes -= bytes;
    lcp_window_give(core, p, 1, bytes);
}

void
lcp_core_unreserve(struct lcp_core *core, uint32_t peer, size_t bytes)
{
    if (peer >= core->peers.cap)
        return;
    drop_reservation(core, peer, bytes);
    lcp_peers_release(&core->peers, peer);
    lcp_window_want(core, peer);
}

/* Offers. */

/* A place for a message that has no reservation: from the refill's promise, or what
 * is free. */
static bool
claim_place(struct lcp_core *core, struct lcp_peer *p, size_t bytes)
{
    if (p->is_away && p->probe != LCP_NONE)
        return false;
    if (p->promised > 0) {
        size_t back = least(bytes, p->promised_bytes);

        p->promised--;
        p->promised_bytes -= back;
        lcp_window_give(core, p, 1, back);
    }
    return lcp_window_places(core, p) > 0 && has_room(core, p, bytes);
}

static bool
claim_ephemeral(struct lcp_core *core, struct lcp_peer *p)
{
    if (p->ephemerals == LCP_EPHEMERAL_PEER_MAX ||
        core->ephemerals == core->ephemerals_max)
        return false;
    p->ephemerals++;
    core->ephemerals++;
    return true;
}

uint32_t
lcp_window_enter(struct lcp_core *core, uint32_t peer, uint64_t number,
                 struct lcp_span payload)
{
    uint32_t slot = lcp_outq_enter(&core->outq, peer, number, payload);

    if (!lcp_is_ephemeral(number)) {
        lcp_window_take(core, lcp_core_row(core, peer), 1, payload.len);
        lcp_core_row(core, peer)->inflight++;
    }
    lcp_heap_set(&core->timers, slot, core->now_ms);
    return slot;
}

static enum lcp_err
offer(struct lcp_core *core, uint32_t peer, uint64_t number, struct lcp_span payload,
      bool reserved)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);
    uint32_t known = lcp_outq_find(&core->outq, number);
    bool has_place, is_probe;
    uint32_t slot;

    if (reserved && peer < core->peers.cap) {
        drop_reservation(core, peer, payload.len);
        lcp_peers_release(&core->peers, peer);
    }
    if (p == NULL)
        return LCP_ENOTFOUND;
    if (payload.len > LCP_PAYLOAD_MAX)
        return LCP_EINVAL;
    if (known != LCP_NONE && core->outq.slots[known].state == LCP_SLOT_WINDOW)
        return LCP_EEXIST;
    if (known != LCP_NONE && core->outq.slots[known].peer != peer)
        lcp_outq_free(&core->outq, known);
    has_place = lcp_is_ephemeral(number)
                    ? claim_ephemeral(core, p)
                    : reserved || claim_place(core, p, payload.len);
    if (!has_place)
        return LCP_EFULL;
    is_probe = p->is_away && !reserved && !lcp_is_ephemeral(number);
    slot = lcp_window_enter(core, peer, number, payload);
    if (is_probe)
        p->probe = slot;
    return LCP_OK;
}

enum lcp_err
lcp_core_offer(struct lcp_core *core, uint64_t now_ms, uint32_t peer, uint64_t number,
               struct lcp_span payload, bool reserved)
{
    enum lcp_err err;

    lcp_core_enter(core, now_ms);
    err = offer(core, peer, number, payload, reserved);
    if (err == LCP_OK && !lcp_is_ephemeral(number)) {
        lcp_core_row(core, peer)->offered++;
    } else if (err == LCP_EFULL && !lcp_is_ephemeral(number)) {
        /* The cursor may pass this row: it comes up again in the next round. */
        lcp_core_row(core, peer)->has_parked = true;
        lcp_live_round(core, peer);
    }
    if (reserved && err != LCP_OK)
        lcp_window_want(core, peer);
    return err;
}

/* Leaving the window. */

void
lcp_window_leave(struct lcp_core *core, uint32_t slot)
{
    const struct lcp_slot *s = &core->outq.slots[slot];
    struct lcp_peer *p = lcp_core_row(core, s->peer);

    assert(s->state == LCP_SLOT_WINDOW);
    lcp_heap_set(&core->timers, slot, LCP_NEVER);
    if (lcp_is_ephemeral(s->number)) {
        core->ephemerals--;
        if (s->type == LCP_PACKET_RECEIPT)
            p->news = LCP_NEWS_NONE;
        else
            p->ephemerals--;
        return;
    }
    p->inflight--;
    if (p->probe == slot)
        p->probe = LCP_NONE;
    lcp_window_give(core, p, 1, s->payload.len);
}

/* The peer answered a transmission of this slot. */
static void
note_answer(struct lcp_core *core, uint32_t slot)
{
    const struct lcp_slot *s = &core->outq.slots[slot];
    struct lcp_peer *p = lcp_core_row(core, s->peer);

    if (s->state == LCP_SLOT_WINDOW && !lcp_is_ephemeral(s->number))
        lcp_cwnd_answered(&p->cwnd, p->inflight, size_max(core, p));
}

void
lcp_window_settle(struct lcp_core *core, uint32_t item)
{
    uint32_t slot = lcp_outq_slot_of(&core->outq, item);
    const struct lcp_slot *s = &core->outq.slots[slot];
    uint64_t rtt_ms = core->now_ms - core->seqs.items[item].at_ms;
    bool is_news = s->type == LCP_PACKET_RECEIPT;
    uint32_t peer = s->peer;
    struct lcp_peer *p = lcp_core_row(core, peer);
    struct lcp_output *out = lcp_core_stage(core, LCP_OUT_SETTLED, peer);

    out->number = s->number;
    out->rtt_ms = rtt_ms < UINT32_MAX ? (uint32_t)rtt_ms : UINT32_MAX;
    p->settled += !is_news;
    lcp_rto_note(&p->rto, rtt_ms);
    note_answer(core, slot);
    if (s->state == LCP_SLOT_WINDOW)
        lcp_window_leave(core, slot);
    lcp_outq_free(&core->outq, slot);
    lcp_window_want(core, peer);
    if (is_news)
        lcp_news_settled(core, peer);
}

/* Still queued: out of the window, but its transmissions are remembered. */
static void
park(struct lcp_core *core, uint32_t slot)
{
    const struct lcp_slot *s = &core->outq.slots[slot];
    uint32_t peer = s->peer;

    lcp_core_stage(core, LCP_OUT_PARKED, peer)->number = s->number;
    lcp_window_leave(core, slot);
    lcp_outq_park(&core->outq, slot);
    lcp_core_row(core, peer)->has_parked = true;
    lcp_live_round(core, peer);
    lcp_window_want(core, peer);
}

void
lcp_window_acked(struct lcp_core *core, uint32_t item)
{
    uint32_t slot = lcp_outq_slot_of(&core->outq, item);
    const struct lcp_slot *s = &core->outq.slots[slot];
    struct lcp_peer *p = lcp_core_row(core, s->peer);
    struct lcp_seq *seq = &core->seqs.items[item];

    if (!lcp_is_1_2(p) || lcp_is_ephemeral(s->number) ||
        lcp_bug(LCP_BUG_STICKY_IGNORED)) {
        lcp_window_settle(core, item);
        return;
    }
    /* It has it, but has not said what it did with it. If its receipt does not follow,
     * the next round asks again. */
    lcp_gate_count(core, LCP_COUNT_ACK_NOT_ENOUGH);
    seq->is_answered = true;
    lcp_rto_note(&p->rto, core->now_ms - seq->at_ms);
    note_answer(core, slot);
    if (s->state != LCP_SLOT_WINDOW)
        return;
    core->outq.slots[slot].is_acked = true;
    lcp_heap_set(&core->timers, slot, core->now_ms + core->config.ack_timeout_ms);
}

/* The transmission of this slot that the word answers, or NULL: news names none, and a
 * number is answered once. */
static struct lcp_seq *
answered_seq(struct lcp_core *core, uint32_t slot, const struct lcp_core_word *word)
{
    uint32_t item = word->has_seq ? lcp_seqs_find(&core->seqs, word->seq) : LCP_NONE;

    if (item == LCP_NONE || lcp_outq_slot_of(&core->outq, item) != slot ||
        core->seqs.items[item].is_answered)
        return NULL;
    return &core->seqs.items[item];
}

/* Signed words keep, and this one is no state: only the answer to a transmission of
 * ours asks for a pause, and once. A recording would silence us for ever. */
static void
take_later(struct lcp_core *core, uint32_t slot, struct lcp_seq *seq, uint64_t retry_ms)
{
    uint32_t peer = core->outq.slots[slot].peer;

    if (seq == NULL) {
        lcp_gate_count(core, LCP_COUNT_RECEIPT_FOREIGN);
        return;
    }
    seq->is_answered = true;
    note_answer(core, slot);
    if (core->outq.slots[slot].state == LCP_SLOT_WINDOW)
        park(core, slot);
    lcp_window_later(core, peer, retry_ms);
}

static void
take_state(struct lcp_core *core, uint32_t slot)
{
    lcp_core_row(core, core->outq.slots[slot].peer)->settled++;
    note_answer(core, slot);
    if (core->outq.slots[slot].state == LCP_SLOT_WINDOW)
        lcp_window_leave(core, slot);
    lcp_outq_free(&core->outq, slot);
}

void
lcp_window_told(struct lcp_core *core, uint32_t peer, const struct lcp_core_word *word,
                uint64_t arrived_ms)
{
    uint32_t slot = lcp_outq_find(&core->outq, word->number);
    struct lcp_seq *seq;

    if (slot != LCP_NONE && core->outq.slots[slot].peer == peer) {
        seq = answered_seq(core, slot, word);
        if (seq != NULL && arrived_ms >= seq->at_ms)
            lcp_rto_note(&lcp_core_row(core, peer)->rto, arrived_ms - seq->at_ms);
        if (word->is_later)
            take_later(core, slot, seq, word->retry_ms);
        else
            take_state(core, slot);
    } else if (word->is_later) {
        lcp_gate_count(core, LCP_COUNT_RECEIPT_FOREIGN);
    }
    lcp_window_want(core, peer);
}

void
lcp_core_forget(struct lcp_core *core, uint64_t now_ms, uint64_t number, bool keep)
{
    uint32_t slot = lcp_outq_find(&core->outq, number);
    uint32_t peer;

    lcp_core_enter(core, now_ms);
    if (slot == LCP_NONE)
        return;
    peer = core->outq.slots[slot].peer;
    if (core->outq.slots[slot].state == LCP_SLOT_WINDOW) {
        lcp_window_leave(core, slot);
        if (keep && core->outq.slots[slot].was_sent && !lcp_is_ephemeral(number))
            lcp_outq_park(&core->outq, slot);
        else
            lcp_outq_free(&core->outq, slot);
    } else if (!keep) {
        lcp_outq_free(&core->outq, slot);
    }
    lcp_window_want(core, peer);
}

bool
lcp_core_is_inflight(const struct lcp_core *core, uint64_t number)
{
    uint32_t slot = lcp_outq_find(&core->outq, number);

    return slot != LCP_NONE && core->outq.slots[slot].state == LCP_SLOT_WINDOW;
}

void
lcp_window_clear(struct lcp_core *core, uint32_t peer)
{
    const struct lcp_list *slots = &core->outq.of_peer[peer];

    lcp_window_unwant(core, peer);
    while (slots->head != LCP_NONE) {
        uint32_t slot = slots->head;
        const struct lcp_slot *s = &core->outq.slots[slot];

        if (s->state == LCP_SLOT_WINDOW) {
            lcp_core_stage(core, LCP_OUT_PARKED, peer)->number = s->number;
            lcp_window_leave(core, slot);
        }
        lcp_outq_free(&core->outq, slot);
    }
}
