/* SPDX-License-Identifier: MIT
 *
 * Timers: a binary heap by due time that knows where each of its ids is, so that one is
 * moved or taken out in O(log n). Equal times come in the order they were set.
 */
#ifndef LCP_CORE_HEAP_H
#define LCP_CORE_HEAP_H

#include "core/arena.h"

struct lcp_timer {
    uint64_t due_ms;
    uint64_t order; /* of setting, breaks ties */
    uint32_t id;
};

struct lcp_heap {
    struct lcp_timer *items;
    uint32_t *place; /* by id: 1 + position in items, 0 when not set */
    uint32_t count, cap;
    uint64_t order;
};

void lcp_heap_lay(struct lcp_heap *heap, struct lcp_arena *arena, uint32_t ids);
void lcp_heap_init(struct lcp_heap *heap);
/* Sets or moves the timer of an id; LCP_NEVER (UINT64_MAX) takes it out. */
void lcp_heap_set(struct lcp_heap *heap, uint32_t id, uint64_t due_ms);
/* The earliest, or NULL. Valid until the next set. */
const struct lcp_timer *lcp_heap_top(const struct lcp_heap *heap);

#endif
