/* SPDX-License-Identifier: MIT
 *
 * A hash index over the items of a table: chains of item numbers. The table's owner
 * compares; the index only says where to look. Never grows: as many items as the table
 * holds.
 */
#ifndef LCP_CORE_INDEX_H
#define LCP_CORE_INDEX_H

#include "core/arena.h"
#include "core/list.h"

struct lcp_index {
    uint32_t *heads, *next;
    uint32_t mask;
};

void lcp_index_lay(struct lcp_index *index, struct lcp_arena *arena, uint32_t items);
void lcp_index_init(struct lcp_index *index);
void lcp_index_put(struct lcp_index *index, uint32_t hash, uint32_t item);
/* With the hash it was put under. */
void lcp_index_del(struct lcp_index *index, uint32_t hash, uint32_t item);

/* for (i = first(hash); i != LCP_NONE; i = next(i)) compare item i */
static inline uint32_t
lcp_index_first(const struct lcp_index *index, uint32_t hash)
{
    return index->heads[hash & index->mask];
}

static inline uint32_t
lcp_index_next(const struct lcp_index *index, uint32_t item)
{
    return index->next[item];
}

/* Keyed, so that who picks the bytes does not pick the chain. Not a digest. */
uint32_t lcp_hash(uint64_t key, const void *bytes, size_t len);

#endif
