/* SPDX-License-Identifier: MIT
 *
 * Outstanding sequence numbers. They are random already, so each is its own hash.
 */
#include "core/seqs.h"

void
lcp_seqs_lay(struct lcp_seqs *seqs, struct lcp_arena *arena, uint32_t items)
{
    seqs->count = items;
    seqs->items = lcp_arena_take(arena, items, sizeof(*seqs->items));
    lcp_index_lay(&seqs->index, arena, items);
}

void
lcp_seqs_init(struct lcp_seqs *seqs, struct lcp_draw *draw)
{
    memset(seqs->items, 0, seqs->count * sizeof(*seqs->items));
    lcp_index_init(&seqs->index);
    seqs->draw = draw;
}

uint32_t
lcp_seqs_find(const struct lcp_seqs *seqs, uint32_t seq)
{
    uint32_t i = lcp_index_first(&seqs->index, seq);

    while (i != LCP_NONE && seqs->items[i].seq != seq)
        i = lcp_index_next(&seqs->index, i);
    return i;
}

uint32_t
lcp_seqs_renew(struct lcp_seqs *seqs, uint32_t item, uint64_t now_ms)
{
    uint32_t seq = lcp_draw_u32(seqs->draw);

    while (lcp_seqs_find(seqs, seq) != LCP_NONE)
        seq = lcp_draw_u32(seqs->draw);
    lcp_seqs_clear(seqs, item);
    seqs->items[item] = (struct lcp_seq){.at_ms = now_ms, .seq = seq, .is_set = true};
    lcp_index_put(&seqs->index, seq, item);
    return seq;
}

void
lcp_seqs_clear(struct lcp_seqs *seqs, uint32_t item)
{
    struct lcp_seq *s = &seqs->items[item];

    if (!s->is_set)
        return;
    lcp_index_del(&seqs->index, s->seq, item);
    s->is_set = false;
}
