/* SPDX-License-Identifier: MIT
 *
 * Who wrote without being a peer: the newest endpoints, for `lcp peer list --unknown`.
 * Anybody can fill this; it decides nothing.
 */
#ifndef LCP_CORE_STRANGERS_H
#define LCP_CORE_STRANGERS_H

#include "lcp/core.h"

enum { LCP_STRANGERS_MAX = 64 }; /* a screenful; few enough to search one by one */

struct lcp_strangers {
    struct {
        struct lcp_endpoint endpoint;
        uint64_t packets, last_ms;
    } rows[LCP_STRANGERS_MAX];
    size_t count;
};

/* Counts a packet; the one silent for longest makes room for a new one. */
void lcp_strangers_note(struct lcp_strangers *strangers, uint64_t now_ms,
                        const struct lcp_endpoint *from);
/* In no order. Returns how many were filled in. */
size_t lcp_strangers_list(const struct lcp_strangers *strangers, uint64_t now_ms,
                          struct lcp_stranger *out, size_t cap);

#endif
