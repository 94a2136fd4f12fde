/* SPDX-License-Identifier: MIT
 *
 * The window's size.
 */
#include "core/cwnd.h"

void
lcp_cwnd_init(struct lcp_cwnd *cwnd, uint32_t size)
{
    *cwnd = (struct lcp_cwnd){.size = size};
}

void
lcp_cwnd_answered(struct lcp_cwnd *cwnd, uint32_t outstanding, uint32_t max)
{
    if (cwnd->size >= max || 2 * outstanding < cwnd->size)
        return;
    if (++cwnd->answered < cwnd->size)
        return;
    cwnd->size++;
    cwnd->answered = 0;
}

void
lcp_cwnd_timeout(struct lcp_cwnd *cwnd, uint64_t now_ms, uint32_t rto_ms)
{
    if (cwnd->was_halved && now_ms - cwnd->halved_ms < rto_ms)
        return;
    cwnd->size /= 2;
    if (cwnd->size < LCP_CWND_LEAST)
        cwnd->size = LCP_CWND_LEAST;
    cwnd->answered = 0;
    cwnd->halved_ms = now_ms;
    cwnd->was_halved = true;
}
