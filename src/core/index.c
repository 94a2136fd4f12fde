/* SPDX-License-Identifier: MIT
 *
 * Chained hash index over a fixed table.
 */
#include "core/index.h"

#include <assert.h>

void
lcp_index_lay(struct lcp_index *index, struct lcp_arena *arena, uint32_t items)
{
    uint32_t heads = 1;

    while (heads < items && heads < UINT32_C(1) << 31)
        heads *= 2;
    index->mask = heads - 1;
    index->heads = lcp_arena_take(arena, heads, sizeof(*index->heads));
    index->next = lcp_arena_take(arena, items, sizeof(*index->next));
}

void
lcp_index_init(struct lcp_index *index)
{
    for (uint32_t i = 0; i <= index->mask; i++)
        index->heads[i] = LCP_NONE;
}

void
lcp_index_put(struct lcp_index *index, uint32_t hash, uint32_t item)
{
    uint32_t *head = &index->heads[hash & index->mask];

    index->next[item] = *head;
    *head = item;
}

void
lcp_index_del(struct lcp_index *index, uint32_t hash, uint32_t item)
{
    uint32_t *at = &index->heads[hash & index->mask];

    while (*at != item) {
        assert(*at != LCP_NONE);
        at = &index->next[*at];
    }
    *at = index->next[item];
}

uint32_t
lcp_hash(uint64_t key, const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    uint64_t h = key ^ len;

    for (size_t i = 0; i < len; i++)
        h = (h ^ b[i]) * UINT64_C(0x100000001b3);
    /* Spread the high bits down: the chains are picked by the low ones. */
    h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32);
}
