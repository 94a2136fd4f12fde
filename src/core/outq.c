/* SPDX-License-Identifier: MIT
 *
 * Slots of messages on their way.
 */
#include "core/outq.h"

#include <assert.h>

void
lcp_outq_lay(struct lcp_outq *q, struct lcp_arena *arena, uint32_t window_max,
             uint32_t parked_max, uint32_t peers)
{
    q->cap = window_max + parked_max;
    q->parked_max = parked_max;
    q->peers = peers;
    q->slots = lcp_arena_take(arena, q->cap, sizeof(*q->slots));
    q->links = lcp_arena_take(arena, q->cap, sizeof(*q->links));
    q->peer_links = lcp_arena_take(arena, q->cap, sizeof(*q->peer_links));
    q->of_peer = lcp_arena_take(arena, peers, sizeof(*q->of_peer));
    lcp_index_lay(&q->by_number, arena, q->cap);
}

void
lcp_outq_init(struct lcp_outq *q, struct lcp_seqs *seqs)
{
    q->seqs = seqs;
    memset(q->slots, 0, q->cap * sizeof(*q->slots));
    lcp_links_init(q->links, q->cap);
    lcp_links_init(q->peer_links, q->cap);
    lcp_list_init(&q->free);
    lcp_list_init(&q->parked);
    for (uint32_t i = 0; i < q->peers; i++)
        lcp_list_init(&q->of_peer[i]);
    for (uint32_t i = 0; i < q->cap; i++)
        lcp_list_push(&q->free, q->links, i);
    lcp_index_init(&q->by_number);
}

/* Numbers are our own and count up: the low bits spread them well enough. */
static uint32_t
hash_of(uint64_t number)
{
    return (uint32_t)(number ^ number >> 32);
}

uint32_t
lcp_outq_find(const struct lcp_outq *q, uint64_t number)
{
    uint32_t i = lcp_index_first(&q->by_number, hash_of(number));

    while (i != LCP_NONE && q->slots[i].number != number)
        i = lcp_index_next(&q->by_number, i);
    return i;
}

static uint32_t
add(struct lcp_outq *q, uint32_t peer, uint64_t number)
{
    uint32_t i = lcp_list_pop(&q->free, q->links);

    assert(i != LCP_NONE && peer < q->peers);
    q->slots[i] = (struct lcp_slot){.number = number, .peer = peer};
    lcp_index_put(&q->by_number, hash_of(number), i);
    lcp_list_push(&q->of_peer[peer], q->peer_links, i);
    return i;
}

uint32_t
lcp_outq_enter(struct lcp_outq *q, uint32_t peer, uint64_t number,
               struct lcp_span payload)
{
    uint32_t i = lcp_outq_find(q, number);

    if (i == LCP_NONE)
        i = add(q, peer, number);
    else
        lcp_list_remove(&q->parked, q->links, i);
    assert(q->slots[i].peer == peer);
    q->slots[i].state = LCP_SLOT_WINDOW;
    q->slots[i].payload = payload;
    q->slots[i].tries = 0;
    q->slots[i].is_acked = false;
    q->slots[i].type = LCP_PACKET_DATA;
    return i;
}

void
lcp_outq_park(struct lcp_outq *q, uint32_t slot)
{
    struct lcp_slot *s = &q->slots[slot];

    assert(s->state == LCP_SLOT_WINDOW);
    s->state = LCP_SLOT_PARKED;
    s->payload = lcp_span(NULL, 0);
    lcp_list_push(&q->parked, q->links, slot);
    if (q->parked.count > q->parked_max)
        lcp_outq_free(q, q->parked.head);
}

void
lcp_outq_free(struct lcp_outq *q, uint32_t slot)
{
    struct lcp_slot *s = &q->slots[slot];

    assert(s->state != LCP_SLOT_FREE);
    if (s->state == LCP_SLOT_PARKED)
        lcp_list_remove(&q->parked, q->links, slot);
    for (uint32_t i = 0; i < LCP_OUTQ_REMEMBERED; i++)
        lcp_seqs_clear(q->seqs, slot * LCP_OUTQ_REMEMBERED + i);
    lcp_index_del(&q->by_number, hash_of(s->number), slot);
    lcp_list_remove(&q->of_peer[s->peer], q->peer_links, slot);
    s->state = LCP_SLOT_FREE;
    s->payload = lcp_span(NULL, 0);
    lcp_list_push(&q->free, q->links, slot);
}

uint32_t
lcp_outq_transmit(struct lcp_outq *q, uint32_t slot, uint64_t now_ms)
{
    struct lcp_slot *s = &q->slots[slot];

    assert(s->state == LCP_SLOT_WINDOW);
    if (s->tries++ == 0)
        s->since_ms = now_ms;
    s->was_sent = true;
    s->newest = (uint8_t)((s->newest + 1) % LCP_OUTQ_REMEMBERED);
    return lcp_seqs_renew(q->seqs, lcp_outq_newest_item(q, slot), now_ms);
}

uint32_t
lcp_outq_slot_of(const struct lcp_outq *q, uint32_t item)
{
    uint32_t slot = item / LCP_OUTQ_REMEMBERED;

    return slot < q->cap ? slot : LCP_NONE;
}

bool
lcp_outq_is_newest(const struct lcp_outq *q, uint32_t item)
{
    return item == lcp_outq_newest_item(q, item / LCP_OUTQ_REMEMBERED);
}

uint32_t
lcp_outq_newest_item(const struct lcp_outq *q, uint32_t slot)
{
    return slot * LCP_OUTQ_REMEMBERED + q->slots[slot].newest;
}
