/* SPDX-License-Identifier: MIT
 *
 * Cuts the caller's one block of memory into the machine's tables. With base NULL it
 * only counts, so that the same laying out tells the size and takes the memory.
 */
#ifndef LCP_CORE_ARENA_H
#define LCP_CORE_ARENA_H

#include "lcp/types.h"

enum { LCP_ARENA_ALIGN = 16 };

struct lcp_arena {
    uint8_t *base;
    size_t used;
};

static inline void *
lcp_arena_take(struct lcp_arena *arena, size_t count, size_t bytes_each)
{
    void *at = arena->base == NULL ? NULL : arena->base + arena->used;
    size_t bytes = count * bytes_each;

    arena->used += (bytes + LCP_ARENA_ALIGN - 1) / LCP_ARENA_ALIGN * LCP_ARENA_ALIGN;
    return at;
}

#endif
