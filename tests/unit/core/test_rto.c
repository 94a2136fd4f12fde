/* SPDX-License-Identifier: MIT
 *
 * rto.c: waits from measured round trips, RFC 6298.
 */
#include "core/rto.h"

#include "check.h"

static uint32_t
wait_of(const struct lcp_rto *rto)
{
    return lcp_rto_wait_ms(rto, 200, 3000, 500);
}

static void
the_round_trip_is_smoothed(void)
{
    struct lcp_rto rto = {.srtt_8th = 0};

    CHECK(lcp_rto_rtt_ms(&rto) == 0);
    lcp_rto_note(&rto, 0); /* zero would mean unknown */
    CHECK(lcp_rto_rtt_ms(&rto) == 1);
    rto.srtt_8th = 0;
    lcp_rto_note(&rto, 100);
    CHECK(lcp_rto_rtt_ms(&rto) == 100);
    lcp_rto_note(&rto, 180); /* 7/8 x 100 + 1/8 x 180 */
    CHECK(lcp_rto_rtt_ms(&rto) == 110);
    for (int i = 0; i < 200; i++)
        lcp_rto_note(&rto, 20);
    CHECK(lcp_rto_rtt_ms(&rto) >= 20 && lcp_rto_rtt_ms(&rto) <= 21);
    lcp_rto_note(&rto, UINT64_MAX); /* a stall: bounded */
    CHECK(lcp_rto_rtt_ms(&rto) <= 400);
    for (int i = 0; i < 500; i++)
        lcp_rto_note(&rto, 1);
    CHECK(lcp_rto_rtt_ms(&rto) == 1);
}

static void
the_wait_is_the_round_trip_and_four_variations_within_its_bounds(void)
{
    static const struct {
        const char *label;
        uint64_t samples[4]; /* 0 ends */
        uint32_t want;
    } rows[] = {
        {"unknown", {0}, 500},
        {"one: three times it", {100, 0}, 300},
        {"two alike: 100 + 4 x 37.5", {100, 100, 0}, 250},
        {"one that differs: 110 + 4 x 57.5", {100, 180, 0}, 340},
        {"fast: the least", {1, 0}, 200},
        {"slow: the most", {2900, 0}, 3000},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_rto rto = {.srtt_8th = 0};

        for (size_t k = 0; rows[i].samples[k] != 0; k++)
            lcp_rto_note(&rto, rows[i].samples[k]);
        CHECK_ROW(rows[i].label, wait_of(&rto) == rows[i].want);
    }
}

static void
a_steady_path_comes_to_the_least_wait_and_a_stall_is_forgotten(void)
{
    struct lcp_rto rto = {.srtt_8th = 0};

    lcp_rto_note(&rto, 3600000);
    CHECK(wait_of(&rto) == 3000);
    for (int i = 0; i < 40; i++)
        lcp_rto_note(&rto, 10);
    CHECK(wait_of(&rto) == 200);
}

int
main(void)
{
    the_round_trip_is_smoothed();
    the_wait_is_the_round_trip_and_four_variations_within_its_bounds();
    a_steady_path_comes_to_the_least_wait_and_a_stall_is_forgotten();
    return check_end("rto");
}
