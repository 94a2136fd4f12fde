/* SPDX-License-Identifier: MIT
 *
 * Payloads that the machine borrows while their messages are in a window: number ->
 * bytes. Bounded by the machine's limits; owns the bytes.
 */
#ifndef LCP_NODE_FLIGHTS_H
#define LCP_NODE_FLIGHTS_H

#include "lcp/types.h"

/* Names of messages that are not in the record (the daemon's pings and pongs) have the
 * top bit set. */
#define LCP_EPHEMERAL (UINT64_C(1) << 63)

struct lcp_flight {
    uint64_t number; /* 0: free */
    uint8_t *raw;    /* malloc'ed, ours */
};

struct lcp_flights {
    struct lcp_flight *slots;
    uint32_t cap; /* a power of two */
    uint32_t count;
};

LCP_MUST_USE enum lcp_err lcp_flights_init(struct lcp_flights *f, uint32_t expected);
void lcp_flights_free(struct lcp_flights *f);
/* Takes raw over, also on failure. LCP_ENOMEM. */
LCP_MUST_USE enum lcp_err lcp_flights_put(struct lcp_flights *f, uint64_t number,
                                          uint8_t *raw);
bool lcp_flights_has(const struct lcp_flights *f, uint64_t number);
/* Frees the bytes; an unknown number is fine. */
void lcp_flights_del(struct lcp_flights *f, uint64_t number);

#endif
