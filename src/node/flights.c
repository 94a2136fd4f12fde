/* SPDX-License-Identifier: MIT
 *
 * An open-addressed table with linear probing and backward-shift deletion.
 */
#include "node/flights.h"

#include <assert.h>
#include <stdlib.h>

static uint32_t
home_of(const struct lcp_flights *f, uint64_t number)
{
    return (uint32_t)((number * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (f->cap - 1);
}

enum lcp_err
lcp_flights_init(struct lcp_flights *f, uint32_t expected)
{
    uint32_t cap = 64;

    while (cap < expected * 2)
        cap *= 2;
    *f = (struct lcp_flights){.cap = cap};
    f->slots = calloc(cap, sizeof(f->slots[0]));
    return f->slots != NULL ? LCP_OK : LCP_ENOMEM;
}

void
lcp_flights_free(struct lcp_flights *f)
{
    for (uint32_t i = 0; f->slots != NULL && i < f->cap; i++)
        free(f->slots[i].raw);
    free(f->slots);
    f->slots = NULL;
}

static uint32_t
find(const struct lcp_flights *f, uint64_t number)
{
    uint32_t at = home_of(f, number);

    while (f->slots[at].number != 0 && f->slots[at].number != number)
        at = (at + 1) & (f->cap - 1);
    return at;
}

static enum lcp_err
grow(struct lcp_flights *f)
{
    struct lcp_flights bigger;

    if (lcp_flights_init(&bigger, f->cap) != LCP_OK)
        return LCP_ENOMEM;
    for (uint32_t i = 0; i < f->cap; i++) {
        if (f->slots[i].number != 0)
            bigger.slots[find(&bigger, f->slots[i].number)] = f->slots[i];
    }
    bigger.count = f->count;
    free(f->slots);
    *f = bigger;
    return LCP_OK;
}

enum lcp_err
lcp_flights_put(struct lcp_flights *f, uint64_t number, uint8_t *raw)
{
    uint32_t at;

    assert(number != 0);
    if ((f->count + 1) * 2 > f->cap && grow(f) != LCP_OK) {
        free(raw);
        return LCP_ENOMEM;
    }
    at = find(f, number);
    assert(f->slots[at].number == 0); /* nothing is borrowed twice */
    f->slots[at] = (struct lcp_flight){.number = number, .raw = raw};
    f->count++;
    return LCP_OK;
}

bool
lcp_flights_has(const struct lcp_flights *f, uint64_t number)
{
    return f->slots[find(f, number)].number != 0;
}

void
lcp_flights_del(struct lcp_flights *f, uint64_t number)
{
    uint32_t hole = find(f, number), at = hole;

    if (f->slots[hole].number == 0)
        return;
    free(f->slots[hole].raw);
    f->count--;
    for (;;) {
        uint32_t home;

        f->slots[hole] = (struct lcp_flight){0};
        do {
            at = (at + 1) & (f->cap - 1);
            if (f->slots[at].number == 0)
                return;
            home = home_of(f, f->slots[at].number);
        } while (((at - home) & (f->cap - 1)) < ((at - hole) & (f->cap - 1)));
        f->slots[hole] = f->slots[at];
        hole = at;
    }
}
