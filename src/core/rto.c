/* SPDX-License-Identifier: MIT
 *
 * RFC 6298, section 2, in whole numbers.
 */
#include "core/rto.h"

/* No wait is longer. What took longer was a stall, and would be felt for long. */
enum { SAMPLE_MAX_MS = 3000 };

void
lcp_rto_note(struct lcp_rto *rto, uint64_t rtt_ms)
{
    uint32_t sample = rtt_ms == 0              ? 1
                      : rtt_ms < SAMPLE_MAX_MS ? (uint32_t)rtt_ms
                                               : SAMPLE_MAX_MS;
    uint32_t srtt = lcp_rto_rtt_ms(rto), off;

    if (rto->srtt_8th == 0) {
        rto->srtt_8th = 8 * sample;
        rto->rttvar_4th = 2 * sample; /* half the sample */
        return;
    }
    off = sample > srtt ? sample - srtt : srtt - sample;
    /* rttvar = 3/4 rttvar + 1/4 off, in quarters; then srtt = 7/8 srtt + 1/8 sample */
    rto->rttvar_4th += off - (rto->rttvar_4th + 2) / 4;
    rto->srtt_8th += sample - (rto->srtt_8th + 4) / 8;
}

uint32_t
lcp_rto_rtt_ms(const struct lcp_rto *rto)
{
    return (rto->srtt_8th + 4) / 8;
}

uint32_t
lcp_rto_wait_ms(const struct lcp_rto *rto, uint32_t min_ms, uint32_t max_ms,
                uint32_t otherwise)
{
    /* Four times the variation, at least a tick of the clock. */
    uint32_t spread = rto->rttvar_4th == 0 ? 1 : rto->rttvar_4th;
    uint32_t wait = rto->srtt_8th == 0 ? otherwise : lcp_rto_rtt_ms(rto) + spread;

    if (wait < min_ms)
        wait = min_ms;
    return wait > max_ms ? max_ms : wait;
}
