/* SPDX-License-Identifier: MIT
 *
 * What passed by lately: a fixed table of short fingerprints with coarse times, eight
 * to a set, the one noted longest ago making room. It tells a retransmission from new
 * junk without parsing either, and junk that was verified once from what was not. May
 * forget, and says "seen" wrongly about once in a million; nothing durable hangs on it.
 */
#ifndef LCP_CORE_AGAIN_H
#define LCP_CORE_AGAIN_H

#include "core/arena.h"

enum {
    LCP_AGAIN_WAYS = 8,
    LCP_AGAIN_UNITS = 256, /* of time, then it wraps */
};

struct lcp_again {
    uint32_t *cells; /* 24 bits of fingerprint, 8 bits of time; 0: empty */
    uint32_t sets, unit_ms;
    uint64_t key; /* so that nobody outside picks the set */
};

/* sets: a power of two. */
void lcp_again_lay(struct lcp_again *again, struct lcp_arena *arena, uint32_t sets);
void lcp_again_init(struct lcp_again *again, uint32_t unit_ms, uint64_t key);
/* Milliseconds since it was noted, rounded up to a unit; UINT64_MAX: not known. */
uint64_t lcp_again_age_ms(const struct lcp_again *again,
                          const uint8_t digest[static LCP_DIGEST_BYTES],
                          uint64_t now_ms);
/* Notes it, or notes it anew. */
void lcp_again_note(struct lcp_again *again,
                    const uint8_t digest[static LCP_DIGEST_BYTES], uint64_t now_ms);

#endif
