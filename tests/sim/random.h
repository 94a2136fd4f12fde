/* SPDX-License-Identifier: MIT
 *
 * The simulator's only source of chance: SplitMix64 (Steele, Lea, Flood 2014). The same
 * numbers from every compiler; each node and each purpose has a stream of its own.
 */
#ifndef LCP_TESTS_SIM_RANDOM_H
#define LCP_TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_random {
    uint64_t state;
};

static inline uint64_t
sim_random_next(struct sim_random *r)
{
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Uniform enough for tests in [low, high]. */
static inline uint64_t
sim_random_in(struct sim_random *r, uint64_t low, uint64_t high)
{
    return low + sim_random_next(r) % (high - low + 1);
}

static inline bool
sim_random_chance(struct sim_random *r, unsigned per_mille)
{
    return per_mille > 0 && sim_random_in(r, 0, 999) < per_mille;
}

static inline struct sim_random
sim_random_stream(uint64_t seed, uint64_t purpose)
{
    struct sim_random r = {seed * UINT64_C(0xD1342543DE82EF95) + purpose};

    r.state = sim_random_next(&r) ^ purpose;
    return r;
}

static inline void
sim_random_fill(struct sim_random *r, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(sim_random_next(r) >> 32);
}

#endif
