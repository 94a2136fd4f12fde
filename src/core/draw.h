/* SPDX-License-Identifier: MIT
 *
 * Random numbers a peer cannot foresee, from a seed of the caller's: the machine stays
 * pure, and a simulation repeats itself. BLAKE2b over seed and counter.
 */
#ifndef LCP_CORE_DRAW_H
#define LCP_CORE_DRAW_H

#include "lcp/types.h"

enum { LCP_DRAW_SEED_BYTES = 32 };

struct lcp_draw {
    uint8_t block[LCP_DRAW_SEED_BYTES + 8]; /* seed, then the counter, little-endian */
    uint8_t drawn[LCP_DIGEST_BYTES];
    uint32_t left; /* unused bytes at the end of drawn */
};

void lcp_draw_init(struct lcp_draw *draw,
                   const uint8_t seed[static LCP_DRAW_SEED_BYTES]);
/* Uniform over 32 bits. */
uint32_t lcp_draw_u32(struct lcp_draw *draw);
/* Between ms less and ms plus this many percent. */
uint64_t lcp_draw_spread(struct lcp_draw *draw, uint64_t ms, uint32_t percent);

#endif
