/* SPDX-License-Identifier: MIT
 *
 * A token bucket that honest work gives its tokens back to. It limits what unproven
 * packets may cost us: docs/protocol.md "Rules", 2.
 */
#ifndef LCP_CORE_BUCKET_H
#define LCP_CORE_BUCKET_H

#include "lcp/types.h"

/* A token pays for one Ed25519 verification of a small message (57 us) and for 16 KiB
 * of parsing, printing and hashing, together never more than about 175 us. A largest
 * message costs 4. */
enum {
    LCP_BUCKET_TOKEN_BYTES = 16384,
    LCP_BUCKET_COST_MAX = 1 + LCP_PAYLOAD_MAX / LCP_BUCKET_TOKEN_BYTES,
    /* 64 admissions of the largest messages can run for one peer, and an honest one
     * gets all its tokens back. Failures go on at 100/s: a spoofer cannot fill the log
     * of counters faster. */
    LCP_BUCKET_PEER_BURST = 64 * LCP_BUCKET_COST_MAX,
    LCP_BUCKET_PEER_PER_S = 100,
    /* With the two below 2,700 x 175 us = 0.48 of a core at worst, 0.16 with small
     * packets: under half in any case. The burst lets 256 of the largest run, all peers
     * together, twice over. */
    LCP_BUCKET_ALL_BURST = 2048,
    LCP_BUCKET_ALL_PER_S = 2000,
    /* For what the first bucket turned away and came again: new junk never does. */
    LCP_BUCKET_AGAIN_PEER_BURST = LCP_BUCKET_PEER_BURST / 4,
    LCP_BUCKET_AGAIN_PEER_PER_S = LCP_BUCKET_PEER_PER_S / 4,
    LCP_BUCKET_AGAIN_ALL_BURST = LCP_BUCKET_ALL_BURST / 4,
    LCP_BUCKET_AGAIN_ALL_PER_S = 450,
    /* For hellos and receipts that carry a random number of ours: only who sees our
     * packets can make them. A window of receipts fits twice. */
    LCP_BUCKET_COOKIE_PEER_BURST = 128,
    LCP_BUCKET_COOKIE_PEER_PER_S = 50,
    LCP_BUCKET_COOKIE_ALL_BURST = 2048,
    LCP_BUCKET_COOKIE_ALL_PER_S = 250,
};

struct lcp_bucket {
    uint64_t millitokens;
    uint64_t at_ms; /* up to when it was filled */
    uint32_t burst, per_s;
};

void lcp_bucket_init(struct lcp_bucket *bucket, uint32_t burst, uint32_t per_s,
                     uint64_t now_ms);
/* Tokens that a payload of this length is worth. */
uint32_t lcp_bucket_cost(size_t len);
/* Fills up to now; true if it holds `tokens`. */
bool lcp_bucket_has(struct lcp_bucket *bucket, uint64_t now_ms, uint32_t tokens);
/* Takes what is there, at most `tokens`. */
void lcp_bucket_charge(struct lcp_bucket *bucket, uint32_t tokens);
/* Never above the burst. */
void lcp_bucket_refund(struct lcp_bucket *bucket, uint32_t tokens);

/* The buckets of one peer, or of all together. */
enum lcp_purse { LCP_PURSE_FIRST, LCP_PURSE_AGAIN, LCP_PURSE_COOKIE, LCP_PURSES };

struct lcp_purses {
    struct lcp_bucket of[LCP_PURSES];
};

void lcp_purses_init_peer(struct lcp_purses *purses, uint64_t now_ms);
void lcp_purses_init_all(struct lcp_purses *purses, uint64_t now_ms);
/* True if both hold `tokens`. */
bool lcp_purses_have(struct lcp_purses *peer, struct lcp_purses *all,
                     enum lcp_purse purse, uint64_t now_ms, uint32_t tokens);

#endif
