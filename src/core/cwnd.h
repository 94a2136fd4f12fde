/* SPDX-License-Identifier: MIT
 *
 * How many messages may be outstanding to one peer: grows by one for each window that
 * was answered, halves when answers stay away. RFC 8085, section 3.1.
 */
#ifndef LCP_CORE_CWND_H
#define LCP_CORE_CWND_H

#include "lcp/types.h"

enum {
    LCP_CWND_START = 8, /* as LCP/1.1 */
    /* With fewer, one message that is lost five times holds up all behind it. Each
     * message's own waits double, so also these few send ever less. */
    LCP_CWND_LEAST = 4,
    LCP_CWND_WAKE = 4, /* to a peer that was away: many may come back at once */
};

struct lcp_cwnd {
    uint32_t size;
    uint32_t answered; /* since it last grew */
    uint64_t halved_ms;
    bool was_halved;
};

void lcp_cwnd_init(struct lcp_cwnd *cwnd, uint32_t size);
/* One was answered while `outstanding` (itself too) were out. A window that is not used
 * proves nothing and does not grow. */
void lcp_cwnd_answered(struct lcp_cwnd *cwnd, uint32_t outstanding, uint32_t max);
/* One was not answered in time. Halves at most once in rto_ms. */
void lcp_cwnd_timeout(struct lcp_cwnd *cwnd, uint64_t now_ms, uint32_t rto_ms);

#endif
