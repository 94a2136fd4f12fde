/* SPDX-License-Identifier: MIT
 *
 * RECEIPT at the machine: what takes a message of ours out of the window, what does
 * not, how DATA of an LCP/1.2 peer is answered, and news of ours on its way.
 */
#include "rig_words.h"

#define NEWS (UINT64_C(1) << 63)

static struct rig rig;

/* One 1.2 peer that was met; it answers nothing by itself. */
static void
with_peer(void)
{
    rig_new(&rig);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_run(&rig, 100);
    rig_meet(&rig, 0);
    rig_run(&rig, 100);
    rig_hush(&rig);
}

static uint32_t
last_seq(uint8_t type)
{
    return rig_last_tx(&rig, 0, type)->seq;
}

static void
a_receipt_is_verified_before_it_takes_the_message_out(void)
{
    uint64_t ticket;
    uint32_t seq;

    with_peer();
    rig_queue(&rig, 0);
    rig_run(&rig, 40);
    seq = last_seq(LCP_PACKET_DATA);
    rig_hush(&rig);
    ticket = rig_receipt(&rig, 0, 77, LCP_WORD_STORED, "m1", &seq);
    rig_expect(&rig, "not a word yet", "  1240 p0 receipt?\n");
    CHECK(lcp_core_is_inflight(rig.core, 1));
    rig_run(&rig, 30); /* our own disk takes 30 ms */
    rig_receipt_ends(&rig, ticket, 1, &seq, 0);
    rig_expect(&rig, "acknowledged after its commit, no SETTLED", "  1270 p0 ack 77\n");
    CHECK(!lcp_core_is_inflight(rig.core, 1));
    CHECK(rig_view(&rig, 0).inflight == 0 && rig_view(&rig, 0).settled == 1);
    CHECK(rig_view(&rig, 0).rtt_ms == 40); /* to its arrival, not to our commit */
    rig.rows[0].is_queued = false;
    rig_run(&rig, 20000);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 1);
    rig_free(&rig);
}

static void
a_bare_ack_of_a_1_2_peer_stops_the_tries_and_settles_nothing(void)
{
    uint32_t seq;

    with_peer();
    rig_queue(&rig, 0);
    rig_run(&rig, 40);
    seq = last_seq(LCP_PACKET_DATA);
    rig_hush(&rig);
    rig_packet(&rig, 0, LCP_PACKET_ACK, seq, "");
    rig_poll(&rig);
    rig_run(&rig, 3000);
    rig_expect(&rig, "parked", "  4240 p0 parked 1\n"); /* no receipt followed */
    CHECK(rig_view(&rig, 0).window == 8); /* nothing was lost on the way there */
    CHECK(rig_counter(&rig, LCP_COUNT_ACK_NOT_ENOUGH) == 1);
    rig_packet(&rig, 0, LCP_PACKET_ACK, seq, ""); /* its copy is nobody's life */
    CHECK(rig_counter(&rig, LCP_COUNT_ACK_NOT_ENOUGH) == 1);
    rig_run(&rig, 11000);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 1);
    rig_run(&rig, 8000); /* the next round asks again: the receiver repeats its word */
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) >= 2);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 0);
    /* A receipt for the first transmission still takes it out. */
    rig.rows[0].is_queued = false;
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 5, LCP_WORD_STORED, "m1", &seq), 1,
                     &seq, 0);
    CHECK(!lcp_core_is_inflight(rig.core, 1));
    rig_free(&rig);
}

/* On one machine the ACK comes within the same millisecond. */
static void
an_ack_without_a_receipt_makes_nobody_away(void)
{
    with_peer();
    rig_queue(&rig, 0);
    rig_poll(&rig);
    rig_packet(&rig, 0, LCP_PACKET_ACK, last_seq(LCP_PACKET_DATA), "");
    rig_run(&rig, 3000);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 1 && !rig_view(&rig, 0).is_away);
    rig_free(&rig);
}

static void
a_receipt_that_is_not_good_changes_nothing(void)
{
    static const struct {
        const char *label;
        enum lcp_admission result;
        enum lcp_counter counter;
    } rows[] = {
        {"bad signature", LCP_ADM_BADSIG, LCP_COUNT_BAD_SIGNATURE},
        {"key changed meanwhile", LCP_ADM_REFUSED, LCP_COUNT_REFUSED},
        {"disk full", LCP_ADM_LATER, LCP_COUNT_LATER},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_core_word word = {.number = 1};
        uint64_t ticket;
        uint32_t seq;

        with_peer();
        rig_queue(&rig, 0);
        rig_run(&rig, 40);
        seq = last_seq(LCP_PACKET_DATA);
        ticket = rig_receipt(&rig, 0, 77, LCP_WORD_STORED, "m1", &seq);
        rig_hush(&rig);
        lcp_core_receipt(rig.core, rig.now_ms, ticket, rows[i].result, &word, 1);
        rig_poll(&rig);
        rig_expect(&rig, rows[i].label, "");
        CHECK_ROW(rows[i].label, lcp_core_is_inflight(rig.core, 1));
        CHECK_ROW(rows[i].label, rig_counter(&rig, rows[i].counter) == 1);
        /* Forged bytes are known the second time; what failed for us is tried again. */
        CHECK_ROW(rows[i].label,
                  (rig_receipt(&rig, 0, 78, LCP_WORD_STORED, "m1", &seq) == 0) ==
                      (rows[i].result == LCP_ADM_BADSIG));
        rig_free(&rig);
    }
}

/* Only who sees our packets knows their numbers: a flood does not keep it out. */
static void
a_number_of_ours_passes_an_empty_bucket(void)
{
    uint64_t ticket;
    uint32_t seq, wrong;

    with_peer();
    rig_queue(&rig, 0);
    rig_run(&rig, 40);
    seq = last_seq(LCP_PACKET_DATA);
    wrong = seq + 1;
    rig_drain(&rig, 0);
    CHECK(rig_receipt(&rig, 0, 1, LCP_WORD_STORED, "m1", NULL) == 0);
    CHECK(rig_receipt(&rig, 0, 2, LCP_WORD_STORED, "m1", &wrong) == 0);
    CHECK(rig_counter(&rig, LCP_COUNT_THROTTLED) == 3);
    ticket = rig_receipt(&rig, 0, 3, LCP_WORD_STORED, "m1", &seq);
    CHECK(ticket != 0);
    rig_receipt_ends(&rig, ticket, 1, &seq, 0);
    CHECK(!lcp_core_is_inflight(rig.core, 1));
    /* News has no number, but it comes again. */
    rig_run(&rig, 200);
    rig_drain(&rig, 0);
    CHECK(rig_receipt(&rig, 0, 4, LCP_WORD_STORED, "m1", NULL) != 0);
    rig_free(&rig);
}

static void
receipts_for_others_or_under_another_key_are_counted(void)
{
    with_peer();
    rig_packet(&rig, 0, LCP_PACKET_RECEIPT, 1,
               rig_receipt_text(&rig.them[0], "you", LCP_WORD_STORED, "m1", NULL));
    CHECK(rig_counter(&rig, LCP_COUNT_BAD_RECEIPT) == 1);
    rig_packet(&rig, 0, LCP_PACKET_RECEIPT, 2,
               rig_receipt_text(&rig.them[1], "me", LCP_WORD_STORED, "m1", NULL));
    CHECK(rig_counter(&rig, LCP_COUNT_OTHER_KEY) == 1);
    rig_poll(&rig);
    rig_expect(&rig, "silence", "");
    rig_free(&rig);
}

static void
an_unknown_id_is_acknowledged_and_counted(void)
{
    with_peer();
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 3, LCP_WORD_READ, "who", NULL), 0, NULL,
                     0);
    rig_expect(&rig, "foreign", "  1200 p0 receipt?\n  1200 p0 ack 3\n");
    CHECK(rig_counter(&rig, LCP_COUNT_RECEIPT_FOREIGN) == 1);
    rig_free(&rig);
}

static void
repeated_receipts_join_the_one_that_is_verified(void)
{
    uint64_t ticket;

    with_peer();
    ticket = rig_receipt(&rig, 0, 3, LCP_WORD_READ, "m1", NULL);
    CHECK(rig_receipt(&rig, 0, 4, LCP_WORD_READ, "m1", NULL) == 0);
    CHECK(rig_receipt(&rig, 0, 5, LCP_WORD_DONE, "m1", NULL) != 0); /* another one */
    rig_hush(&rig);
    rig_receipt_ends(&rig, ticket, 1, NULL, 0);
    rig_expect(&rig, "each number", "  1200 p0 ack 3\n  1200 p0 ack 4\n");
    rig_free(&rig);
}

static void
a_receipt_proves_a_1_1_peer_to_speak_1_2(void)
{
    rig_new(&rig);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_run(&rig, 5000);
    rig_hush(&rig);
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 3, LCP_WORD_READ, "m1", NULL), 1, NULL,
                     0);
    rig_expect(&rig, "proved, but not online by it",
               "  6000 p0 receipt?\n"
               "  6000 p0 ack 3\n"
               "  6000 p0 speaks 1.2\n");
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_HEARTBEAT) == 2); /* so it is greeted */
    CHECK(!rig_view(&rig, 0).is_online && !rig_view(&rig, 0).was_heard);
    rig_free(&rig);
}

/* A recording of an old receipt must not keep a dead peer from being away. */
static void
only_a_receipt_for_a_number_of_this_process_is_a_sign_of_life(void)
{
    uint32_t seq = 12345;

    with_peer();
    rig_run(&rig, 300000);
    REQUIRE(rig_view(&rig, 0).is_away);
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 3, LCP_WORD_STORED, "m1", &seq), 1,
                     &seq, 0);
    CHECK(rig_view(&rig, 0).is_away);
    rig_queue(&rig, 0);
    while (rig_count_tx(&rig, 0, 0, LCP_PACKET_DATA) == 0)
        rig_run(&rig, 100);
    seq = last_seq(LCP_PACKET_DATA);
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 4, LCP_WORD_STORED, "m1", &seq), 1,
                     &seq, 0);
    CHECK(!rig_view(&rig, 0).is_away);
    rig_free(&rig);
}

static void
later_leaves_the_peer_alone_for_that_long(void)
{
    size_t from;
    uint32_t seq;

    with_peer();
    rig_queue(&rig, 0);
    rig_run(&rig, 10);
    seq = last_seq(LCP_PACKET_DATA);
    rig_hush(&rig);
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 3, LCP_WORD_LATER, "m1", &seq), 1, &seq,
                     30000);
    rig_expect(&rig, "parked",
               "  1210 p0 receipt?\n  1210 p0 ack 3\n  1210 p0 parked 1\n");
    from = rig.tx_count;
    rig_queue(&rig, 0);
    CHECK(!lcp_core_reserve(rig.core, rig.now_ms, 0, 2));
    lcp_core_hurry(rig.core, rig.now_ms); /* our own way out does not make it room */
    rig_run(&rig, 29999);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 0);
    rig_run(&rig, 1);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 2);
    rig_free(&rig);
}

/* What was recorded then says nothing about now. */
static void
later_counts_once_and_only_as_an_answer(void)
{
    uint32_t seq, unknown;
    size_t from;

    with_peer();
    rig_queue(&rig, 0);
    rig_run(&rig, 10);
    seq = last_seq(LCP_PACKET_DATA);
    unknown = seq + 1;
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 3, LCP_WORD_LATER, "m1", NULL), 1, NULL,
                     30000);
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 4, LCP_WORD_LATER, "m1", &unknown), 1,
                     &unknown, 30000);
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 5, LCP_WORD_LATER, "m0", &seq), 9, &seq,
                     30000); /* of a message that is long settled */
    CHECK(rig_counter(&rig, LCP_COUNT_RECEIPT_FOREIGN) == 3);
    CHECK(lcp_core_is_inflight(rig.core, 1));
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 6, LCP_WORD_LATER, "m1", &seq), 1, &seq,
                     30000);
    CHECK(!lcp_core_is_inflight(rig.core, 1));
    rig_run(&rig, 29000);
    from = rig.tx_count;
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 7, LCP_WORD_LATER, "m1", &seq), 1, &seq,
                     30000);
    CHECK(rig_counter(&rig, LCP_COUNT_RECEIPT_FOREIGN) == 4);
    rig_run(&rig, 1000);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 1);
    rig_free(&rig);
}

/* Else who always says later draws message after message as fast as the line goes. */
static void
later_is_a_second_at_least(void)
{
    uint32_t seq;
    size_t from;

    with_peer();
    rig_queue(&rig, 0);
    rig_run(&rig, 10);
    seq = last_seq(LCP_PACKET_DATA);
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 3, LCP_WORD_LATER, "m1", &seq), 1, &seq,
                     1);
    from = rig.tx_count;
    rig_run(&rig, 999);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 0);
    rig_run(&rig, 1);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 1);
    rig_free(&rig);
}

/* A day that the lost key asked for does not bind the new one. */
static void
later_goes_with_its_key(void)
{
    struct lcp_core_peer peer = {.name = "p0", .has_key = true};
    struct lcp_core_peer_view view;
    uint32_t seq;
    size_t from;

    with_peer();
    rig_queue(&rig, 0);
    rig_run(&rig, 10);
    seq = last_seq(LCP_PACKET_DATA);
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 3, LCP_WORD_LATER, "m1", &seq), 1, &seq,
                     86400000);
    REQUIRE(lcp_core_peer_view(rig.core, rig.now_ms, 0, &view));
    peer.name = view.name;
    peer.endpoint = view.endpoint;
    memset(peer.key, 0x77, sizeof(peer.key));
    REQUIRE(lcp_core_peer_put(rig.core, rig.now_ms, &peer, NULL) == LCP_OK);
    from = rig.tx_count;
    rig_run(&rig, 1000);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) >= 1);
    rig_free(&rig);
}

static void
a_receipt_settles_an_ephemeral_one_by_its_number(void)
{
    uint32_t seq;

    with_peer();
    CHECK(lcp_core_offer(rig.core, rig.now_ms, 0, NEWS | 9, lcp_span_str("n9"),
                         false) == LCP_OK);
    rig_poll(&rig);
    seq = last_seq(LCP_PACKET_DATA);
    rig_receipt_ends(&rig, rig_receipt(&rig, 0, 3, LCP_WORD_DONE, "ping", &seq), 0,
                     &seq, 0);
    CHECK(rig.kinds[LCP_OUT_SETTLED] == 1);
    CHECK(rig.last[LCP_OUT_SETTLED].number == (NEWS | 9));
    CHECK(rig_counter(&rig, LCP_COUNT_RECEIPT_FOREIGN) == 0);
    rig_free(&rig);
}

/* Who answers how. */

static void
bare_acks_go_only_to_who_needs_them(void)
{
    static const struct {
        const char *label;
        bool is_marked, is_met;
        enum lcp_admission result;
        bool want_ack, want_receipt;
    } rows[] = {
        {"1.1, new", false, false, LCP_ADM_STORED, true, false},
        {"1.1, again", false, false, LCP_ADM_DUPLICATE, true, false},
        {"marked, new", true, false, LCP_ADM_STORED, false, true},
        {"marked, again, never met", true, false, LCP_ADM_DUPLICATE, true, true},
        {"marked, again, fresh", true, true, LCP_ADM_DUPLICATE, false, true},
        {"marked, new, fresh", true, true, LCP_ADM_STORED, false, true},
        {"unmarked of a 1.2 peer", false, true, LCP_ADM_STORED, true, true},
        {"refused", true, true, LCP_ADM_NOT_TAKEN, false, true},
        {"refused, 1.1", false, false, LCP_ADM_NOT_TAKEN, false, false},
        {"later", true, false, LCP_ADM_LATER, false, true},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct lcp_key *key = &rig.them[0].key;
        const char *label = rows[i].label;

        if (rows[i].is_met) {
            with_peer();
        } else {
            rig_new(&rig);
            REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
            rig_run(&rig, 200);
        }
        rig_packet(&rig, 0, LCP_PACKET_DATA, 42,
                   rows[i].is_marked ? rig_marked(key, "me", "m1")
                                     : rig_message(key, "me", "m1", "hello"));
        rig_poll(&rig);
        REQUIRE(rig.kinds[LCP_OUT_ADMIT] == 1);
        CHECK_ROW(label, rig.last[LCP_OUT_ADMIT].seq == 42);
        CHECK_ROW(label, rig.last[LCP_OUT_ADMIT].wants_receipt == rows[i].want_receipt);
        CHECK_ROW(label, rig.last[LCP_OUT_ADMIT].is_for_us);
        rig.tx_count = 0;
        rig_admitted(&rig, rig.last[LCP_OUT_ADMIT].ticket, rows[i].result);
        CHECK_ROW(label, rig_count_tx(&rig, 0, 0, LCP_PACKET_ACK) == rows[i].want_ack);
        CHECK_ROW(label, rig_counter(&rig, LCP_COUNT_NOT_TAKEN) ==
                             (rows[i].result == LCP_ADM_NOT_TAKEN));
        rig_free(&rig);
    }
}

static void
marked_mail_for_another_is_let_through_to_be_refused(void)
{
    with_peer();
    rig_packet(&rig, 0, LCP_PACKET_DATA, 1, rig_marked(&rig.them[0].key, "you", "m1"));
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_ADMIT] == 1 && !rig.last[LCP_OUT_ADMIT].is_for_us);
    rig_packet(&rig, 0, LCP_PACKET_DATA, 2,
               rig_marked(&rig.them[0].key, "me/desk", "m2"));
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_ADMIT] == 2 && rig.last[LCP_OUT_ADMIT].is_for_us);
    rig_packet(&rig, 0, LCP_PACKET_DATA, 3, rig_marked(&rig.them[1].key, "you", "m3"));
    CHECK(rig_counter(&rig, LCP_COUNT_NOT_FOR_US) == 2);
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_ADMIT] == 2);
    rig_free(&rig);
}

static void
an_answer_goes_out_once_under_a_number_of_its_own(void)
{
    struct lcp_span answer = lcp_span_str("{\"type\":\"receipt\"}");

    with_peer();
    for (int i = 0; i < 64; i++) /* a whole batch before anybody polls */
        lcp_core_answer(rig.core, rig.now_ms, 0, answer);
    rig_poll(&rig);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_RECEIPT) == 64);
    CHECK(lcp_span_eq(rig.last[LCP_OUT_TX].payload, answer));
    for (size_t i = 0; i < rig.tx_count; i++)
        for (size_t k = 0; k < i; k++)
            CHECK(rig.tx[i].seq != rig.tx[k].seq);
    rig_run(&rig, 10000);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_RECEIPT) == 64);
    lcp_core_answer(rig.core, rig.now_ms, 3, answer); /* nobody there */
    rig_free(&rig);
}

/* News. */

static void
news_is_asked_for_sent_and_asked_for_again_until_nothing_is_left(void)
{
    with_peer();
    lcp_core_news(rig.core, rig.now_ms, 0);
    rig_poll(&rig);
    CHECK(lcp_core_offer_receipt(rig.core, rig.now_ms, 0, NEWS | 1,
                                 lcp_span_str("r1")) == LCP_OK);
    rig_run(&rig, 200);
    rig_expect(&rig, "retried with the measured wait",
               "  1200 p0 news?\n"
               "  1200 p0 receipt\n");
    rig_run(&rig, 300);
    rig_expect(&rig, "again", "  1700 p0 receipt\n");
    rig_packet(&rig, 0, LCP_PACKET_ACK, last_seq(LCP_PACKET_RECEIPT), "");
    rig_poll(&rig);
    rig_expect(&rig, "the peer has it",
               "  1700 p0 settled 9223372036854775809 rtt 0\n"
               "  1700 p0 news?\n");
    lcp_core_no_news(rig.core, rig.now_ms, 0, false);
    rig_run(&rig, 20000);
    rig_expect(&rig, "nothing left", "");
    CHECK(rig_view(&rig, 0).settled == 0); /* no message */
    rig_free(&rig);
}

static void
what_becomes_known_while_news_is_built_is_told_next(void)
{
    with_peer();
    lcp_core_news(rig.core, rig.now_ms, 0);
    rig_poll(&rig);
    lcp_core_news(rig.core, rig.now_ms, 0);
    lcp_core_no_news(rig.core, rig.now_ms, 0, false);
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_NEWS] == 2);
    lcp_core_no_news(rig.core, rig.now_ms, 0, true); /* could not be read */
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_NEWS] == 2);
    rig_run(&rig, 500);
    CHECK(rig.kinds[LCP_OUT_NEWS] == 3);
    rig_free(&rig);
}

static void
news_waits_for_a_peer_that_is_away(void)
{
    with_peer();
    lcp_core_news(rig.core, rig.now_ms, 0);
    rig_poll(&rig);
    CHECK(lcp_core_offer_receipt(rig.core, rig.now_ms, 0, NEWS | 1,
                                 lcp_span_str("r1")) == LCP_OK);
    rig_run(&rig, 9600);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_RECEIPT) == 5);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 1 && !rig_view(&rig, 0).is_away);
    rig_run(&rig, 20000);
    CHECK(rig.kinds[LCP_OUT_NEWS] == 2); /* the next round */
    lcp_core_no_news(rig.core, rig.now_ms, 0, false);
    rig_run(&rig, 200000);
    REQUIRE(rig_view(&rig, 0).is_away);
    lcp_core_news(rig.core, rig.now_ms, 0);
    rig_run(&rig, 2000000);
    CHECK(rig.kinds[LCP_OUT_NEWS] == 2);
    rig_admitted(&rig, rig_mail(&rig, 0, 9, "life", ""), LCP_ADM_STORED);
    CHECK(rig.kinds[LCP_OUT_NEWS] == 3);
    rig_free(&rig);
}

/* A node that starts may owe a word to thousands that are gone. */
static void
news_waits_for_a_peer_to_be_heard(void)
{
    rig_new(&rig);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    lcp_core_news(rig.core, rig.now_ms, 0);
    rig_run(&rig, 60000);
    CHECK(rig.kinds[LCP_OUT_NEWS] == 0);
    rig_packet(&rig, 0, LCP_PACKET_ACK, last_seq(LCP_PACKET_HEARTBEAT), "");
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_NEWS] == 1);
    rig_free(&rig);
}

/* What could not be sent now is not signed for nothing. */
static void
news_waits_for_a_place(void)
{
    struct lcp_core_config config = rig_config(&rig);

    config.limits.peers_max = 1; /* so two places in all */
    rig_open(&rig, &config);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_run(&rig, 100);
    rig_meet(&rig, 0);
    for (uint64_t i = 0; i < 2; i++)
        REQUIRE(lcp_core_offer(rig.core, rig.now_ms, 0, NEWS | (100 + i),
                               lcp_span_str("ping"), false) == LCP_OK);
    lcp_core_news(rig.core, rig.now_ms, 0);
    rig_run(&rig, 5000);
    CHECK(rig.kinds[LCP_OUT_NEWS] == 0);
    rig_run(&rig, 5000); /* the pings are given up */
    CHECK(rig.kinds[LCP_OUT_NEWS] == 1);
    rig_free(&rig);
}

static void
offers_nobody_asked_for_are_refused(void)
{
    struct lcp_span r = lcp_span_str("r");

    with_peer();
    CHECK(lcp_core_offer_receipt(rig.core, rig.now_ms, 0, NEWS | 1, r) ==
          LCP_ENOTFOUND);
    lcp_core_news(rig.core, rig.now_ms, 0);
    rig_poll(&rig);
    CHECK(lcp_core_offer_receipt(rig.core, rig.now_ms, 0, 1, r) == LCP_EINVAL);
    CHECK(lcp_core_offer_receipt(rig.core, rig.now_ms, 1, NEWS | 1, r) ==
          LCP_ENOTFOUND);
    CHECK(lcp_core_offer_receipt(rig.core, rig.now_ms, 0, NEWS | 1, r) == LCP_OK);
    lcp_core_peer_del(rig.core, rig.now_ms, 0);
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_PARKED] == 1);
    rig_free(&rig);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    a_receipt_is_verified_before_it_takes_the_message_out();
    a_bare_ack_of_a_1_2_peer_stops_the_tries_and_settles_nothing();
    an_ack_without_a_receipt_makes_nobody_away();
    a_receipt_that_is_not_good_changes_nothing();
    a_number_of_ours_passes_an_empty_bucket();
    receipts_for_others_or_under_another_key_are_counted();
    an_unknown_id_is_acknowledged_and_counted();
    repeated_receipts_join_the_one_that_is_verified();
    a_receipt_proves_a_1_1_peer_to_speak_1_2();
    only_a_receipt_for_a_number_of_this_process_is_a_sign_of_life();
    later_leaves_the_peer_alone_for_that_long();
    later_counts_once_and_only_as_an_answer();
    later_is_a_second_at_least();
    later_goes_with_its_key();
    a_receipt_settles_an_ephemeral_one_by_its_number();
    bare_acks_go_only_to_who_needs_them();
    marked_mail_for_another_is_let_through_to_be_refused();
    an_answer_goes_out_once_under_a_number_of_its_own();
    news_is_asked_for_sent_and_asked_for_again_until_nothing_is_left();
    what_becomes_known_while_news_is_built_is_told_next();
    news_waits_for_a_peer_that_is_away();
    news_waits_for_a_peer_to_be_heard();
    news_waits_for_a_place();
    offers_nobody_asked_for_are_refused();
    return check_end("receipt_in");
}
