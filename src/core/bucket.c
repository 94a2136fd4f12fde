/* SPDX-License-Identifier: MIT
 *
 * Token buckets, counted in thousandths so that a millisecond is worth whole units.
 */
#include "core/bucket.h"

enum { MILLI = 1000 };

void
lcp_bucket_init(struct lcp_bucket *bucket, uint32_t burst, uint32_t per_s,
                uint64_t now_ms)
{
    *bucket = (struct lcp_bucket){
        .millitokens = (uint64_t)burst * MILLI,
        .at_ms = now_ms,
        .burst = burst,
        .per_s = per_s,
    };
}

uint32_t
lcp_bucket_cost(size_t len)
{
    return 1 + (uint32_t)(len / LCP_BUCKET_TOKEN_BYTES);
}

static void
add(struct lcp_bucket *bucket, uint64_t millitokens)
{
    uint64_t full = (uint64_t)bucket->burst * MILLI;
    uint64_t room = full - bucket->millitokens;

    bucket->millitokens += millitokens < room ? millitokens : room;
}

bool
lcp_bucket_has(struct lcp_bucket *bucket, uint64_t now_ms, uint32_t tokens)
{
    /* per_s tokens a second are per_s thousandths a millisecond. An hour fills
     * any bucket. */
    uint64_t passed = now_ms - bucket->at_ms;

    add(bucket, (passed < 3600000 ? passed : 3600000) * bucket->per_s);
    bucket->at_ms = now_ms;
    return bucket->millitokens >= (uint64_t)tokens * MILLI;
}

void
lcp_bucket_charge(struct lcp_bucket *bucket, uint32_t tokens)
{
    uint64_t cost = (uint64_t)tokens * MILLI;

    bucket->millitokens -= cost < bucket->millitokens ? cost : bucket->millitokens;
}

void
lcp_bucket_refund(struct lcp_bucket *bucket, uint32_t tokens)
{
    add(bucket, (uint64_t)tokens * MILLI);
}

void
lcp_purses_init_peer(struct lcp_purses *purses, uint64_t now_ms)
{
    struct lcp_bucket *of = purses->of;

    lcp_bucket_init(&of[LCP_PURSE_FIRST], LCP_BUCKET_PEER_BURST, LCP_BUCKET_PEER_PER_S,
                    now_ms);
    lcp_bucket_init(&of[LCP_PURSE_AGAIN], LCP_BUCKET_AGAIN_PEER_BURST,
                    LCP_BUCKET_AGAIN_PEER_PER_S, now_ms);
    lcp_bucket_init(&of[LCP_PURSE_COOKIE], LCP_BUCKET_COOKIE_PEER_BURST,
                    LCP_BUCKET_COOKIE_PEER_PER_S, now_ms);
}

void
lcp_purses_init_all(struct lcp_purses *purses, uint64_t now_ms)
{
    struct lcp_bucket *of = purses->of;

    lcp_bucket_init(&of[LCP_PURSE_FIRST], LCP_BUCKET_ALL_BURST, LCP_BUCKET_ALL_PER_S,
                    now_ms);
    lcp_bucket_init(&of[LCP_PURSE_AGAIN], LCP_BUCKET_AGAIN_ALL_BURST,
                    LCP_BUCKET_AGAIN_ALL_PER_S, now_ms);
    lcp_bucket_init(&of[LCP_PURSE_COOKIE], LCP_BUCKET_COOKIE_ALL_BURST,
                    LCP_BUCKET_COOKIE_ALL_PER_S, now_ms);
}

bool
lcp_purses_have(struct lcp_purses *peer, struct lcp_purses *all, enum lcp_purse purse,
                uint64_t now_ms, uint32_t tokens)
{
    return lcp_bucket_has(&peer->of[purse], now_ms, tokens) &&
           lcp_bucket_has(&all->of[purse], now_ms, tokens);
}
