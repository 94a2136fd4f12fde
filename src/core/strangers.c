/* SPDX-License-Identifier: MIT
 *
 * The list of unknown endpoints.
 */
#include "core/strangers.h"

#include "base/text.h"

static size_t
row_for(const struct lcp_strangers *strangers, const struct lcp_endpoint *from)
{
    size_t oldest = 0;

    for (size_t i = 0; i < strangers->count; i++) {
        if (lcp_endpoint_eq(&strangers->rows[i].endpoint, from))
            return i;
        if (strangers->rows[i].last_ms < strangers->rows[oldest].last_ms)
            oldest = i;
    }
    return strangers->count < LCP_STRANGERS_MAX ? strangers->count : oldest;
}

void
lcp_strangers_note(struct lcp_strangers *strangers, uint64_t now_ms,
                   const struct lcp_endpoint *from)
{
    size_t at = row_for(strangers, from);

    if (at == strangers->count)
        strangers->count++;
    if (!lcp_endpoint_eq(&strangers->rows[at].endpoint, from)) {
        strangers->rows[at].endpoint = *from;
        strangers->rows[at].packets = 0;
    }
    strangers->rows[at].packets++;
    strangers->rows[at].last_ms = now_ms;
}

size_t
lcp_strangers_list(const struct lcp_strangers *strangers, uint64_t now_ms,
                   struct lcp_stranger *out, size_t cap)
{
    size_t count = strangers->count < cap ? strangers->count : cap;

    for (size_t i = 0; i < count; i++)
        out[i] = (struct lcp_stranger){
            .endpoint = strangers->rows[i].endpoint,
            .packets = strangers->rows[i].packets,
            .age_ms = now_ms - strangers->rows[i].last_ms,
        };
    return count;
}
