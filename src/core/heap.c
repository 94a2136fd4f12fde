/* SPDX-License-Identifier: MIT
 *
 * Indexed binary heap.
 */
#include "core/heap.h"

#include <assert.h>

void
lcp_heap_lay(struct lcp_heap *heap, struct lcp_arena *arena, uint32_t ids)
{
    heap->cap = ids;
    heap->items = lcp_arena_take(arena, ids, sizeof(*heap->items));
    heap->place = lcp_arena_take(arena, ids, sizeof(*heap->place));
}

void
lcp_heap_init(struct lcp_heap *heap)
{
    heap->count = 0;
    heap->order = 0;
    memset(heap->place, 0, heap->cap * sizeof(*heap->place));
}

static bool
is_before(const struct lcp_timer *a, const struct lcp_timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void
put_at(struct lcp_heap *heap, uint32_t at, struct lcp_timer timer)
{
    heap->items[at] = timer;
    heap->place[timer.id] = at + 1;
}

static void
sift_up(struct lcp_heap *heap, uint32_t at, struct lcp_timer timer)
{
    while (at > 0 && is_before(&timer, &heap->items[(at - 1) / 2])) {
        put_at(heap, at, heap->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put_at(heap, at, timer);
}

static void
sift_down(struct lcp_heap *heap, uint32_t at, struct lcp_timer timer)
{
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < heap->count &&
            is_before(&heap->items[child + 1], &heap->items[child]))
            child++;
        if (child >= heap->count || !is_before(&heap->items[child], &timer))
            break;
        put_at(heap, at, heap->items[child]);
        at = child;
    }
    put_at(heap, at, timer);
}

static void
settle(struct lcp_heap *heap, uint32_t at, struct lcp_timer timer)
{
    if (at > 0 && is_before(&timer, &heap->items[(at - 1) / 2]))
        sift_up(heap, at, timer);
    else
        sift_down(heap, at, timer);
}

static void
take_out(struct lcp_heap *heap, uint32_t id)
{
    uint32_t at = heap->place[id] - 1;
    struct lcp_timer last = heap->items[--heap->count];

    heap->place[id] = 0;
    if (last.id != id)
        settle(heap, at, last);
}

void
lcp_heap_set(struct lcp_heap *heap, uint32_t id, uint64_t due_ms)
{
    struct lcp_timer timer = {.due_ms = due_ms, .order = heap->order++, .id = id};

    assert(id < heap->cap);
    if (due_ms == UINT64_MAX) {
        if (heap->place[id] != 0)
            take_out(heap, id);
    } else if (heap->place[id] != 0) {
        settle(heap, heap->place[id] - 1, timer);
    } else {
        sift_up(heap, heap->count++, timer);
    }
}

const struct lcp_timer *
lcp_heap_top(const struct lcp_heap *heap)
{
    return heap->count == 0 ? NULL : &heap->items[0];
}
