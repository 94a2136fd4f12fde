/* SPDX-License-Identifier: MIT
 *
 * Messages on their way: places in windows, tries, parking, and asking the caller's
 * queue for more. The queue is the caller's; here is only what is in flight.
 * docs/protocol.md "Rules", 6 to 8.
 */
#include "core/machine.h"

#include <assert.h>

#include "base/bugs.h"

enum { RETRY_REFILL_MS = 500 }; /* after a refill that failed: "within a second" */

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void
take(struct lcp_core *core, uint32_t count, size_t bytes)
{
    core->taken += count;
    core->taken_bytes += bytes;
}

static void
give(struct lcp_core *core, uint32_t count, size_t bytes)
{
    assert(core->taken >= count && core->taken_bytes >= bytes);
    core->taken -= count;
    core->taken_bytes -= bytes;
}

static bool
has_room(const struct lcp_core *core, size_t bytes)
{
    const struct lcp_core_limits *limits = &core->config.limits;

    return core->taken < limits->inflight_max &&
           core->taken_bytes + bytes <= limits->inflight_bytes_max;
}

/* Free places in the peer's window. A reservation is kept also when the window
 * has shrunk. */
static uint32_t
places(const struct lcp_core *core, const struct lcp_peer *p)
{
    uint32_t used = p->inflight + p->reserved + p->promised;

    return used < core->config.window_max ? core->config.window_max - used : 0;
}

/* Reservations. */

bool
lcp_core_reserve(struct lcp_core *core, uint64_t now_ms, uint32_t peer, size_t bytes)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);

    lcp_core_enter(core, now_ms);
    if (p == NULL || p->is_away || p->has_more || p->is_refilling ||
        places(core, p) == 0 || !has_room(core, bytes))
        return false;
    p->reserved++;
    p->reserved_bytes += bytes;
    take(core, 1, bytes);
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
    give(core, 1, bytes);
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
        give(core, 1, back);
    }
    return places(core, p) > 0 && has_room(core, bytes);
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

/* A message with a place goes to the window. */
static void
enter_window(struct lcp_core *core, uint32_t peer, uint64_t number,
             struct lcp_span payload, bool is_probe)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint32_t slot = lcp_outq_enter(&core->outq, peer, number, payload);

    if (!lcp_is_ephemeral(number)) {
        take(core, 1, payload.len);
        p->inflight++;
        if (is_probe)
            p->probe = slot;
    }
    lcp_heap_set(&core->timers, slot, core->now_ms);
}

static enum lcp_err
offer(struct lcp_core *core, uint32_t peer, uint64_t number, struct lcp_span payload,
      bool reserved)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);
    uint32_t known = lcp_outq_find(&core->outq, number);
    bool has_place;

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
    enter_window(core, peer, number, payload, p->is_away && !reserved);
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

/* Gives the place back; what becomes of the slot is the caller's. */
static void
leave_window(struct lcp_core *core, uint32_t slot)
{
    const struct lcp_slot *s = &core->outq.slots[slot];
    struct lcp_peer *p = lcp_core_row(core, s->peer);

    assert(s->state == LCP_SLOT_WINDOW);
    lcp_heap_set(&core->timers, slot, LCP_NEVER);
    if (lcp_is_ephemeral(s->number)) {
        p->ephemerals--;
        core->ephemerals--;
        return;
    }
    p->inflight--;
    if (p->probe == slot)
        p->probe = LCP_NONE;
    give(core, 1, s->payload.len);
}

void
lcp_window_settle(struct lcp_core *core, uint32_t item)
{
    uint32_t slot = lcp_outq_slot_of(&core->outq, item);
    const struct lcp_slot *s = &core->outq.slots[slot];
    uint64_t rtt_ms = core->now_ms - core->seqs.items[item].at_ms;
    uint32_t peer = s->peer;
    struct lcp_peer *p = lcp_core_row(core, peer);
    struct lcp_output *out = lcp_core_stage(core, LCP_OUT_SETTLED, peer);

    out->number = s->number;
    out->rtt_ms = rtt_ms < UINT32_MAX ? (uint32_t)rtt_ms : UINT32_MAX;
    p->settled++;
    lcp_peer_note_rtt(p, rtt_ms);
    if (s->state == LCP_SLOT_WINDOW)
        leave_window(core, slot);
    lcp_outq_free(&core->outq, slot);
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
        leave_window(core, slot);
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

    while (slots->head != LCP_NONE) {
        uint32_t slot = slots->head;
        const struct lcp_slot *s = &core->outq.slots[slot];

        if (s->state == LCP_SLOT_WINDOW) {
            lcp_core_stage(core, LCP_OUT_PARKED, peer)->number = s->number;
            leave_window(core, slot);
        }
        lcp_outq_free(&core->outq, slot);
    }
}

/* Tries. */

/* How long the transmission that was the tries-th of its set waits for its ACK. No
 * jitter: a legacy caller gives up at 10 s, and the five waits make 9.5. */
static uint64_t
wait_ms(const struct lcp_core_config *config, uint32_t tries, bool is_probe)
{
    uint64_t wait = config->retry_base_ms;

    for (uint32_t i = 1; i < tries && wait < config->ack_timeout_ms; i++)
        wait *= 2;
    return is_probe || wait > config->ack_timeout_ms ? config->ack_timeout_ms : wait;
}

/* The tries are used up. A peer that showed life meanwhile is not away: it is this
 * message that it does not take, and those behind it must not wait for it. */
static void
give_up(struct lcp_core *core, uint32_t slot)
{
    const struct lcp_slot *s = &core->outq.slots[slot];
    uint32_t peer = s->peer;
    struct lcp_peer *p = lcp_core_row(core, peer);
    bool showed_life = p->was_heard && p->life_ms > s->since_ms;

    lcp_core_stage(core, LCP_OUT_PARKED, peer)->number = s->number;
    leave_window(core, slot);
    if (lcp_is_ephemeral(s->number)) {
        lcp_outq_free(&core->outq, slot);
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
    lcp_core_stage_tx(core, s->peer, LCP_PACKET_DATA,
                      lcp_outq_transmit(&core->outq, slot, core->now_ms), s->payload);
    lcp_heap_set(&core->timers, slot,
                 core->now_ms + wait_ms(&core->config, s->tries, is_probe));
}

void
lcp_window_step(struct lcp_core *core, uint32_t slot)
{
    const struct lcp_slot *s = &core->outq.slots[slot];
    bool is_probe = lcp_core_row(core, s->peer)->probe == slot;

    if (s->tries >= (is_probe ? 1 : core->config.retries_max))
        give_up(core, slot);
    else
        transmit(core, slot);
}

void
lcp_window_hurry(struct lcp_core *core, uint32_t peer)
{
    const struct lcp_list *slots = &core->outq.of_peer[peer];

    for (uint32_t slot = slots->head; slot != LCP_NONE;
         slot = core->outq.peer_links[slot].next) {
        if (core->outq.slots[slot].state != LCP_SLOT_WINDOW)
            continue;
        core->outq.slots[slot].tries = 0;
        lcp_heap_set(&core->timers, slot, core->now_ms);
    }
}

/* Refills: the caller's queue is asked for rows after the cursor as places get free. */

static bool
wants_refill(const struct lcp_core *core, const struct lcp_peer *p)
{
    return p->is_used && p->has_more && !p->is_refilling && !p->is_away &&
           p->retry_due_ms == LCP_NEVER && places(core, p) > 0;
}

void
lcp_window_want(struct lcp_core *core, uint32_t peer)
{
    if (wants_refill(core, lcp_core_row(core, peer)) &&
        !lcp_is_listed(core->wanting_links, peer))
        lcp_list_push(&core->wanting, core->wanting_links, peer);
}

bool
lcp_window_can_refill(const struct lcp_core *core)
{
    /* The first row of a refill always fits, however large it is. */
    return core->wanting.count > 0 && has_room(core, LCP_PAYLOAD_MAX);
}

static void
refill(struct lcp_core *core, uint32_t peer, uint64_t after, uint32_t count)
{
    const struct lcp_core_limits *limits = &core->config.limits;
    struct lcp_peer *p = lcp_core_row(core, peer);
    struct lcp_output *out = lcp_core_stage(core, LCP_OUT_REFILL, peer);

    out->after = after;
    out->count = (uint32_t)least(count, limits->inflight_max - core->taken);
    /* Not all that is free, or peers could only refill one after the other. */
    out->bytes_max = least((size_t)out->count * LCP_PAYLOAD_MAX,
                           limits->inflight_bytes_max - core->taken_bytes);
    p->is_refilling = true;
    p->is_told_more = p->is_restarted = false;
    p->offered = 0;
    p->promised = out->count;
    p->promised_bytes = out->bytes_max;
    take(core, p->promised, p->promised_bytes);
}

bool
lcp_window_refill_step(struct lcp_core *core)
{
    while (lcp_window_can_refill(core)) {
        uint32_t peer = lcp_list_pop(&core->wanting, core->wanting_links);
        const struct lcp_peer *p = lcp_core_row(core, peer);

        if (wants_refill(core, p)) {
            refill(core, peer, p->cursor, places(core, p));
            return true;
        }
    }
    return false;
}

bool
lcp_window_probe(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (p->is_refilling || p->probe != LCP_NONE || places(core, p) == 0 ||
        !has_room(core, LCP_PAYLOAD_MAX))
        return false;
    /* What the refill finds says anew whether anything waits. */
    p->has_more = p->has_parked = false;
    refill(core, peer, 0, 1);
    return true;
}

void
lcp_window_unprobe(struct lcp_core *core, uint32_t peer)
{
    lcp_core_row(core, peer)->probe = LCP_NONE;
}

/* The number to begin after, at the start of a round. */
static uint64_t
first_cursor(const struct lcp_core *core, uint32_t peer)
{
    const struct lcp_peer *p = &core->peers.rows[peer];
    uint32_t slot = core->outq.of_peer[peer].head;

    if (lcp_bug(LCP_BUG_FORGOTTEN_AFTER_FIVE))
        return p->cursor;
    if (lcp_bug(LCP_BUG_REFILL_SKIPS) && slot != LCP_NONE)
        return core->outq.slots[slot].number;
    return 0;
}

void
lcp_window_restart(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->cursor = first_cursor(core, peer);
    p->has_more = true;
    p->has_parked = false;
    p->is_restarted = p->is_refilling;
    lcp_window_want(core, peer);
}

/* Takes back what the refill did not use. False: the peer was deleted meanwhile, or
 * none was out. */
static bool
end_refill(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = peer < core->peers.cap ? lcp_core_row(core, peer) : NULL;

    if (p == NULL || !p->is_refilling)
        return false;
    p->is_refilling = false;
    give(core, p->promised, p->promised_bytes);
    p->promised = 0;
    p->promised_bytes = 0;
    lcp_peers_release(&core->peers, peer);
    return p->is_used;
}

void
lcp_core_refilled(struct lcp_core *core, uint64_t now_ms, uint32_t peer,
                  uint64_t through, bool more)
{
    struct lcp_peer *p;

    lcp_core_enter(core, now_ms);
    if (!end_refill(core, peer))
        return;
    p = lcp_core_row(core, peer);
    if (p->is_away) {
        p->has_parked = p->has_parked || more || p->offered > 0 || p->is_told_more;
        lcp_live_round(core, peer);
    } else if (!p->is_restarted) {
        p->cursor = through > p->cursor ? through : p->cursor;
        p->has_more = more || p->is_told_more;
    }
    lcp_window_want(core, peer);
}

void
lcp_core_refill_failed(struct lcp_core *core, uint64_t now_ms, uint32_t peer)
{
    struct lcp_peer *p;

    lcp_core_enter(core, now_ms);
    if (!end_refill(core, peer))
        return;
    p = lcp_core_row(core, peer);
    p->has_more = true;
    p->retry_due_ms = core->now_ms + RETRY_REFILL_MS;
    lcp_live_rearm(core, peer);
    lcp_live_round(core, peer);
}

void
lcp_core_again(struct lcp_core *core, uint64_t now_ms, uint32_t peer)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);

    lcp_core_enter(core, now_ms);
    if (p == NULL)
        return;
    p->retry_due_ms = core->now_ms + RETRY_REFILL_MS;
    lcp_window_restart(core, peer);
    lcp_live_rearm(core, peer);
    lcp_live_round(core, peer);
}

void
lcp_core_queued(struct lcp_core *core, uint64_t now_ms, uint32_t peer)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);

    lcp_core_enter(core, now_ms);
    if (p == NULL)
        return;
    p->has_more = true;
    p->is_told_more = p->is_refilling;
    lcp_live_round(core, peer);
    lcp_window_want(core, peer);
}
