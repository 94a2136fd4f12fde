/* SPDX-License-Identifier: MIT
 *
 * Who is there: heartbeats, signs of life, silence, and our own sleep.
 */
#include "rig.h"

static struct rig rig;

static void
with_peers(uint32_t count, bool answers)
{
    rig_new(&rig);
    for (uint32_t i = 0; i < count; i++) {
        rig.answers[i] = answers;
        REQUIRE(rig_put(&rig, i, true) == LCP_OK);
    }
}

static void
a_new_peer_is_greeted_and_its_queue_asked_for_at_once(void)
{
    with_peers(1, true);
    rig.traces_beats = true;
    rig_run(&rig, 20);
    rig_expect(&rig, "greeting",
               "  1000 p0 beat\n"
               "  1000 p0 refill after 0 count 8\n"
               "  1010 p0 online\n");
    CHECK(rig_view(&rig, 0).rtt_ms == RIG_RTT_MS);
    rig_free(&rig);
}

static void
heartbeats_come_every_interval_spread_by_a_tenth(void)
{
    uint64_t last = 0, shortest = UINT64_MAX, longest = 0;

    with_peers(1, true);
    rig_run(&rig, 6000000);
    for (size_t i = 0; i < rig.tx_count; i++) {
        uint64_t gap = rig.tx[i].at_ms - last;

        if (i > 0) {
            shortest = gap < shortest ? gap : shortest;
            longest = gap > longest ? gap : longest;
        }
        last = rig.tx[i].at_ms;
    }
    CHECK(rig.tx_count >= 180 && rig.tx_count <= 222);
    CHECK(shortest >= 27000 && shortest < 28000);
    CHECK(longest <= 33000 + RIG_RTT_MS && longest > 32000);
    CHECK(rig.kinds[LCP_OUT_OFFLINE] == 0);
    rig_free(&rig);
}

/* DATA each 5 s, acknowledged, says all that a heartbeat would. */
static void
heartbeats_are_left_out_while_mail_flows(void)
{
    with_peers(1, true);
    for (int i = 0; i < 100; i++) {
        rig_queue(&rig, 0);
        rig_run(&rig, 5000);
    }
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_HEARTBEAT) == 1);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 100);
    CHECK(rig.kinds[LCP_OUT_OFFLINE] == 0);
    rig_free(&rig);
}

/* Its mail is a sign of life, but from us it hears nothing but ACKs. */
static void
heartbeats_go_on_while_mail_flows_one_way(void)
{
    with_peers(1, true);
    for (int i = 0; i < 60; i++) {
        char id[8];

        snprintf(id, sizeof(id), "m%d", i);
        rig_admitted(&rig, rig_mail(&rig, 0, (uint32_t)i, id, ""), LCP_ADM_STORED);
        rig_run(&rig, 5000);
    }
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_HEARTBEAT) >= 9);
    rig_free(&rig);
}

static void
a_silent_peer_goes_offline_after_its_timeout(void)
{
    with_peers(1, true);
    rig_run(&rig, 20);
    rig.answers[0] = false;
    rig_hush(&rig);
    rig_run(&rig, 119980);
    CHECK(rig_view(&rig, 0).is_online);
    rig_run(&rig, 20);
    rig_expect(&rig, "silence", "121010 p0 offline after 120000\n");
    CHECK(!rig_view(&rig, 0).is_online && rig_view(&rig, 0).is_away);
    CHECK(rig_view(&rig, 0).silent_ms == 120010);
    rig.answers[0] = true;
    rig_run(&rig, 33000);
    CHECK(rig.kinds[LCP_OUT_ONLINE] == 2 && !rig_view(&rig, 0).is_away);
    rig_free(&rig);
}

static void
a_peer_never_heard_is_away_after_the_timeout_without_a_word(void)
{
    with_peers(1, false);
    rig_run(&rig, 119999);
    CHECK(!rig_view(&rig, 0).is_away && !rig_view(&rig, 0).was_heard);
    rig_run(&rig, 1);
    CHECK(rig_view(&rig, 0).is_away);
    CHECK(rig.kinds[LCP_OUT_OFFLINE] == 0);
    rig_free(&rig);
}

static void
what_a_stranger_can_forge_is_no_sign_of_life(void)
{
    uint32_t beat;
    uint64_t ticket;

    with_peers(1, false);
    rig_run(&rig, 10);
    beat = rig_last_tx(&rig, 0, LCP_PACKET_HEARTBEAT)->seq;
    rig_packet(&rig, 0, LCP_PACKET_HEARTBEAT, 7, "");
    rig_poll(&rig);
    ticket = rig_mail(&rig, 0, 8, "m1", "seen once before");
    rig_admitted(&rig, ticket, LCP_ADM_DUPLICATE);
    ticket = rig_mail(&rig, 0, 9, "m2", "forged");
    rig_admitted(&rig, ticket, LCP_ADM_BADSIG);
    rig_packet(&rig, 0, LCP_PACKET_ACK, beat ^ 1, "");
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_ONLINE] == 0);
    rig_packet(&rig, 0, LCP_PACKET_ACK, beat, "");
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_ONLINE] == 1);
    rig_packet(&rig, 0, LCP_PACKET_ACK, beat, "");
    CHECK(rig_counter(&rig, LCP_COUNT_ACK_MATCHED) == 1); /* its replay is nobody's */
    rig_run(&rig, 130000);
    CHECK(rig.kinds[LCP_OUT_OFFLINE] == 1);
    rig_packet(&rig, 0, LCP_PACKET_ACK, beat, ""); /* the same again */
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_ONLINE] == 1);
    rig_free(&rig);
}

static void
a_stored_message_is_a_sign_of_life(void)
{
    with_peers(1, false);
    rig_admitted(&rig, rig_mail(&rig, 0, 8, "m1", ""), LCP_ADM_STORED);
    CHECK(rig.kinds[LCP_OUT_ONLINE] == 1);
    CHECK(rig_view(&rig, 0).received == 1);
    rig_free(&rig);
}

static void
a_heartbeat_is_answered_nine_bytes_for_nine(void)
{
    struct lcp_frame frame;

    with_peers(1, true);
    rig_run(&rig, 20);
    rig_packet(&rig, 0, LCP_PACKET_HEARTBEAT, 1, "a message whose type was damaged");
    rig_packet(&rig, 0, LCP_PACKET_HEARTBEAT, 0xfeedbeef, "");
    rig_hush(&rig);
    rig_poll(&rig);
    rig_expect(&rig, "answer", "  1020 p0 ack 4276993775\n");
    CHECK(rig.last[LCP_OUT_TX].payload.len == 0);
    CHECK(lcp_frame_decode(lcp_span(rig.last[LCP_OUT_TX].header, LCP_HEADER_BYTES),
                           &frame) == LCP_OK);
    CHECK(frame.type == LCP_PACKET_ACK);
    CHECK(rig_counter(&rig, LCP_COUNT_HEARTBEATS) == 2);
    CHECK(rig_counter(&rig, LCP_COUNT_BAD_HEARTBEAT) == 1);
    rig_free(&rig);
}

/* It starts, beats, and is known to be there one round trip later. */
static void
the_heartbeat_of_a_peer_that_was_away_is_met_by_ours_at_once(void)
{
    uint32_t hellos;
    size_t from;

    with_peers(1, false);
    rig_run(&rig, 200000);
    REQUIRE(rig_view(&rig, 0).is_away);
    while (rig.now_ms - rig_last_tx(&rig, 0, LCP_PACKET_HEARTBEAT)->at_ms != 5000)
        rig_run(&rig, 1);
    rig.answers[0] = true;
    from = rig.tx_count;
    hellos = rig.kinds[LCP_OUT_HELLO_SIGN];
    rig_packet(&rig, 0, LCP_PACKET_HEARTBEAT, 1, "");
    rig_packet(&rig, 0, LCP_PACKET_HEARTBEAT, 2, "");
    rig_run(&rig, RIG_RTT_MS);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_HEARTBEAT) ==
          1); /* not one for each */
    CHECK(rig.kinds[LCP_OUT_ONLINE] == 1);
    CHECK(rig.kinds[LCP_OUT_HELLO_SIGN] == hellos); /* nothing signed for this */
    rig_free(&rig);
}

static void
our_own_sleep_is_not_the_peers_silence(void)
{
    size_t from;

    with_peers(4, true);
    rig_run(&rig, 100);
    for (uint32_t p = 0; p < 4; p++)
        rig.answers[p] = false;
    for (int i = 0; i < 8; i++)
        rig_queue(&rig, 0);
    rig_run(&rig, 700);
    /* The greeting measured 10 ms, so the waits are 0.2, 0.4, 0.8 s. */
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 24);
    from = rig.tx_count;
    rig.now_ms += 3600000; /* SIGSTOP, an hour, SIGCONT */
    rig_poll(&rig);
    CHECK(rig_counter(&rig, LCP_COUNT_SLEPT) == 1);
    CHECK(rig.kinds[LCP_OUT_OFFLINE] == 0 && rig.kinds[LCP_OUT_PARKED] == 0);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) ==
          8); /* the fourth tries, no storm */
    CHECK(rig_view(&rig, 1).silent_ms < 3000);
    CHECK(lcp_core_next_ms(rig.core) > rig.now_ms);
    CHECK(lcp_core_next_ms(rig.core) <= rig.now_ms + 2000);
    rig_run(&rig, 2000);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 16);
    rig_free(&rig);
}

static void
an_hour_without_timers_is_no_sleep(void)
{
    rig_new(&rig);
    CHECK(lcp_core_next_ms(rig.core) == LCP_NEVER);
    rig.now_ms += 3600000;
    rig_poll(&rig);
    CHECK(rig_counter(&rig, LCP_COUNT_SLEPT) == 0);
    rig_free(&rig);
}

static void
time_never_goes_back(void)
{
    with_peers(1, false);
    rig_queue(&rig, 0);
    rig_run(&rig, 600);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 2);
    rig.now_ms = 0;
    rig_poll(&rig);
    rig_packet(&rig, 0, LCP_PACKET_HEARTBEAT, 1, "");
    CHECK(rig_view(&rig, 0).silent_ms == 600);
    rig_run_to(&rig, 2499);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 2);
    rig_run_to(&rig, 2500);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 3);
    rig_free(&rig);
}

static void
a_hurry_greets_and_sends_at_once_what_waits(void)
{
    with_peers(2, false);
    rig.traces_beats = true;
    rig_queue(&rig, 0);
    rig_run(&rig, 600); /* two tries into nothing; the next one at 1,500 */
    rig_hush(&rig);
    rig.answers[0] = rig.answers[1] = true;
    lcp_core_hurry(rig.core, rig.now_ms);
    rig_run(&rig, RIG_RTT_MS);
    rig_expect(&rig, "hurry",
               "  1600 p0 beat\n"
               "  1600 p1 beat\n"
               "  1600 p0 data 1\n"
               "  1610 p0 online\n"
               "  1610 p1 online\n"
               "  1610 p0 settled 1 rtt 10\n");
    rig_free(&rig);
}

static void
a_hurry_probes_a_peer_that_is_away_at_once(void)
{
    with_peers(1, false);
    rig_queue(&rig, 0);
    rig_run(&rig, 200000);
    CHECK(rig_view(&rig, 0).is_away);
    rig.answers[0] = true;
    lcp_core_hurry(rig.core, rig.now_ms);
    rig_run(&rig, 2 * RIG_RTT_MS);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 1);
    rig_free(&rig);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    a_new_peer_is_greeted_and_its_queue_asked_for_at_once();
    heartbeats_come_every_interval_spread_by_a_tenth();
    heartbeats_are_left_out_while_mail_flows();
    heartbeats_go_on_while_mail_flows_one_way();
    a_silent_peer_goes_offline_after_its_timeout();
    a_peer_never_heard_is_away_after_the_timeout_without_a_word();
    what_a_stranger_can_forge_is_no_sign_of_life();
    a_stored_message_is_a_sign_of_life();
    a_heartbeat_is_answered_nine_bytes_for_nine();
    the_heartbeat_of_a_peer_that_was_away_is_met_by_ours_at_once();
    our_own_sleep_is_not_the_peers_silence();
    an_hour_without_timers_is_no_sleep();
    time_never_goes_back();
    a_hurry_greets_and_sends_at_once_what_waits();
    a_hurry_probes_a_peer_that_is_away_at_once();
    return check_end("live");
}
