/* SPDX-License-Identifier: MIT
 *
 * Stories of clocks that lie and of long sleep. docs/protocol.md "Rules" 9 and 10: time
 * to live is what a monotonic clock counts, our own sleep is nobody's silence, and
 * waking is no storm.
 */
#include "story.h"

enum {
    SECOND = 1000,
    HOUR = 3600 * SECOND,
    BEAT = 33 * SECOND, /* 30 s and the spread of 10 % */
    DAY_S = 24 * 3600,
};

static struct sim *
sim_of(int nodes, bool with_x)
{
    struct sim_options options = {.seed = 1,
                                  .nodes = nodes,
                                  .with_keys = true,
                                  .with_x = with_x,
                                  .may_end = true,
                                  .keep_trace = true,
                                  .trace_all = true};

    return sim_new_with(&options);
}

static void
send_with_ttl(struct sim *sim, char from, char to, unsigned ttl_s)
{
    char json[160];

    snprintf(json, sizeof(json),
             "{\"v\":1,\"cmd\":\"SEND\",\"ttl\":%u,\"to\":\"%c\","
             "\"payload\":{\"message\":\"lives %u s\"}}",
             ttl_s, to, ttl_s);
    (void)sim_request(sim, from, json);
}

/* A sleeps for so long with mail under way to a peer that is there, to one that is cut
 * off, and from one that goes on. */
static void
sleep_of(uint64_t sleep_ms)
{
    struct sim *sim = sim_of(3, false);

    sim_run_ms(sim, 60 * SECOND);
    sim_cut(sim, 'A', 'C', true);
    for (int i = 0; i < 8; i++)
        sim_send(sim, 'A', 'C', "nobody hears this yet");
    sim_run_ms(sim, 20 * SECOND);
    sim_sleep(sim, 'A', sleep_ms);
    sim_run_ms(sim, 5 * SECOND);
    sim_send(sim, 'B', 'A', "sent to a sleeper");
    sim_run_ms(sim, sleep_ms - 5 * SECOND - 1);
    CHECK(count_of(sim, "A stored") == 0);
    sim_clear_trace(sim);

    /* The second after waking: to C, which is cut off, at most a heartbeat and the next
     * try of what waits; to B at most a heartbeat. */
    sim_run_ms(sim, SECOND);
    CHECK(count_of(sim, "A beat    to B") <= 1);
    CHECK(count_of(sim, "A beat    to C") <= 2);
    CHECK(count_of(sim, "A send    m") <= 8);

    /* Within one heartbeat everybody sees everybody, and all mail is there. */
    sim_cut(sim, 'A', 'C', false);
    sim_run_ms(sim, BEAT);
    CHECK(count_of(sim, "A info    peer B: offline") == 0);
    CHECK(count_of(sim, "A beat    to B") <= 3);
    CHECK(count_of(sim, "A stored") == 1);
    CHECK(sim_undelivered(sim) == 0);
    CHECK(sim_counter(sim, 'A', "slept") >= 1);
    end(sim);
}

static void
no_sleep_is_a_storm_or_a_silence(void)
{
    sleep_of(150 * SECOND);
    sleep_of(HOUR);
    sleep_of(UINT64_C(8) * HOUR);
    sleep_of(UINT64_C(20) * HOUR); /* under the 24 h that mail has to live */
}

/* Mail keeps flowing through every era, and no datagram more than without the jump. */
static void
a_wall_clock_that_jumps_changes_nothing(void)
{
    static const int64_t jumps_h[] = {-56 * 8766, 56 * 8766, 20 * 8766,
                                      -20 * 8766, 1,         -1};
    struct sim *still = sim_of(2, false), *jumping = sim_of(2, false);

    for (size_t i = 0; i < sizeof(jumps_h) / sizeof(jumps_h[0]); i++) {
        struct sim *both[] = {still, jumping};

        sim_clock_jump(jumping, 'A', jumps_h[i] * HOUR);
        for (int s = 0; s < 2; s++) {
            sim_clear_trace(both[s]);
            for (int n = 0; n < 5; n++) {
                sim_send(both[s], 'A', 'B', "there");
                sim_send(both[s], 'B', 'A', "and back");
                sim_run_ms(both[s], 20 * SECOND);
            }
        }
        CHECK(strcmp(sim_trace(still), sim_trace(jumping)) == 0);
        CHECK(count_of(jumping, "settled") == 10);
    }
    end(still);
    end(jumping);
}

/* A day to live is a day, whatever the wall says while the node runs and when it
 * starts; a crash may give back a minute, a start under a wrong clock what the node was
 * down for. */
static void
no_clock_kills_or_keeps_mail(void)
{
    static const int64_t jumps_h[] = {-56 * 8766, 76 * 8766, -76 * 8766, 56 * 8766};
    struct sim *sim = sim_of(2, false);
    uint64_t times[TIMES_MAX];

    sim_cut(sim, 'A', 'B', true);
    send_with_ttl(sim, 'A', 'B', DAY_S);
    for (size_t i = 0; i < 4; i++) {
        sim_run_ms(sim, HOUR);
        sim_clock_jump(sim, 'A', jumps_h[i] * HOUR);
        sim_run_ms(sim, HOUR);
        sim_crash(sim, 'A', SIM_CRASH_NOW);
        sim_start(sim, 'A');
        CHECK(count_of(sim, "expired") == 0);
    }
    sim_run_ms(sim, UINT64_C(15) * HOUR + 50 * 60 * SECOND);
    CHECK(count_of(sim, "expired") == 0);
    sim_clear_trace(sim);
    sim_run_ms(sim, 20 * 60 * SECOND);
    CHECK(times_of(sim, "settled m", times) == 1 && count_of(sim, "expired") >= 1);
    CHECK(times[0] >= UINT64_C(24) * HOUR &&
          times[0] <= UINT64_C(24) * HOUR + 5 * 60 * SECOND);
    end(sim);
}

int
main(void)
{
    no_sleep_is_a_storm_or_a_silence();
    a_wall_clock_that_jumps_changes_nothing();
    no_clock_kills_or_keeps_mail();
    return check_end("clocks");
}
