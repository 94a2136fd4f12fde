/* SPDX-License-Identifier: MIT
 *
 * bucket.c: what it lets through and what it costs at most.
 */
#include "core/bucket.h"

#include "check.h"

static void
a_full_bucket_gives_its_burst_and_then_its_rate(void)
{
    struct lcp_bucket b;
    unsigned taken = 0;

    lcp_bucket_init(&b, 10, 5, 1000);
    while (lcp_bucket_has(&b, 1000, 1)) {
        lcp_bucket_charge(&b, 1);
        taken++;
    }
    CHECK(taken == 10);
    CHECK(!lcp_bucket_has(&b, 1199, 1)); /* 5 a second: one in 200 ms */
    CHECK(lcp_bucket_has(&b, 1200, 1));
    CHECK(!lcp_bucket_has(&b, 1200, 2));
    for (uint64_t t = 1200; t < 11200; t++)
        if (lcp_bucket_has(&b, t, 1)) {
            lcp_bucket_charge(&b, 1);
            taken++;
        }
    CHECK(taken == 60);
}

static void
a_bucket_never_holds_more_than_its_burst(void)
{
    struct lcp_bucket b;

    lcp_bucket_init(&b, 10, 5, 0);
    lcp_bucket_refund(&b, 100);
    CHECK(lcp_bucket_has(&b, UINT64_MAX / 2, 10));
    CHECK(!lcp_bucket_has(&b, UINT64_MAX / 2, 11));
    lcp_bucket_charge(&b, 1000);
    CHECK(lcp_bucket_has(&b, UINT64_MAX / 2, 0));
    CHECK(!lcp_bucket_has(&b, UINT64_MAX / 2, 1));
    lcp_bucket_refund(&b, 3);
    CHECK(lcp_bucket_has(&b, UINT64_MAX / 2, 3));
    CHECK(!lcp_bucket_has(&b, UINT64_MAX / 2, 4));
}

/* The window of the largest messages an honest peer may have here must fit its burst.
 */
static void
costs_grow_with_the_bytes_and_fit_the_burst(void)
{
    CHECK(lcp_bucket_cost(0) == 1);
    CHECK(lcp_bucket_cost(LCP_BUCKET_TOKEN_BYTES - 1) == 1);
    CHECK(lcp_bucket_cost(LCP_BUCKET_TOKEN_BYTES) == 2);
    CHECK(lcp_bucket_cost(LCP_PAYLOAD_MAX) == LCP_BUCKET_COST_MAX);
    CHECK(64 * LCP_BUCKET_COST_MAX <= LCP_BUCKET_PEER_BURST);
    CHECK(256 * LCP_BUCKET_COST_MAX <= LCP_BUCKET_ALL_BURST);
    /* 175 us a token at worst: under half a core. */
    CHECK((LCP_BUCKET_ALL_PER_S + LCP_BUCKET_AGAIN_ALL_PER_S +
           LCP_BUCKET_COOKIE_ALL_PER_S) *
              175 <=
          500000);
}

int
main(void)
{
    a_full_bucket_gives_its_burst_and_then_its_rate();
    a_bucket_never_holds_more_than_its_burst();
    costs_grow_with_the_bytes_and_fit_the_burst();
    return check_end("bucket");
}
