/* SPDX-License-Identifier: MIT
 *
 * Natural numbers of a fixed size, as much of them as float.c needs. Nothing is checked
 * against a peer here: the callers' bounds keep every result below LCP_BIG_LIMBS.
 */
#ifndef LCP_BASE_BIG_H
#define LCP_BASE_BIG_H

#include "lcp/types.h"

enum {
    /* 801 digits are 2,661 bits; 5^1125 shifted for a 64-bit quotient is 2,680. */
    LCP_BIG_LIMBS = 96,
};

struct lcp_big {
    uint32_t count;               /* limbs in use; the top one is not 0 */
    uint32_t limb[LCP_BIG_LIMBS]; /* least significant first */
};

void lcp_big_set(struct lcp_big *big, uint64_t value);
/* big = big * factor + add */
void lcp_big_mul_add(struct lcp_big *big, uint32_t factor, uint32_t add);
void lcp_big_mul64(struct lcp_big *big, uint64_t factor);
void lcp_big_mul_pow5(struct lcp_big *big, uint32_t exponent);
void lcp_big_shift_left(struct lcp_big *big, uint32_t bits);
uint32_t lcp_big_bits(const struct lcp_big *big);
/* floor(big / 2^bits), which must fit; *exact says that nothing was cut off. */
uint64_t lcp_big_shifted(const struct lcp_big *big, uint32_t bits, bool *exact);
/* floor(num / den), which must fit; *exact as above. Destroys both. */
uint64_t lcp_big_div(struct lcp_big *num, struct lcp_big *den, bool *exact);

#endif
