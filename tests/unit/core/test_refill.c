/* SPDX-License-Identifier: MIT
 *
 * How the caller's queue becomes what is in flight: windows, limits, reservations,
 * refills.
 */
#include "rig.h"

static struct rig rig;

/* One peer with a pinned key, greeted and, if it answers, online. */
static void
with_peer(bool answers)
{
    rig_new(&rig);
    rig.answers[0] = answers;
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_run(&rig, 100);
    rig_hush(&rig);
}

/* The peer answers after 10 ms: 8 go, and each that is acknowledged makes room for one.
 */
static void
a_window_holds_eight_and_the_queue_drains_in_order(void)
{
    uint64_t next = 1;

    with_peer(true);
    for (int i = 0; i < 100; i++)
        rig_queue(&rig, 0);
    rig_poll(&rig);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 8);
    CHECK(rig_view(&rig, 0).inflight == 8);
    rig_run(&rig, 1000);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 100); /* each once */
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 100);
    for (size_t i = 0; i < rig.tx_count; i++)
        if (rig.tx[i].type == LCP_PACKET_DATA)
            CHECK(rig.tx[i].number == next++);
    CHECK(rig_view(&rig, 0).rtt_ms == RIG_RTT_MS);
    rig_free(&rig);
}

/* Eight it never acknowledges must not starve those behind them. */
static void
what_a_live_peer_does_not_take_does_not_stop_the_rest(void)
{
    size_t from;

    with_peer(true);
    for (int i = 0; i < 30; i++)
        rig.rows[rig_queue(&rig, 0) - 1].is_refused = i < 8;
    rig_run(&rig, 3000);
    CHECK(rig.kinds[LCP_OUT_SETTLED] ==
          0); /* they hold the window: no order is promised */
    rig_mail(&rig, 0, 1, "life", "");
    rig_admitted(&rig, rig.last[LCP_OUT_ADMIT].ticket, LCP_ADM_STORED);
    rig_run(&rig, 7000);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 8);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 22);
    CHECK(!rig_view(&rig, 0).is_away);
    from = rig.tx_count;
    rig_run(&rig, 18000); /* and they come up again */
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) >= 8);
    rig_free(&rig);
}

static void
full_limits_are_shared_in_turn(void)
{
    struct lcp_core_config config = rig_config(&rig);
    uint32_t least = UINT32_MAX, most = 0;

    config.limits.inflight_max = 4;
    rig_open(&rig, &config);
    for (uint32_t p = 0; p < RIG_PEERS; p++) {
        rig.answers[p] = true;
        REQUIRE(rig_put(&rig, p, true) == LCP_OK);
    }
    rig_run(&rig, 100);
    for (uint32_t p = 0; p < RIG_PEERS; p++)
        for (int i = 0; i < 60; i++)
            rig_queue(&rig, p);
    while (rig.kinds[LCP_OUT_SETTLED] < 120) {
        uint32_t inflight = 0;

        rig_run(&rig, 1);
        for (uint32_t p = 0; p < RIG_PEERS; p++)
            inflight += rig_view(&rig, p).inflight;
        CHECK(inflight <= 4);
        REQUIRE(rig.now_ms < 60000);
    }
    for (uint32_t p = 0; p < RIG_PEERS; p++) {
        uint32_t settled = (uint32_t)rig_view(&rig, p).settled;

        least = settled < least ? settled : least;
        most = settled > most ? settled : most;
    }
    CHECK(most - least <= 8);
    rig_run(&rig, 2000);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 240);
    rig_free(&rig);
}

static void
bytes_are_limited_too(void)
{
    struct lcp_core_config config = rig_config(&rig);
    static uint8_t big[LCP_PAYLOAD_MAX];

    config.limits.inflight_bytes_max = 2 * LCP_PAYLOAD_MAX;
    rig_open(&rig, &config);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_run(&rig, 100);
    CHECK(lcp_core_reserve(rig.core, rig.now_ms, 0, sizeof(big)));
    CHECK(lcp_core_reserve(rig.core, rig.now_ms, 0, sizeof(big)));
    CHECK(!lcp_core_reserve(rig.core, rig.now_ms, 0, 1));
    lcp_core_unreserve(rig.core, 0, sizeof(big));
    CHECK(lcp_core_reserve(rig.core, rig.now_ms, 0, 1));
    big[0] = 'n';
    CHECK(lcp_core_offer(rig.core, rig.now_ms, 0, 7, lcp_span(big, sizeof(big)),
                         true) == LCP_OK);
    CHECK(lcp_core_offer(rig.core, rig.now_ms, 0, 8, lcp_span(big, sizeof(big)),
                         false) == LCP_EFULL);
    rig_free(&rig);
}

static void
a_reservation_holds_its_place(void)
{
    with_peer(false);
    for (uint64_t i = 0; i < 8; i++)
        CHECK(lcp_core_reserve(rig.core, rig.now_ms, 0, 2));
    CHECK(!lcp_core_reserve(rig.core, rig.now_ms, 0, 2));
    CHECK(lcp_core_offer(rig.core, rig.now_ms, 0, 99, lcp_span_str("n99"), false) ==
          LCP_EFULL);
    CHECK(lcp_core_offer(rig.core, rig.now_ms, 0, 1, lcp_span_str("n1"), true) ==
          LCP_OK);
    CHECK(lcp_core_offer(rig.core, rig.now_ms, 0, 1, lcp_span_str("n1"), true) ==
          LCP_EEXIST);
    CHECK(lcp_core_is_inflight(rig.core, 1));
    CHECK(!lcp_core_is_inflight(rig.core, 2));
    lcp_core_unreserve(rig.core, 0, 2);
    CHECK(rig_view(&rig, 0).inflight == 1);
    CHECK(lcp_core_reserve(rig.core, rig.now_ms, 0,
                           2)); /* 1 in flight + 5 + this + one */
    CHECK(lcp_core_reserve(rig.core, rig.now_ms, 0, 2));
    CHECK(!lcp_core_reserve(rig.core, rig.now_ms, 0, 2));
    rig_free(&rig);
}

static void
a_reservation_must_not_overtake_a_queue(void)
{
    with_peer(true);
    rig.holds_refills = true;
    rig_queue(&rig, 0);
    CHECK(!lcp_core_reserve(rig.core, rig.now_ms, 0, 2)); /* a refill is to come */
    rig_poll(&rig);
    CHECK(!lcp_core_reserve(rig.core, rig.now_ms, 0, 2)); /* and runs */
    rig_refill(&rig, &rig.last[LCP_OUT_REFILL]);
    CHECK(lcp_core_reserve(rig.core, rig.now_ms, 0, 2));
    rig_free(&rig);
}

static void
there_is_no_reservation_at_a_peer_that_is_away(void)
{
    with_peer(false);
    rig_run(&rig, 119000);
    CHECK(lcp_core_reserve(rig.core, rig.now_ms, 0, 2));
    lcp_core_unreserve(rig.core, 0, 2);
    rig_run(&rig, 1000);
    CHECK(!lcp_core_reserve(rig.core, rig.now_ms, 0, 2));
    rig_free(&rig);
}

/* The refill was asked for while the peer seemed to be there. */
static void
one_probe_goes_even_if_a_refill_brings_more(void)
{
    with_peer(false);
    rig.holds_refills = true;
    for (int i = 0; i < 5; i++)
        rig_queue(&rig, 0);
    rig_poll(&rig);
    rig_run(&rig, 120000);
    REQUIRE(rig_view(&rig, 0).is_away);
    rig_refill(&rig, &rig.last[LCP_OUT_REFILL]);
    rig_run(&rig, 3000);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 1);
    rig.holds_refills = false;
    rig.answers[0] = true;
    rig_run(&rig, 33100); /* the next heartbeat */
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 5);
    rig_free(&rig);
}

static void
a_row_queued_while_a_refill_runs_is_not_missed(void)
{
    with_peer(true);
    rig.holds_refills = true;
    rig_queue(&rig, 0);
    rig_poll(&rig);
    rig.row_count = 0; /* the refill reads before the row is there */
    lcp_core_queued(rig.core, rig.now_ms, 0);
    rig_refill(&rig, &rig.last[LCP_OUT_REFILL]);
    rig.row_count = 1;
    rig.holds_refills = false;
    rig_run(&rig, 100);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 1);
    rig_free(&rig);
}

static void
a_refill_that_failed_is_asked_again_within_a_second(void)
{
    with_peer(true);
    rig.holds_refills = true;
    rig_queue(&rig, 0);
    rig_poll(&rig);
    lcp_core_refill_failed(rig.core, rig.now_ms, 0);
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_REFILL] ==
          2); /* the greeting's and this one: not yet a third */
    rig.holds_refills = false;
    rig_run(&rig, 1000);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 1);
    rig_free(&rig);
}

static void
a_sign_of_life_while_a_refill_runs_starts_the_queue_anew(void)
{
    with_peer(false);
    rig_queue(&rig, 0);
    rig_queue(&rig, 0);
    rig_run(&rig, 9500);
    rig.holds_refills = true;
    while (rig.kinds[LCP_OUT_REFILL] < 3) /* the probe's */
        rig_run(&rig, 1);
    rig_packet(&rig, 0, LCP_PACKET_ACK, rig.tx[0].seq, "");
    rig_poll(&rig);
    rig.holds_refills = false;
    rig.answers[0] = true;
    lcp_core_refilled(rig.core, rig.now_ms, 0, 2, false);
    rig_run(&rig, 100);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 2);
    rig_free(&rig);
}

/* The caller had no memory to take up a message or its acknowledgement. */
static void
a_row_that_was_passed_over_comes_again_within_a_second(void)
{
    rig_new(&rig);
    rig.answers[0] = true;
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_queue(&rig, 0);
    rig_run(&rig, 100);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 1);
    rig.rows[0].is_queued = true;
    lcp_core_again(rig.core, rig.now_ms, rig.index[0]);
    rig_run(&rig, 400);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 1);
    rig_run(&rig, 200);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 2);
    rig_free(&rig);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    a_window_holds_eight_and_the_queue_drains_in_order();
    what_a_live_peer_does_not_take_does_not_stop_the_rest();
    full_limits_are_shared_in_turn();
    bytes_are_limited_too();
    a_reservation_holds_its_place();
    a_reservation_must_not_overtake_a_queue();
    there_is_no_reservation_at_a_peer_that_is_away();
    one_probe_goes_even_if_a_refill_brings_more();
    a_row_queued_while_a_refill_runs_is_not_missed();
    a_refill_that_failed_is_asked_again_within_a_second();
    a_sign_of_life_while_a_refill_runs_starts_the_queue_anew();
    a_row_that_was_passed_over_comes_again_within_a_second();
    return check_end("refill");
}
