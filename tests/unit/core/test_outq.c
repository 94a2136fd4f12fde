/* SPDX-License-Identifier: MIT
 *
 * outq.c with what it stands on: heap.c, seqs.c, draw.c.
 */
#include "core/outq.h"

#include "core/heap.h"

#include "check.h"

enum { WINDOW = 3, PARKED = 2, PEERS = 2, TIMERS = 500 };

static struct lcp_outq q;
static struct lcp_seqs seqs;
static struct lcp_draw draw;
static void *memory;

static void
lay(struct lcp_arena *arena)
{
    /* One more than is parked at a time: the oldest goes after the newest came. */
    lcp_outq_lay(&q, arena, WINDOW + 1, PARKED, PEERS);
    lcp_seqs_lay(&seqs, arena, q.cap * LCP_OUTQ_REMEMBERED);
}

static void
open_queue(void)
{
    static const uint8_t seed[LCP_DRAW_SEED_BYTES] = {1};
    struct lcp_arena arena = {.base = NULL};

    lay(&arena);
    memory = malloc(arena.used);
    REQUIRE(memory != NULL);
    arena = (struct lcp_arena){.base = memory};
    lay(&arena);
    lcp_draw_init(&draw, seed);
    lcp_seqs_init(&seqs, &draw);
    lcp_outq_init(&q, &seqs);
}

static uint32_t
enter(uint32_t peer, uint64_t number)
{
    return lcp_outq_enter(&q, peer, number, lcp_span_str("payload"));
}

static void
a_message_is_found_by_its_number_while_in_window_or_parked(void)
{
    uint32_t a, b;

    open_queue();
    a = enter(0, 7);
    b = enter(1, UINT64_C(1) << 63 | 7);
    CHECK(lcp_outq_find(&q, 7) == a);
    CHECK(lcp_outq_find(&q, UINT64_C(1) << 63 | 7) == b);
    CHECK(lcp_outq_find(&q, 8) == LCP_NONE);
    lcp_outq_park(&q, a);
    CHECK(lcp_outq_find(&q, 7) == a);
    CHECK(q.slots[a].payload.data == NULL); /* no longer borrowed */
    CHECK(enter(0, 7) == a);                /* back, in its own slot */
    lcp_outq_free(&q, a);
    CHECK(lcp_outq_find(&q, 7) == LCP_NONE);
    free(memory);
}

static void
ten_transmissions_are_remembered_and_an_eleventh_pushes_out_the_first(void)
{
    uint32_t numbers[11], slot;

    open_queue();
    slot = enter(0, 7);
    for (uint32_t i = 0; i < 11; i++) {
        numbers[i] = lcp_outq_transmit(&q, slot, 100 + i);
        CHECK(lcp_outq_is_newest(&q, lcp_seqs_find(&seqs, numbers[i])));
    }
    CHECK(lcp_seqs_find(&seqs, numbers[0]) == LCP_NONE);
    for (uint32_t i = 1; i < 11; i++) {
        uint32_t item = lcp_seqs_find(&seqs, numbers[i]);

        REQUIRE(item != LCP_NONE);
        CHECK(lcp_outq_slot_of(&q, item) == slot);
        CHECK(seqs.items[item].at_ms == 100 + i);
    }
    lcp_outq_park(&q, slot);
    CHECK(lcp_seqs_find(&seqs, numbers[10]) != LCP_NONE);
    lcp_outq_free(&q, slot);
    for (uint32_t i = 0; i < 11; i++)
        CHECK(lcp_seqs_find(&seqs, numbers[i]) == LCP_NONE);
    free(memory);
}

static void
the_one_parked_longest_makes_room(void)
{
    open_queue();
    for (uint64_t n = 1; n <= 3; n++)
        lcp_outq_park(&q, enter(0, n));
    CHECK(lcp_outq_find(&q, 1) == LCP_NONE);
    CHECK(lcp_outq_find(&q, 2) != LCP_NONE && lcp_outq_find(&q, 3) != LCP_NONE);
    CHECK(q.of_peer[0].count == 2 && q.parked.count == 2);
    enter(0, 2); /* leaves the parked ones */
    lcp_outq_park(&q, enter(1, 4));
    CHECK(lcp_outq_find(&q, 3) != LCP_NONE && lcp_outq_find(&q, 4) != LCP_NONE);
    CHECK(q.of_peer[1].count == 1);
    free(memory);
}

/* 100,000 random sets, moves and removals against a plain array. */
static void
timers_come_by_time_and_then_in_the_order_they_were_set(void)
{
    static uint64_t due[TIMERS], order[TIMERS];
    struct lcp_arena arena = {.base = NULL};
    struct lcp_heap heap;

    lcp_heap_lay(&heap, &arena, TIMERS);
    arena = (struct lcp_arena){.base = malloc(arena.used)};
    REQUIRE(arena.base != NULL);
    lcp_heap_lay(&heap, &arena, TIMERS);
    lcp_heap_init(&heap);
    memset(due, 0xff, sizeof(due));
    for (uint64_t step = 0; step < 100000; step++) {
        uint32_t id = lcp_draw_u32(&draw) % TIMERS, first = 0;
        const struct lcp_timer *top;

        due[id] = lcp_draw_u32(&draw) % 3 ? lcp_draw_u32(&draw) % 50 : UINT64_MAX;
        order[id] = step;
        lcp_heap_set(&heap, id, due[id]);
        if (step % 100 != 0)
            continue;
        for (uint32_t i = 1; i < TIMERS; i++)
            if (due[i] < due[first] ||
                (due[i] == due[first] && order[i] < order[first]))
                first = i;
        top = lcp_heap_top(&heap);
        CHECK(top == NULL ? due[first] == UINT64_MAX
                          : top->id == first && top->due_ms == due[first]);
    }
    free(arena.base);
}

static void
drawn_numbers_are_uniform_and_repeat_with_the_seed(void)
{
    static const uint8_t seed[LCP_DRAW_SEED_BYTES] = {9};
    struct lcp_draw one, two;
    uint32_t ones[32] = {0};
    uint64_t low = UINT64_MAX, high = 0;

    lcp_draw_init(&one, seed);
    lcp_draw_init(&two, seed);
    for (int i = 0; i < 10000; i++) {
        uint32_t drawn = lcp_draw_u32(&one);

        CHECK(drawn == lcp_draw_u32(&two));
        for (int bit = 0; bit < 32; bit++)
            ones[bit] += drawn >> bit & 1;
    }
    for (int bit = 0; bit < 32; bit++)
        CHECK(ones[bit] > 4750 && ones[bit] < 5250);
    for (int i = 0; i < 10000; i++) {
        uint64_t ms = lcp_draw_spread(&one, 1000, 10);

        low = ms < low ? ms : low;
        high = ms > high ? ms : high;
    }
    CHECK(low >= 900 && low <= 905 && high >= 1095 && high <= 1100);
    CHECK(lcp_draw_spread(&one, 0, 10) == 0);
}

int
main(void)
{
    a_message_is_found_by_its_number_while_in_window_or_parked();
    ten_transmissions_are_remembered_and_an_eleventh_pushes_out_the_first();
    the_one_parked_longest_makes_room();
    timers_come_by_time_and_then_in_the_order_they_were_set();
    drawn_numbers_are_uniform_and_repeat_with_the_seed();
    return check_end("outq");
}
