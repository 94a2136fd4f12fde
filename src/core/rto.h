/* SPDX-License-Identifier: MIT
 *
 * How long to wait for an answer, from the round trips measured: RFC 6298. Every
 * transmission has a number of its own, so every answer is a clean sample, also after
 * retransmissions.
 */
#ifndef LCP_CORE_RTO_H
#define LCP_CORE_RTO_H

#include "lcp/types.h"

struct lcp_rto {
    uint32_t srtt_8th;   /* smoothed, in eighths of a millisecond; 0: unknown */
    uint32_t rttvar_4th; /* variation, in quarters */
};

/* Zero counts as one millisecond: zero means unknown. */
void lcp_rto_note(struct lcp_rto *rto, uint64_t rtt_ms);
/* Smoothed, 0 when unknown. */
uint32_t lcp_rto_rtt_ms(const struct lcp_rto *rto);
/* Of a first try, within the bounds; `otherwise` when nothing is known. */
uint32_t lcp_rto_wait_ms(const struct lcp_rto *rto, uint32_t min_ms, uint32_t max_ms,
                         uint32_t otherwise);

#endif
