/* SPDX-License-Identifier: MIT
 *
 * Refills: the caller's queue is asked for rows after the cursor as places get free.
 * docs/protocol.md "Rules", 8.
 */
#include "core/machine.h"

#include "base/bugs.h"

/* Who says later at once and again would draw our largest messages as fast as the line
 * goes. */
enum { LATER_MIN_MS = 1000 };

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool
wants_refill(const struct lcp_core *core, const struct lcp_peer *p)
{
    return p->is_used && p->has_more && !p->is_refilling && !p->is_away &&
           p->retry_due_ms == LCP_NEVER && lcp_window_places(core, p) > 0;
}

static struct lcp_list *
list_of(struct lcp_core *core, const struct lcp_peer *p)
{
    return p->is_idle ? &core->wanting_idle : &core->wanting;
}

void
lcp_window_want(struct lcp_core *core, uint32_t peer)
{
    const struct lcp_peer *p = lcp_core_row(core, peer);

    if (wants_refill(core, p) && !lcp_is_listed(core->wanting_links, peer))
        lcp_list_push(list_of(core, p), core->wanting_links, peer);
}

void
lcp_window_unwant(struct lcp_core *core, uint32_t peer)
{
    if (lcp_is_listed(core->wanting_links, peer))
        lcp_list_remove(list_of(core, lcp_core_row(core, peer)), core->wanting_links,
                        peer);
}

/* The first row of a refill always fits, however large it is. */
static bool
has_room(const struct lcp_core *core, bool is_idle)
{
    return lcp_window_places_left(core, is_idle) > 0 &&
           lcp_window_bytes_left(core, is_idle) >= LCP_PAYLOAD_MAX;
}

bool
lcp_window_can_refill(const struct lcp_core *core)
{
    return (core->wanting.count > 0 && has_room(core, false)) ||
           (core->wanting_idle.count > 0 && has_room(core, true));
}

static void
refill(struct lcp_core *core, uint32_t peer, uint64_t after, uint32_t count)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    struct lcp_output *out = lcp_core_stage(core, LCP_OUT_REFILL, peer);

    out->after = after;
    out->count = (uint32_t)least(count, lcp_window_places_left(core, p->is_idle));
    /* Not all that is free, or peers could only refill one after the other. */
    out->bytes_max = least((size_t)out->count * LCP_PAYLOAD_MAX,
                           lcp_window_bytes_left(core, p->is_idle));
    p->is_refilling = true;
    p->is_told_more = p->is_restarted = false;
    p->offered = 0;
    p->promised = out->count;
    p->promised_bytes = out->bytes_max;
    lcp_window_take(core, p, p->promised, p->promised_bytes);
}

/* The next one that still wants. */
static bool
refill_from(struct lcp_core *core, struct lcp_list *list, bool is_idle)
{
    while (list->count > 0 && has_room(core, is_idle)) {
        uint32_t peer = lcp_list_pop(list, core->wanting_links);
        const struct lcp_peer *p = lcp_core_row(core, peer);

        if (wants_refill(core, p)) {
            refill(core, peer, p->cursor, lcp_window_places(core, p));
            return true;
        }
    }
    return false;
}

bool
lcp_window_refill_step(struct lcp_core *core)
{
    return refill_from(core, &core->wanting, false) ||
           refill_from(core, &core->wanting_idle, true);
}

bool
lcp_window_probe(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (p->is_refilling || p->probe != LCP_NONE || lcp_window_places(core, p) == 0 ||
        !has_room(core, p->is_idle))
        return false;
    /* What the refill finds says anew whether anything waits. */
    p->has_more = p->has_parked = false;
    refill(core, peer, 0, 1);
    return true;
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
    lcp_window_give(core, p, p->promised, p->promised_bytes);
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

/* Nothing is asked for before that; an earlier time does not replace a later one. */
static void
retry_at(struct lcp_core *core, uint32_t peer, uint64_t at_ms)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (p->retry_due_ms == LCP_NEVER || p->retry_due_ms < at_ms)
        p->retry_due_ms = at_ms;
    lcp_live_rearm(core, peer);
}

void
lcp_window_later(struct lcp_core *core, uint32_t peer, uint64_t retry_ms)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint64_t until = core->now_ms + (retry_ms < LATER_MIN_MS ? LATER_MIN_MS : retry_ms);

    if (until > p->later_ms)
        p->later_ms = until;
    lcp_window_restart(core, peer);
    retry_at(core, peer, p->later_ms);
}

void
lcp_core_refill_failed(struct lcp_core *core, uint64_t now_ms, uint32_t peer)
{
    lcp_core_enter(core, now_ms);
    if (!end_refill(core, peer))
        return;
    lcp_core_row(core, peer)->has_more = true;
    retry_at(core, peer, core->now_ms + LCP_RETRY_MS);
    lcp_live_round(core, peer);
}

void
lcp_core_again(struct lcp_core *core, uint64_t now_ms, uint32_t peer)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);

    lcp_core_enter(core, now_ms);
    if (p == NULL)
        return;
    retry_at(core, peer, core->now_ms + LCP_RETRY_MS);
    lcp_window_restart(core, peer);
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
