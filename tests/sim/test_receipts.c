/* SPDX-License-Identifier: MIT
 *
 * What a sender comes to know, as stories: each word, when it is lost, when somebody
 * dies before it, when the other side speaks 1.1. docs/protocol.md "LCP/1.2".
 */
#include "story.h"

#include "conf/conf.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND };

static const char m1[] = "11111111-1111-4111-8111-111111111111";

static int
send_m1(struct sim *sim, char from, char to)
{
    char json[SIM_TEXT_MAX];

    (void)snprintf(
        json, sizeof(json),
        "{\"v\":1,\"cmd\":\"SEND\",\"to\":\"%c\",\"id\":\"%s\",\"wait\":false,"
        "\"payload\":{\"type\":\"chat\",\"message\":\"hello\"}}",
        to, m1);
    return sim_request(sim, from, json);
}

static void
stored_read_and_done_are_told(void)
{
    struct sim *sim = sim_new(1, 2);

    send_m1(sim, 'A', 'B');
    sim_run_ms(sim, 1000);
    sim_look(sim, 'B', false);
    sim_run_ms(sim, 1000);
    sim_look(sim, 'B', true);
    sim_run_ms(sim, 1000);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "   10 B stored  m1\n"
                          "   10 B receipt m1 stored\n"
                          "   20 A settled m1 stored\n"
                          " 1000 B receipt m1 read (news)\n"
                          " 1010 A settled m1 read\n"
                          " 2000 B receipt m1 done (news)\n"
                          " 2010 A settled m1 done\n"));
    end(sim);
}

static void
news_that_is_lost_goes_again(void)
{
    struct sim *sim = sim_new(1, 2);

    send_m1(sim, 'A', 'B');
    sim_run_ms(sim, 1000);
    sim_clear_trace(sim);
    sim_drop_next(sim, 'B', 'A', 2);
    sim_look(sim, 'B', true);
    sim_run_ms(sim, 9000);
    CHECK(sim_expect(sim, " 1000 B receipt m1 done (news) (lost)\n"
                          " 1200 B receipt m1 done (news) (lost)\n"
                          " 1600 B receipt m1 done (news)\n"
                          " 1610 A settled m1 done\n"));
    end(sim);
}

static void
news_is_owed_over_a_restart(void)
{
    struct sim *sim = sim_new(1, 2);

    send_m1(sim, 'A', 'B');
    sim_run_ms(sim, 1000);
    sim_cut(sim, 'A', 'B', true);
    sim_look(sim, 'B', true);
    sim_run_ms(sim, 100);
    sim_crash(sim, 'B', SIM_CRASH_NOW);
    sim_start(sim, 'B');
    sim_run_ms(sim, 20000);
    CHECK(sim_out_state(sim, m1) == LCP_SENT_STORED);
    sim_cut(sim, 'A', 'B', false);
    sim_run_ms(sim, 60000);
    CHECK(sim_out_state(sim, m1) == LCP_SENT_DONE);
    end(sim);
}

static void
a_refusal_is_told_with_its_reason(void)
{
    struct sim *sim = sim_new(1, 2);
    int sent;

    send_m1(sim, 'A', 'B');
    sim_run_ms(sim, 1000);
    (void)sim_refuse(sim, 'B', m1);
    sim_run_ms(sim, 1000);
    CHECK(sim_out_state(sim, m1) == LCP_SENT_REFUSED);
    sent = sim_request(sim, 'A', "{\"v\":1,\"cmd\":\"SENT\",\"state\":\"dead\"}");
    sim_run_ms(sim, 0);
    CHECK(says(sim, sent, "\"state\":\"refused\"") && says(sim, sent, "\"declined\"") &&
          says(sim, sent, "\"detail\":\"no\""));
    end(sim);
}

/* What one look showed is told to each sender in one packet. */
static void
one_look_is_one_receipt_for_each_sender(void)
{
    struct sim_options options = {.seed = 1, .nodes = 3, .with_keys = true};
    struct sim *sim = sim_new_with(&options);
    uint64_t before[2];

    for (int i = 0; i < 5; i++) {
        (void)sim_send(sim, 'A', 'B', "one of five");
        (void)sim_send(sim, 'C', 'B', "one of five");
    }
    sim_run_ms(sim, SECOND);
    CHECK(sim_stored(sim) == 10);
    before[0] = sim_counter(sim, 'A', "receipts");
    before[1] = sim_counter(sim, 'C', "receipts");
    sim_look(sim, 'B', false);
    sim_run_ms(sim, SECOND);
    CHECK(sim_counter(sim, 'A', "receipts") - before[0] == 1);
    CHECK(sim_counter(sim, 'C', "receipts") - before[1] == 1);
    end(sim);
}

static void
hold_at_b(struct sim *sim, char node, struct lcp_conf *conf)
{
    (void)sim;
    conf->heartbeat_ms = HOUR / 2; /* a week of the usual ones takes its time */
    conf->peer_timeout_ms = 2 * HOUR;
    for (size_t i = 0; node == 'B' && i < conf->peer_count; i++)
        conf->peers[i].policy.hold = true;
}

/* Whether or not its sender is there, and over a restart of who holds it. */
static void
held_for_a_week_is_refused_and_told(void)
{
    struct sim_options options = {.seed = 1,
                                  .nodes = 2,
                                  .with_keys = true,
                                  .keep_trace = true,
                                  .configure = hold_at_b};
    struct sim *sim = sim_new_with(&options);
    int sent;

    send_m1(sim, 'A', 'B');
    sim_run_ms(sim, 3 * 24 * HOUR);
    CHECK(sim_out_state(sim, m1) == LCP_SENT_HELD);
    sim_crash(sim, 'B', SIM_CRASH_NOW);
    sim_start(sim, 'B');
    sim_run_ms(sim, 3 * 24 * HOUR + 23 * HOUR);
    CHECK(sim_in_state(sim, m1) == LCP_IN_HELD);
    CHECK(sim_out_state(sim, m1) == LCP_SENT_HELD);
    sim_cut(sim, 'A', 'B', true);
    sim_run_ms(sim, 2 * HOUR);
    CHECK(sim_in_state(sim, m1) == LCP_IN_REFUSED);
    CHECK(sim_out_state(sim, m1) == LCP_SENT_HELD);
    sim_cut(sim, 'A', 'B', false);
    sim_run_ms(sim, HOUR);
    CHECK(sim_out_state(sim, m1) == LCP_SENT_REFUSED);
    sent = sim_request(sim, 'A', "{\"v\":1,\"cmd\":\"SENT\",\"state\":\"dead\"}");
    sim_run_ms(sim, 0);
    CHECK(says(sim, sent, "\"reason\":\"declined\"") && says(sim, sent, "7 days") &&
          says(sim, sent, "\"signed\":true"));
    end(sim);
}

/* What the receiver knows is true, whatever the sender thought meanwhile. */
static void
evidence_overrides_expiry(void)
{
    struct sim_options options = {
        .seed = 1, .nodes = 2, .with_keys = true, .keep_trace = true, .may_end = true};
    struct sim *sim = sim_new_with(&options);

    sim_link(sim, 'B', 'A')->is_cut = true;
    (void)sim_request(sim, 'A',
                      "{\"v\":1,\"cmd\":\"SEND\",\"ttl\":20,\"to\":\"B\",\"id\":"
                      "\"11111111-1111-4111-8111-111111111111\",\"wait\":false,"
                      "\"payload\":{\"message\":\"short\"}}");
    sim_run_ms(sim, 30000);
    CHECK(sim_out_state(sim, m1) == LCP_SENT_EXPIRED);
    sim_link(sim, 'B', 'A')->is_cut = false;
    sim_look(sim, 'B', true);
    sim_run_ms(sim, 60000);
    CHECK(sim_out_state(sim, m1) == LCP_SENT_DONE);
    end(sim);
}

static struct sim *
sim_with_python(void)
{
    struct sim_options options = {
        .seed = 1, .nodes = 2, .legacy = 1, .with_keys = true, .keep_trace = true};

    return sim_new_with(&options);
}

/* To a Python node nothing is new but members that it ignores. */
static void
a_python_node_is_spoken_to_as_ever(void)
{
    struct sim *sim = sim_with_python();

    send_m1(sim, 'A', 'B');
    sim_run_ms(sim, 1000);
    sim_legacy_send(sim, 'B', 'A', "22222222-2222-4222-8222-222222222222", "hello");
    sim_run_ms(sim, 1000);
    sim_look(sim, 'A', true);
    sim_run_ms(sim, 60000);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "   10 B stored  m1\n"
                          "   20 A settled m1 acked\n"
                          " 1010 A stored  m2\n"
                          " 1010 A ack     m2\n"));
    CHECK(sim_out_state(sim, m1) == LCP_SENT_ACKED);
    end(sim);
}

/* A Python node whose ACKs are lost gets five tries, which begin with what was
 * measured. */
static void
a_python_node_gets_its_tries(void)
{
    struct sim *sim = sim_with_python();

    sim_crash(sim, 'B', SIM_CRASH_NOW);
    sim_run_ms(sim, 100);
    send_m1(sim, 'A', 'B');
    sim_run_ms(sim, 9600);
    CHECK(sim_expect(sim, "  100 A send    m1 try 1\n"
                          "  300 A send    m1 try 2\n"
                          "  700 A send    m1 try 3\n"
                          " 1500 A send    m1 try 4\n"
                          " 3100 A send    m1 try 5\n"));
    end(sim);
}

int
main(void)
{
    stored_read_and_done_are_told();
    news_that_is_lost_goes_again();
    news_is_owed_over_a_restart();
    a_refusal_is_told_with_its_reason();
    one_look_is_one_receipt_for_each_sender();
    held_for_a_week_is_refused_and_told();
    evidence_overrides_expiry();
    a_python_node_is_spoken_to_as_ever();
    a_python_node_gets_its_tries();
    return check_end("receipts");
}
