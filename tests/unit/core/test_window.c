/* SPDX-License-Identifier: MIT
 *
 * Messages of ours on their way: tries, ACKs, parking, probes.
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

static void
a_message_is_tried_five_times_and_parked_at_9500(void)
{
    with_peer(false);
    rig_queue(&rig, 0);
    rig_run(&rig, 10000);
    rig_expect(&rig, "five tries",
               "  1100 p0 refill after 0 count 8\n"
               "  1100 p0 data 1\n"
               "  1600 p0 data 1\n"
               "  2600 p0 data 1\n"
               "  4600 p0 data 1\n"
               "  7600 p0 data 1\n"
               " 10600 p0 parked 1\n");
    CHECK(rig_counter(&rig, LCP_COUNT_RETRIES) == 4);
    CHECK(rig_view(&rig, 0).is_away);
    CHECK(rig_view(&rig, 0).inflight == 0);
    rig_free(&rig);
}

static void
a_peer_that_was_measured_is_tried_sooner(void)
{
    static const struct {
        const char *label;
        bool is_fixed;
        const char *want;
    } rows[] = {
        {"measured, 10 ms", false,
         "  1100 p0 refill after 0 count 8\n"
         "  1100 p0 data 1\n"
         "  1300 p0 data 1\n"
         "  1700 p0 data 1\n"
         "  2500 p0 data 1\n"
         "  4100 p0 data 1\n"
         "  7100 p0 parked 1\n"},
        {"as LCP/1.1", true,
         "  1100 p0 refill after 0 count 8\n"
         "  1100 p0 data 1\n"
         "  1600 p0 data 1\n"
         "  2600 p0 data 1\n"
         "  4600 p0 data 1\n"
         "  7600 p0 data 1\n"
         " 10600 p0 parked 1\n"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_core_config config = rig_config(&rig);

        config.is_timing_fixed = rows[i].is_fixed;
        rig_open(&rig, &config);
        rig.answers[0] = true;
        REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
        rig_run(&rig, 100);
        rig_hush(&rig);
        rig.answers[0] = false;
        CHECK_ROW(rows[i].label,
                  rig_view(&rig, 0).rto_ms == (rows[i].is_fixed ? 500 : 200));
        rig_queue(&rig, 0);
        rig_run(&rig, 10000);
        rig_expect(&rig, rows[i].label, rows[i].want);
        CHECK_ROW(rows[i].label, /* three waits of the first size had passed by then */
                  rig_view(&rig, 0).window == (rows[i].is_fixed ? 8 : 4));
        rig_free(&rig);
    }
}

/* To an LCP/1.2 peer it may grow beyond what LCP/1.1 has. */
static void
a_window_that_is_answered_grows_and_silence_halves_it(void)
{
    with_peer(true);
    for (int i = 0; i < 100; i++)
        rig_queue(&rig, 0);
    rig_run(&rig, 1000);
    CHECK(rig_view(&rig, 0).window == 8);
    lcp_core_set_version(rig.core, rig.now_ms, 0, LCP_VERSION_1_2);
    CHECK(rig_view(&rig, 0).window == 8);
    lcp_core_set_version(rig.core, rig.now_ms, 0, LCP_VERSION_1_1);
    rig.answers[0] = false;
    for (int i = 0; i < 8; i++)
        rig_queue(&rig, 0);
    rig_run(&rig, 199);
    CHECK(rig_view(&rig, 0).window == 8);
    rig_run(&rig, 1);
    CHECK(rig_view(&rig, 0).window == 4); /* once for all eight */
    rig_run(&rig, 400);
    CHECK(rig_view(&rig, 0).window == 4); /* never fewer */
    rig.answers[0] = true;
    rig_run(&rig, 1000);
    CHECK(rig_view(&rig, 0).window > 4);
    rig_free(&rig);
}

/* Many may come back at the same moment. */
static void
a_peer_that_was_away_begins_with_four(void)
{
    with_peer(true);
    rig.answers[0] = false;
    rig_run(&rig, 200000);
    CHECK(rig_view(&rig, 0).is_away && rig_view(&rig, 0).window == 8);
    rig_admitted(&rig, rig_mail(&rig, 0, 8, "life", ""), LCP_ADM_STORED);
    CHECK(!rig_view(&rig, 0).is_away && rig_view(&rig, 0).window == 4);
    rig_free(&rig);
}

/* What was a probe need not wait out its three seconds. */
static void
a_sign_of_life_sends_the_running_probe_again_at_once(void)
{
    size_t from;

    with_peer(false);
    rig_queue(&rig, 0);
    rig_run(&rig, 9500);
    from = rig.tx_count;
    while (rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 0)
        rig_run(&rig, 1);
    rig_run(&rig, 100);
    rig.answers[0] = true;
    rig_admitted(&rig, rig_mail(&rig, 0, 8, "life", ""), LCP_ADM_STORED);
    rig_run(&rig, RIG_RTT_MS);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 1);
    rig_free(&rig);
}

static void
numbers_are_fresh_for_every_transmission(void)
{
    with_peer(false);
    for (int i = 0; i < 8; i++)
        rig_queue(&rig, 0);
    rig_run(&rig, 9000);
    for (size_t i = 0; i < rig.tx_count; i++)
        for (size_t k = 0; k < i; k++)
            CHECK(rig.tx[i].seq != rig.tx[k].seq);
    CHECK(rig.tx_count == 41); /* 8 messages x 5, one heartbeat */
    rig_free(&rig);
}

static void
an_ack_of_any_transmission_settles_with_its_own_round_trip(void)
{
    static const struct {
        const char *label;
        uint64_t at_ms; /* when the ACK comes, after the first transmission */
        size_t try;     /* which it acknowledges */
        const char *want;
    } rows[] = {
        {"first, at once", 20, 0, "  1120 p0 settled 1 rtt 20\n"},
        {"first, while the third is out", 1700, 0, "  2800 p0 settled 1 rtt 1700\n"},
        {"second, while the third is out", 1700, 1, "  2800 p0 settled 1 rtt 1200\n"},
        {"third", 1700, 2, "  2800 p0 settled 1 rtt 200\n"},
        {"first, just before the end", 9499, 0, " 10599 p0 settled 1 rtt 9499\n"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        with_peer(false);
        rig_queue(&rig, 0);
        rig_run(&rig, rows[i].at_ms);
        rig_hush(&rig);
        rig_packet(&rig, 0, LCP_PACKET_ACK, rig.tx[1 + rows[i].try].seq, "");
        rig_poll(&rig);
        CHECK_ROW(rows[i].label,
                  strncmp(rig.trace, rows[i].want, strlen(rows[i].want)) == 0);
        CHECK_ROW(rows[i].label, rig.kinds[LCP_OUT_SETTLED] == 1);
        rig_run(&rig, 20000);
        CHECK_ROW(rows[i].label, rig.kinds[LCP_OUT_PARKED] == 0);
        for (size_t k = 0; k < rig.tx_count; k++) /* none of its numbers is left */
            if (rig.tx[k].type == LCP_PACKET_DATA)
                rig_packet(&rig, 0, LCP_PACKET_ACK, rig.tx[k].seq, "");
        rig_poll(&rig);
        CHECK_ROW(rows[i].label, rig.kinds[LCP_OUT_SETTLED] == 1);
        rig_free(&rig);
    }
}

static void
an_ack_counts_only_from_the_peer_it_was_sent_to(void)
{
    struct rig_tx tx;

    with_peer(false);
    REQUIRE(rig_put(&rig, 1, true) == LCP_OK);
    rig_queue(&rig, 0);
    rig_run(&rig, 100);
    tx = *rig_last_tx(&rig, 0, LCP_PACKET_DATA);
    rig_packet(&rig, 1, LCP_PACKET_ACK, tx.seq, "");     /* another peer */
    rig_packet(&rig, 2, LCP_PACKET_ACK, tx.seq, "");     /* a stranger */
    rig_packet(&rig, 0, LCP_PACKET_ACK, tx.seq + 1, ""); /* a guess */
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 0);
    CHECK(rig.kinds[LCP_OUT_ONLINE] == 0);
    CHECK(rig_counter(&rig, LCP_COUNT_ACK_UNMATCHED) == 2);
    CHECK(rig_counter(&rig, LCP_COUNT_STRANGER) == 1);
    rig_packet(&rig, 0, LCP_PACKET_ACK, tx.seq, "payload of an ACK is ignored");
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 1);
    CHECK(rig.kinds[LCP_OUT_ONLINE] == 1);
    rig_free(&rig);
}

static void
an_ack_after_parking_still_settles_and_wakes_the_peer(void)
{
    with_peer(false);
    rig_queue(&rig, 0);
    rig_queue(&rig, 0);
    rig_run(&rig, 9600);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 2);
    rig_hush(&rig);
    rig.answers[0] = true;
    rig_packet(&rig, 0, LCP_PACKET_ACK, rig.tx[1].seq, "");
    rig_run(&rig, 10);
    rig_expect(&rig, "late ACK",
               " 10700 p0 settled 1 rtt 9600\n"
               " 10700 p0 online\n"
               " 10700 p0 refill after 0 count 4\n"
               " 10700 p0 data 2\n"
               " 10710 p0 settled 2 rtt 10\n");
    rig_free(&rig);
}

static void
the_oldest_parked_one_is_forgotten_when_there_are_too_many(void)
{
    struct lcp_core_config config = rig_config(&rig);
    uint32_t first, last;

    config.limits.parked_max = 3;
    rig_open(&rig, &config);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    for (int i = 0; i < 4; i++)
        rig_queue(&rig, 0);
    rig_run(&rig, 9600);
    REQUIRE(rig.kinds[LCP_OUT_PARKED] == 4);
    first = rig.tx[1].seq;
    last = rig.tx[4].seq;
    REQUIRE(rig.tx[1].number == 1 && rig.tx[4].number == 4);
    rig_packet(&rig, 0, LCP_PACKET_ACK, first, "");
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 0);
    rig_packet(&rig, 0, LCP_PACKET_ACK, last, "");
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 1 && rig.last[LCP_OUT_SETTLED].number == 4);
    rig_free(&rig);
}

static void
only_the_last_ten_transmissions_are_remembered(void)
{
    uint32_t seqs[12];
    size_t count = 0;

    with_peer(false);
    rig_queue(&rig, 0);
    while (count < 12) { /* five tries, then probes */
        size_t before = rig.tx_count;

        rig_run(&rig, 100);
        for (size_t i = before; i < rig.tx_count && count < 12; i++)
            if (rig.tx[i].type == LCP_PACKET_DATA)
                seqs[count++] = rig.tx[i].seq;
        REQUIRE(rig.now_ms < 100000000);
        if (count == 0)
            seqs[count++] = rig_last_tx(&rig, 0, LCP_PACKET_DATA)->seq;
    }
    rig_packet(&rig, 0, LCP_PACKET_ACK, seqs[1], "");
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 0);
    rig_packet(&rig, 0, LCP_PACKET_ACK, seqs[2], "");
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 1);
    rig_free(&rig);
}

static void
a_peer_that_is_away_costs_one_probe_and_one_backoff(void)
{
    size_t from;
    uint64_t last = 0, gap = 0;

    with_peer(false);
    for (int i = 0; i < 100; i++)
        rig_queue(&rig, 0);
    rig_run(&rig, 9500);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 8);
    from = rig.tx_count;
    rig_run(&rig, 7200000);
    /* 15, 30, 60 ... 600 s with 20 % of jitter: about 16 in two hours, each of
     * one packet. */
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) >= 12);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) <= 20);
    for (size_t i = from; i < rig.tx_count; i++) {
        if (rig.tx[i].type != LCP_PACKET_DATA)
            continue;
        CHECK(rig.tx[i].number == 1);
        if (last != 0) {
            CHECK(rig.tx[i].at_ms - last >= 15000 * 8 / 10);
            CHECK(rig.tx[i].at_ms - last <= 600000 * 12 / 10);
            gap = rig.tx[i].at_ms - last;
        }
        last = rig.tx[i].at_ms;
    }
    CHECK(gap >= 600000 * 8 / 10);
    rig_free(&rig);
}

static void
an_unanswered_probe_is_parked_after_the_timeout_of_one_ack(void)
{
    size_t from;

    with_peer(false);
    rig_queue(&rig, 0);
    rig_run(&rig, 9500);
    from = rig.tx_count;
    while (rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 0)
        rig_run(&rig, 1);
    rig_hush(&rig);
    rig_run(&rig, 2999);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 1);
    rig_run(&rig, 1);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 2);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 1);
    rig_free(&rig);
}

static void
an_answered_probe_wakes_the_whole_queue_from_its_start(void)
{
    uint64_t woke;

    with_peer(false);
    for (int i = 0; i < 20; i++)
        rig_queue(&rig, 0);
    rig_run(&rig, 9500);
    CHECK(!lcp_core_reserve(rig.core, rig.now_ms, rig.index[0], 100));
    rig.answers[0] = true;
    while (rig.kinds[LCP_OUT_SETTLED] == 0)
        rig_run(&rig, 1);
    woke = rig.now_ms;
    rig_run(&rig, 100);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 20);
    CHECK(!rig_view(&rig, 0).is_away);
    for (size_t i = 0; i < RIG_ROWS && i < rig.row_count; i++)
        CHECK(!rig.rows[i].is_queued);
    CHECK(rig.now_ms - woke <= 100);
    rig_free(&rig);
}

static void
a_woken_message_gets_five_tries_again(void)
{
    size_t from;

    with_peer(false);
    rig_queue(&rig, 0);
    rig_run(&rig, 9500);
    from = rig.tx_count;
    /* It lives, and falls silent again. (No ACK: that would also measure.) */
    rig_admitted(&rig, rig_mail(&rig, 0, 8, "m1", ""), LCP_ADM_STORED);
    rig_run(&rig, 9499);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 5);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 1);
    rig_run(&rig, 1);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 2);
    rig_free(&rig);
}

static void
a_forgotten_message_is_silent_and_kept_ones_settle_late(void)
{
    static const struct {
        const char *label;
        bool keep, parked;
        uint32_t want;
    } rows[] = {
        {"in the window, kept", true, false, 1},
        {"in the window, not kept", false, false, 0},
        {"parked, kept", true, true, 1},
        {"parked, not kept", false, true, 0},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t from;

        with_peer(false);
        rig_queue(&rig, 0);
        rig_run(&rig, rows[i].parked ? 9600 : 100);
        rig.rows[0].is_queued = false;
        lcp_core_forget(rig.core, rig.now_ms, 1, rows[i].keep);
        CHECK_ROW(rows[i].label, !lcp_core_is_inflight(rig.core, 1));
        CHECK_ROW(rows[i].label, rig_view(&rig, 0).inflight == 0);
        from = rig.tx_count;
        rig_run(&rig, 20000);
        CHECK_ROW(rows[i].label, rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 0);
        rig_packet(&rig, 0, LCP_PACKET_ACK, rig.tx[1].seq, "");
        rig_poll(&rig);
        CHECK_ROW(rows[i].label, rig.kinds[LCP_OUT_SETTLED] == rows[i].want);
        rig_free(&rig);
    }
}

static void
ephemeral_ones_do_not_wait_and_are_not_remembered(void)
{
    uint64_t ping = UINT64_C(1) << 63;
    uint32_t seq;

    with_peer(false);
    for (int i = 0; i < 8; i++)
        rig_queue(&rig, 0);
    rig_poll(&rig);
    CHECK(lcp_core_offer(rig.core, rig.now_ms, 0, ping | 1, lcp_span_str("n901"),
                         false) == LCP_OK);
    CHECK(lcp_core_offer(rig.core, rig.now_ms, 0, ping | 2, lcp_span_str("n902"),
                         false) == LCP_OK);
    CHECK(lcp_core_offer(rig.core, rig.now_ms, 0, ping | 3, lcp_span_str("n903"),
                         false) == LCP_EFULL);
    rig_poll(&rig);
    seq = rig_last_tx(&rig, 0, LCP_PACKET_DATA)->seq;
    for (uint64_t i = 1; i <= 8; i++)
        lcp_core_forget(rig.core, rig.now_ms, i, false);
    rig_run(&rig, 9500);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 2);
    CHECK(!rig_view(&rig, 0).is_away);
    rig_packet(&rig, 0, LCP_PACKET_ACK, seq, "");
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 0);
    rig_free(&rig);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    a_message_is_tried_five_times_and_parked_at_9500();
    a_peer_that_was_measured_is_tried_sooner();
    a_window_that_is_answered_grows_and_silence_halves_it();
    a_peer_that_was_away_begins_with_four();
    a_sign_of_life_sends_the_running_probe_again_at_once();
    numbers_are_fresh_for_every_transmission();
    an_ack_of_any_transmission_settles_with_its_own_round_trip();
    an_ack_counts_only_from_the_peer_it_was_sent_to();
    an_ack_after_parking_still_settles_and_wakes_the_peer();
    the_oldest_parked_one_is_forgotten_when_there_are_too_many();
    only_the_last_ten_transmissions_are_remembered();
    a_peer_that_is_away_costs_one_probe_and_one_backoff();
    an_unanswered_probe_is_parked_after_the_timeout_of_one_ack();
    an_answered_probe_wakes_the_whole_queue_from_its_start();
    a_woken_message_gets_five_tries_again();
    a_forgotten_message_is_silent_and_kept_ones_settle_late();
    ephemeral_ones_do_not_wait_and_are_not_remembered();
    return check_end("window");
}
