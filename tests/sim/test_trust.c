/* SPDX-License-Identifier: MIT
 *
 * Stories of trust, time and trouble: pins, lives, liveness, disks. docs/protocol.md
 * "Rules" 3, 5, 9, 10 and 13.
 */
#include "story.h"

static const char evil_1[] = "11111111-1111-4111-8111-111111111111";
static const char evil_2[] = "22222222-2222-4222-8222-222222222222";

/* A world with a peer X that has no key yet. */
static struct sim *
sim_with_x(void)
{
    struct sim_options options = {
        .seed = 1, .nodes = 2, .with_x = true, .keep_trace = true, .trace_all = true};

    return sim_new_with(&options);
}

static void
the_first_verified_packet_pins_the_key(void)
{
    struct sim *sim = sim_with_x();

    CHECK(sim_has_pinned(sim, 'B', 'A')); /* by its HELLO */
    CHECK(!sim_has_pinned(sim, 'B', 'X'));
    sim_forge(sim, 'X', 'B', 77, evil_1, "hello");
    sim_run_ms(sim, 100);
    CHECK(sim_has_pinned(sim, 'B', 'X'));
    CHECK(count_of(sim, "key pinned at first contact") == 1);
    CHECK(count_of(sim, "B stored") == 1);
    end(sim);
}

static void
a_changed_key_is_refused_loudly(void)
{
    struct sim *sim = sim_long(2, false);

    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 100);
    sim_clear_trace(sim);
    sim_forge(sim, 'A', 'B', 77, evil_1, "not me");
    sim_run_ms(sim, 100);
    CHECK(count_of(sim, "B stored") == 0);
    CHECK(count_of(sim, "B ack") == 0);
    CHECK(count_of(sim, "its key has changed") == 1);
    CHECK(sim_counter(sim, 'B', "other_key") == 1);
    /* The pin outlives the process. */
    sim_crash(sim, 'B', SIM_CRASH_NOW);
    sim_start(sim, 'B');
    sim_forge(sim, 'A', 'B', 78, evil_2, "not me either");
    sim_run_ms(sim, 100);
    CHECK(count_of(sim, "B stored") == 0);
    end(sim);
}

static void
of_two_first_packets_one_wins(void)
{
    struct sim *sim = sim_with_x();
    struct sim_pace *pace = sim_pace(sim, 'B', WRITER);

    pace->before_min_ms = pace->before_max_ms = 300;
    sim_forge(sim, 'X', 'B', 77, evil_1, "I am X");
    sim_forge(sim, 'X', 'B', 78, evil_2, "no, I am");
    sim_run_ms(sim, 2000);
    CHECK(count_of(sim, "B stored") == 1);
    end(sim);
}

static void
one_id_with_another_content_is_a_conflict(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_forge(sim, 'A', 'B', 'A', evil_1, "one");
    sim_run_ms(sim, 50);
    sim_forge(sim, 'A', 'B', 'A', evil_1, "two");
    sim_run_ms(sim, 50);
    CHECK(sim_expect(sim, "   10 B stored  m1\n"
                          "   10 B receipt m1 stored\n"
                          "   60 B receipt m1 refused: conflict\n"));
    CHECK(sim_counter(sim, 'B', "conflict") == 1);
    sim_forge(sim, 'A', 'B', 'A', evil_1, "one");
    sim_run_ms(sim, 50);
    CHECK(sim_expect(sim, "  110 B receipt m1 stored\n"));
    end(sim);
}

static void
a_life_counts_on_across_a_restart(void)
{
    struct sim_options options = {
        .seed = 1, .nodes = 2, .with_keys = true, .keep_trace = true, .may_end = true};
    struct sim *sim = sim_new_with(&options);

    sim_cut(sim, 'A', 'B', true);
    (void)sim_request(sim, 'A',
                      "{\"v\":1,\"cmd\":\"SEND\",\"ttl\":60,\"to\":\"B\",\"payload\":{"
                      "\"message\":\"short\"}}");
    sim_run_ms(sim, 20000);
    sim_crash(sim, 'A', SIM_CRASH_NOW);
    sim_run_ms(sim, 30000);
    sim_start(sim, 'A');
    sim_run_ms(sim, 9000);
    CHECK(count_of(sim, "expired") == 0);
    sim_clear_trace(sim);
    sim_run_ms(sim, 2000);
    CHECK(sim_expect(sim, "60000 A settled m1 expired\n"));
    sim_cut(sim, 'A', 'B', false);
    sim_run_ms(sim, 60000);
    CHECK(sim_expect(sim, ""));
    end(sim);
}

static void
a_wall_clock_set_back_takes_no_life(void)
{
    struct sim_options options = {
        .seed = 1, .nodes = 2, .with_keys = true, .keep_trace = true, .may_end = true};
    struct sim *sim = sim_new_with(&options);
    uint64_t times[TIMES_MAX];

    sim_cut(sim, 'A', 'B', true);
    (void)sim_request(sim, 'A',
                      "{\"v\":1,\"cmd\":\"SEND\",\"ttl\":600,\"to\":\"B\",\"payload\":{"
                      "\"message\":\"short\"}}");
    sim_run_ms(sim, 100000);
    sim_clock_jump(sim, 'A',
                   INT64_C(10) * 24 * 3600 *
                       1000); /* no jump is believed while it runs */
    sim_run_ms(sim, 100000);
    CHECK(count_of(sim, "expired") == 0);
    sim_crash(sim, 'A', SIM_CRASH_NOW);
    sim_clock_jump(sim, 'A', -INT64_C(20) * 24 * 3600 * 1000);
    sim_start(sim, 'A');
    sim_run_ms(sim, 600000);
    /* A crash gives back at most what was not saved: a minute. */
    CHECK(times_of(sim, "expired", times) == 1 && times[0] >= 600000 &&
          times[0] <= 660000);
    end(sim);
}

static void
a_ping_is_answered_by_the_daemon(void)
{
    struct sim *sim = sim_new(1, 2);
    int request = sim_request(sim, 'A', "{\"v\":1,\"cmd\":\"PING\",\"to\":\"B\"}");

    sim_run_ms(sim, 1000);
    CHECK(says(sim, request, "\"ok\":true") &&
          says(sim, request, "\"answered_by\":\"pong\"") &&
          says(sim, request, "\"rtt_ms\":20"));
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "   10 B consumed m1\n"
                          "   10 B receipt m1 stored\n"
                          "   10 B send    m2 try 1\n"
                          "   20 A consumed m2\n"
                          "   20 A receipt m2 stored\n"));
    request = sim_request(sim, 'B', "{\"v\":1,\"cmd\":\"CHECK\"}");
    sim_run_ms(sim, 0);
    CHECK(says(sim, request, "\"count\":0"));
    end(sim);
}

static void
our_own_sleep_is_not_the_peers_silence(void)
{
    struct sim *sim = sim_long(3, true);

    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 20000);
    sim_cut(sim, 'A', 'C', true);
    sim_send(sim, 'A', 'C', "under way");
    sim_run_ms(sim, 200);
    sim_sleep(sim, 'A', 150000);
    sim_run_ms(sim, 149999);
    sim_cut(sim, 'A', 'C', false);
    sim_clear_trace(sim);
    sim_run_ms(sim, 20000);
    CHECK(count_of(sim, "A info    peer B: offline") == 0);
    CHECK(count_of(sim, "A info    peer C: offline") == 0);
    CHECK(count_of(sim, "A beat    to B") <= 2);
    CHECK(count_of(sim, "A send    m2") <= 3);
    CHECK(count_of(sim, "A settled m2 stored") == 1);
    CHECK(sim_counter(sim, 'A', "slept") >= 1);
    end(sim);
}

static void
a_silent_peer_is_offline_after_two_minutes(void)
{
    struct sim *sim = sim_long(2, true);
    uint64_t times[TIMES_MAX];

    sim_run_ms(sim, 50000);
    sim_cut(sim, 'A', 'B', true);
    sim_run_ms(sim, 125000);
    CHECK(times_of(sim, "A info    peer B: offline", times) == 1 && times[0] >= 130000);
    sim_cut(sim, 'A', 'B', false);
    sim_run_ms(sim, 40000);
    CHECK(count_of(sim, "A info    peer B: online") == 1);
    end(sim);
}

static void
a_full_disk_acknowledges_nothing_and_passes(void)
{
    struct sim *sim = sim_new(1, 2);
    int request;

    sim_disk(sim, 'B', LCP_ENOSPACE);
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 1000);
    request = sim_send(sim, 'B', 'A', "no room to keep this");
    sim_run_ms(sim, 0);
    CHECK(says(sim, request, "storage-full"));
    sim_disk(sim, 'B', LCP_OK);
    sim_run_ms(sim, 1000);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "   10 B receipt m1 later\n"));
    /* B asked for half a minute. */
    sim_run_ms(sim, 29000);
    CHECK(sim_expect(sim, "30020 A send    m1 try 2\n"
                          "30030 B stored  m1\n"
                          "30030 B receipt m1 stored\n"
                          "30040 A settled m1 stored\n"));
    end(sim);
}

static void
a_sender_with_a_full_disk_settles_later(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 5);
    sim_disk(sim, 'A', LCP_ENOSPACE);
    sim_run_ms(sim, 10000);
    CHECK(sim_expect(sim, "    0 A send    m1 try 1\n"
                          "   10 B stored  m1\n"
                          "   10 B receipt m1 stored\n"
                          "  200 A send    m1 try 2\n"
                          "  210 B receipt m1 stored\n"
                          "  600 A send    m1 try 3\n"
                          "  610 B receipt m1 stored\n"
                          " 1400 A send    m1 try 4\n"
                          " 1410 B receipt m1 stored\n"
                          " 3000 A send    m1 try 5\n"
                          " 3010 B receipt m1 stored\n"
                          " 6000 A send    m1 try 6\n"
                          " 6010 B receipt m1 stored\n"));
    sim_disk(sim, 'A', LCP_OK);
    /* Asked once more, the receiver says it again. */
    sim_run_ms(sim, 20000);
    CHECK(count_of(sim, "A settled m1 stored") == 1);
    CHECK(count_of(sim, "A send") == 1);
    CHECK(count_of(sim, "B stored") == 0);
    end(sim);
}

static void
damaged_mail_is_not_acknowledged(void)
{
    struct sim *sim = sim_new(1, 2);

    sim_link(sim, 'A', 'B')->corruption = 1000;
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 1000);
    sim_link(sim, 'A', 'B')->corruption = 0;
    sim_run_ms(sim, 1000);
    CHECK(count_of(sim, "B stored") == 1);
    end(sim);
}

int
main(void)
{
    the_first_verified_packet_pins_the_key();
    a_changed_key_is_refused_loudly();
    of_two_first_packets_one_wins();
    one_id_with_another_content_is_a_conflict();
    a_life_counts_on_across_a_restart();
    a_wall_clock_set_back_takes_no_life();
    a_ping_is_answered_by_the_daemon();
    our_own_sleep_is_not_the_peers_silence();
    a_silent_peer_is_offline_after_two_minutes();
    a_full_disk_acknowledges_nothing_and_passes();
    a_sender_with_a_full_disk_settles_later();
    damaged_mail_is_not_acknowledged();
    return check_end("trust");
}
