/* SPDX-License-Identifier: MIT
 *
 * Who lives in a big home: names, addresses and keys of any number of peers, all made
 * from their index, so that the program that writes the home and the one that plays its
 * active peers agree without a word.
 */
#ifndef LCP_SCALE_PEOPLE_H
#define LCP_SCALE_PEOPLE_H

#include <stdio.h>

#include "base/crypto.h"

enum {
    SCALE_PEERS_MAX = 10000,
    SCALE_A_ROW = 250,            /* peers in one 127.net.row.0/24 */
    SCALE_NODE = SCALE_PEERS_MAX, /* the index of the node itself */
    SCALE_ADDRESS_MAX = 32,
};

/* 127.net.row.column, all on the default port. */
static inline void
scale_address(unsigned net, unsigned index, char out[static SCALE_ADDRESS_MAX])
{
    snprintf(out, SCALE_ADDRESS_MAX, "127.%u.%u.%u", net & 255,
             index / SCALE_A_ROW & 255, 1 + index % SCALE_A_ROW);
}

static inline void
scale_name(unsigned index, char out[static LCP_NAME_MAX + 1])
{
    snprintf(out, LCP_NAME_MAX + 1, index == SCALE_NODE ? "Big" : "p%05u", index);
}

/* Keys for tests alone: anybody can compute them. */
static inline void
scale_identity(unsigned index, struct lcp_identity *out)
{
    uint8_t seed[LCP_SEED_BYTES];
    char text[64];
    int len = snprintf(text, sizeof(text), "peer %u of a big home", index);

    lcp_digest(lcp_span(text, (size_t)len), seed);
    lcp_digest(lcp_span(seed, LCP_DIGEST_BYTES), seed + LCP_DIGEST_BYTES);
    lcp_identity_from_seed(seed, out);
}

#endif
