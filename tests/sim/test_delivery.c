/* SPDX-License-Identifier: MIT
 *
 * Delivery as stories: who sends what when, in virtual milliseconds, and what it comes
 * to. The real pump and machine over a virtual world; docs/protocol.md "Rules" 1, 4, 6,
 * 7 and 8.
 */
#include "story.h"

static void
lost_ack_is_not_a_second_delivery(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_drop_next(sim, 'B', 'A', 1);
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 2000);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "   10 B stored  m1\n"
                          "   10 B receipt m1 stored (lost)\n"
                          "  200 A send    m1 try 2\n"
                          "  210 B receipt m1 stored\n"
                          "  220 A settled m1 stored\n"));
    end(sim);
}

static void
lost_data_goes_again(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_drop_next(sim, 'A', 'B', 2);
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 3000);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1 (lost)\n"
                          "  200 A send    m1 try 2 (lost)\n"
                          "  600 A send    m1 try 3\n"
                          "  610 B stored  m1\n"
                          "  610 B receipt m1 stored\n"
                          "  620 A settled m1 stored\n"));
    end(sim);
}

static void
after_five_tries_it_is_queued_and_the_caller_knows(void)
{
    struct sim *sim = sim_new(1, 2);
    int first, second;

    sim_cut(sim, 'A', 'B', true);
    first = sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 5000);
    CHECK(sim_reply(sim, first) == NULL);
    sim_run_ms(sim, 4500);
    CHECK(says(sim, first, "\"ok\":false") && says(sim, first, "\"accepted\":true") &&
          says(sim, first, "\"state\":\"sent\""));
    /* Now B is known to be away: nobody waits for it. */
    second = sim_send(sim, 'A', 'B', "and");
    sim_run_ms(sim, 0);
    CHECK(says(sim, second, "\"state\":\"queued\""));
    CHECK(sim_expect(sim, "    0 A send    m1 try 1 (lost)\n"
                          "  200 A send    m1 try 2 (lost)\n"
                          "  600 A send    m1 try 3 (lost)\n"
                          " 1400 A send    m1 try 4 (lost)\n"
                          " 3000 A send    m1 try 5 (lost)\n"
                          " 6000 A send    m1 try 6 (lost)\n"));
    end(sim);
}

static void
one_message_probes_in_doubling_distances(void)
{
    struct sim *sim = sim_new(1, 2);
    uint64_t times[TIMES_MAX];
    size_t count;

    sim_cut(sim, 'A', 'B', true);
    sim_send(sim, 'A', 'B', "one");
    sim_send(sim, 'A', 'B', "two");
    sim_run_ms(sim, 1000000);
    CHECK(count_of(sim, "m2 try 7") == 0);
    count = times_of(sim, "A send    m1", times);
    CHECK(count >= 6 + 5);
    for (size_t i = 6, want_ms = 15000; i < count; i++) {
        uint64_t from = i == 6 ? 9000 : times[i - 1];

        CHECK(times[i] - from >= want_ms * 3 / 4 && times[i] - from <= want_ms * 5 / 4);
        want_ms = want_ms >= 300000 ? 600000 : want_ms * 2;
    }
    end(sim);
}

static void
a_peer_that_comes_back_gets_its_mail_at_once(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_cut(sim, 'A', 'B', true);
    sim_send(sim, 'A', 'B', "one");
    sim_send(sim, 'A', 'B', "two");
    sim_run_ms(sim, 20000);
    sim_cut(sim, 'A', 'B', false);
    sim_clear_trace(sim);
    sim_send(sim, 'B', 'A', "I am here");
    sim_run_ms(sim, 1000);
    CHECK(sim_expect(sim, "20000 B send    m3 try 1\n"
                          "20010 A stored  m3\n"
                          "20010 A receipt m3 stored\n"
                          "20010 A send    m1 try 7\n"
                          "20010 A send    m2 try 7\n"
                          "20020 B settled m3 stored\n"
                          "20020 B stored  m1\n"
                          "20020 B stored  m2\n"
                          "20020 B receipt m1 stored\n"
                          "20020 B receipt m2 stored\n"
                          "20030 A settled m1 stored\n"
                          "20030 A settled m2 stored\n"));
    end(sim);
}

static void
a_copy_on_the_way_is_answered_and_not_stored(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_link(sim, 'A', 'B')->duplication = 1000;
    sim_link(sim, 'A', 'B')->delay_max_ms = 40;
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 3000);
    CHECK(count_of(sim, "stored  m1") == 1);
    CHECK(count_of(sim, "receipt m1 stored") == 2);
    CHECK(count_of(sim, "settled m1 stored") == 1);
    end(sim);
}

static void
a_restarted_receiver_knows_what_it_has(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_drop_next(sim, 'B', 'A', 1);
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 100);
    sim_crash(sim, 'B', SIM_CRASH_NOW);
    sim_start(sim, 'B');
    sim_run_ms(sim, 1900);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "   10 B stored  m1\n"
                          "   10 B receipt m1 stored (lost)\n"
                          "  200 A send    m1 try 2\n"
                          "  210 B receipt m1 stored\n"
                          "  220 A settled m1 stored\n"));
    end(sim);
}

static void
a_receiver_that_dies_before_its_commit_has_said_nothing(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_crash(sim, 'B', SIM_CRASH_AT_TASK);
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 100);
    CHECK(!sim_is_up(sim, 'B'));
    sim_start(sim, 'B');
    sim_run_ms(sim, 1900);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "  200 A send    m1 try 2\n"
                          "  210 B stored  m1\n"
                          "  210 B receipt m1 stored\n"
                          "  220 A settled m1 stored\n"));
    end(sim);
}

static void
a_receiver_that_dies_after_its_commit_answers_when_it_is_back(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_crash(sim, 'B', SIM_CRASH_AFTER_TASK);
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 100);
    sim_start(sim, 'B');
    sim_run_ms(sim, 1900);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "   10 B stored  m1\n"
                          "  200 A send    m1 try 2\n"
                          "  210 B receipt m1 stored\n"
                          "  220 A settled m1 stored\n"));
    end(sim);
}

static void
a_restarted_sender_goes_on(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_cut(sim, 'A', 'B', true);
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 700);
    sim_crash(sim, 'A', SIM_CRASH_NOW);
    sim_cut(sim, 'A', 'B', false);
    sim_run_ms(sim, 300);
    sim_start(sim, 'A');
    sim_run_ms(sim, 1000);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1 (lost)\n"
                          "  200 A send    m1 try 2 (lost)\n"
                          "  600 A send    m1 try 3 (lost)\n"
                          " 1000 A send    m1 try 1\n"
                          " 1010 B stored  m1\n"
                          " 1010 B receipt m1 stored\n"
                          " 1020 A settled m1 stored\n"));
    end(sim);
}

static void
what_was_not_accepted_may_be_forgotten(void)
{
    struct sim *sim = sim_new(1, 2);
    int request;

    sim_crash(sim, 'A', SIM_CRASH_AT_TASK);
    request = sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 100);
    CHECK(says(sim, request, "") && !says(sim, request, "accepted"));
    sim_start(sim, 'A');
    sim_run_ms(sim, 10000);
    CHECK(sim_expect(sim, ""));
    end(sim);
}

static void
the_ack_of_an_earlier_transmission_settles(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_link(sim, 'B', 'A')->delay_min_ms = sim_link(sim, 'B', 'A')->delay_max_ms = 700;
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 5000);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "   10 B stored  m1\n"
                          "   10 B receipt m1 stored\n"
                          "  200 A send    m1 try 2\n"
                          "  210 B receipt m1 stored\n"
                          "  600 A send    m1 try 3\n"
                          "  610 B receipt m1 stored\n"
                          "  710 A settled m1 stored\n"));
    end(sim);
}

static void
an_ack_after_the_five_tries_settles(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_link(sim, 'B', 'A')->delay_min_ms = sim_link(sim, 'B', 'A')->delay_max_ms =
        12000;
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 11999);
    sim_clear_trace(sim);
    sim_run_ms(sim, 8000);
    CHECK(sim_expect(sim, "12010 A settled m1 stored\n"));
    end(sim);
}

static void
an_ack_from_elsewhere_settles_nothing(void)
{
    struct sim *sim = sim_new(1, 3);
    uint8_t ack[LCP_HEADER_BYTES] = {'L', 'C', 'P', '1', 0, 0, 0, 0, LCP_PACKET_ACK};
    uint32_t seq;

    sim_cut(sim, 'A', 'B', true);
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 0);
    seq = sim_last_seq(sim, 'A');
    for (int i = 0; i < 4; i++)
        ack[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
    sim_inject(sim, 'C', 'A', lcp_span(ack, sizeof(ack)));
    sim_inject(sim, 'X', 'A', lcp_span(ack, sizeof(ack)));
    sim_run_ms(sim, 600);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1 (lost)\n"
                          "  200 A send    m1 try 2 (lost)\n"
                          "  600 A send    m1 try 3 (lost)\n"));
    CHECK(sim_counter(sim, 'A', "ack_unmatched") == 1);
    CHECK(sim_counter(sim, 'A', "stranger") == 1);
    end(sim);
}

static void
at_most_eight_are_under_way(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_cut(sim, 'A', 'B', true);
    for (int i = 0; i < 20; i++)
        sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 9000);
    CHECK(count_of(sim, "try 1 ") == 8);
    CHECK(count_of(sim, "try 5 ") == 8);
    sim_cut(sim, 'A', 'B', false);
    sim_send(sim, 'B', 'A', "I am here");
    sim_run_ms(sim, 5000);
    CHECK(count_of(sim, "B stored") == 20);
    CHECK(count_of(sim, "settled") == 21);
    end(sim);
}

static void
mail_goes_in_the_order_it_was_given(void)
{
    struct sim *sim = sim_new(1, 2);

    for (int i = 0; i < 10; i++)
        sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 15);
    sim_clear_trace(sim);
    sim_run_ms(sim, 1000);
    CHECK(sim_expect(sim, "   20 A settled m1 stored\n"
                          "   20 A settled m2 stored\n"
                          "   20 A settled m3 stored\n"
                          "   20 A settled m4 stored\n"
                          "   20 A settled m5 stored\n"
                          "   20 A settled m6 stored\n"
                          "   20 A settled m7 stored\n"
                          "   20 A settled m8 stored\n"
                          "   20 A send    m9 try 1\n"
                          "   20 A send    m10 try 1\n"
                          "   30 B stored  m9\n"
                          "   30 B receipt m9 stored\n"
                          "   30 B stored  m10\n"
                          "   30 B receipt m10 stored\n"
                          "   40 A settled m9 stored\n"
                          "   40 A settled m10 stored\n"));
    end(sim);
}

static void
a_retransmission_joins_the_running_admission(void)
{
    struct sim *sim = sim_new(1, 2);
    struct sim_pace *pace = sim_pace(sim, 'B', WRITER);

    pace->before_min_ms = pace->before_max_ms = 1600;
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 2000);
    pace->before_min_ms = pace->before_max_ms = 0;
    sim_run_ms(sim, 3000);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "  200 A send    m1 try 2\n"
                          "  600 A send    m1 try 3\n"
                          " 1400 A send    m1 try 4\n"
                          " 1610 B stored  m1\n"
                          " 1610 B receipt m1 stored\n"
                          " 1620 A settled m1 stored\n"));
    CHECK(sim_counter(sim, 'B', "merged") == 3);
    CHECK(sim_counter(sim, 'B', "duplicate") == 0);
    end(sim);
}

int
main(void)
{
    lost_ack_is_not_a_second_delivery();
    lost_data_goes_again();
    after_five_tries_it_is_queued_and_the_caller_knows();
    one_message_probes_in_doubling_distances();
    a_peer_that_comes_back_gets_its_mail_at_once();
    a_copy_on_the_way_is_answered_and_not_stored();
    a_restarted_receiver_knows_what_it_has();
    a_receiver_that_dies_before_its_commit_has_said_nothing();
    a_receiver_that_dies_after_its_commit_answers_when_it_is_back();
    a_restarted_sender_goes_on();
    what_was_not_accepted_may_be_forgotten();
    the_ack_of_an_earlier_transmission_settles();
    an_ack_after_the_five_tries_settles();
    an_ack_from_elsewhere_settles_nothing();
    at_most_eight_are_under_way();
    mail_goes_in_the_order_it_was_given();
    a_retransmission_joins_the_running_admission();
    return check_end("delivery");
}
