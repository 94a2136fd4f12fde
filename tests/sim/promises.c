/* SPDX-License-Identifier: MIT
 *
 * The stories behind promises.h.
 */
#include "promises.h"

#include "conf/conf.h"

enum { SECOND = 1000, MINUTE = 60 * 1000 };

static const char m1[] = "11111111-1111-4111-8111-111111111111";

static void
say(char *why, size_t cap, const char *what, int64_t value)
{
    (void)snprintf(why, cap, "%s: %lld", what, (long long)value);
}

/* SEND with an id of our choice and more members. */
static int
send_as(struct sim *sim, char from, char to, const char *id, const char *members)
{
    char json[SIM_TEXT_MAX];

    (void)snprintf(
        json, sizeof(json),
        "{\"v\":1,\"cmd\":\"SEND\",\"to\":\"%c\",\"id\":\"%s\",\"wait\":false%s,"
        "\"payload\":{\"type\":\"chat\",\"message\":\"hello\"}}",
        to, id, members);
    return sim_request(sim, from, json);
}

static void
number_id(char id[static LCP_UUID_CHARS + 1], unsigned number)
{
    (void)snprintf(id, LCP_UUID_CHARS + 1, "%08x-1111-4111-8111-111111111111", number);
}

/* Two admissions of one message are two verifications: no promise to a peer, but to
 * ourselves. */
static bool
a_retransmission_joins_the_running_admission(struct sim *sim, char *why, size_t cap)
{
    struct sim_pace *pace = sim_pace(sim, 'B', WRITER);
    uint64_t merged;

    pace->before_min_ms = pace->before_max_ms = 3500;
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 3000);
    pace->before_min_ms = pace->before_max_ms = 0;
    sim_run_ms(sim, 3000);
    merged = sim_counter(sim, 'B', "merged");
    say(why, cap, "retransmissions that joined", (int64_t)merged);
    return merged >= 2;
}

static bool
a_word_about_other_content_moves_nothing(struct sim *sim, char *why, size_t cap)
{
    static const uint8_t other[LCP_DIGEST_BYTES] = {1};

    sim_link(sim, 'A', 'B')->is_cut = true;
    send_as(sim, 'A', 'B', m1, "");
    sim_run_ms(sim, 100);
    sim_forge_receipt(sim, 'B', 'A', LCP_WORD_DONE, m1, other);
    sim_run_ms(sim, 1000);
    say(why, cap, "state at the sender", sim_out_state(sim, m1));
    return sim_out_state(sim, m1) == LCP_SENT_QUEUED && sim_violation(sim) == NULL;
}

static bool
old_hellos_bring_nobody_back(struct sim *sim, char *why, size_t cap)
{
    int status;

    sim_run_ms(sim, 5 * MINUTE);
    sim_crash(sim, 'B', SIM_CRASH_NOW);
    sim_run_ms(sim, 5 * MINUTE);
    say(why, cap, "hellos replayed",
        sim_replay_each(sim, 'B', 'A', LCP_PACKET_HEARTBEAT));
    sim_run_ms(sim, SECOND);
    status = sim_request(sim, 'A', "{\"v\":1,\"cmd\":\"STATUS\"}");
    sim_run_ms(sim, 0);
    return says(sim, status, "\"online\":false");
}

static bool
a_bare_ack_is_not_enough_from_who_can_sign(struct sim *sim, char *why, size_t cap)
{
    uint8_t ack[LCP_HEADER_BYTES] = "LCP1";
    uint32_t seq;

    sim_crash(sim, 'B', SIM_CRASH_NOW);
    send_as(sim, 'A', 'B', m1, "");
    sim_run_ms(sim, 100);
    seq = sim_last_seq(sim, 'A');
    for (int i = 0; i < 4; i++)
        ack[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
    ack[8] = LCP_PACKET_ACK;
    sim_inject(sim, 'B', 'A', lcp_span(ack, sizeof(ack)));
    sim_run_ms(sim, SECOND);
    say(why, cap, "state at the sender", sim_out_state(sim, m1));
    return sim_out_state(sim, m1) == LCP_SENT_QUEUED;
}

static bool
a_ttl_runs_on_over_restarts(struct sim *sim, char *why, size_t cap)
{
    sim_crash(sim, 'B', SIM_CRASH_NOW);
    send_as(sim, 'A', 'B', m1, ",\"ttl\":3600");
    for (int i = 0; i < 6; i++) {
        sim_run_ms(sim, 9 * MINUTE);
        sim_crash(sim, 'A', SIM_CRASH_NOW);
        sim_start(sim, 'A');
    }
    /* A crash may give back a minute at most. */
    sim_run_ms(sim, 13 * MINUTE);
    say(why, cap, "state after 67 of 60 minutes", sim_out_state(sim, m1));
    return sim_out_state(sim, m1) == LCP_SENT_EXPIRED;
}

static void
small_quota(struct sim *sim, char node, struct lcp_conf *conf)
{
    (void)sim;
    conf->loop_limit = 0;
    for (size_t i = 0; node == 'B' && i < conf->peer_count; i++)
        conf->peers[i].policy.quota_messages = 2;
}

static bool
a_full_quota_means_later(struct sim *sim, char *why, size_t cap)
{
    char id[LCP_UUID_CHARS + 1];
    int delivered = 0;

    for (unsigned i = 0; i < 5; i++) {
        number_id(id, i);
        send_as(sim, 'A', 'B', id, "");
    }
    sim_run_ms(sim, SECOND);
    if (sim_stored(sim) != 2) {
        say(why, cap, "stored though the quota is 2", (int64_t)sim_stored(sim));
        return false;
    }
    for (int i = 0; i < 20; i++) {
        sim_look(sim, 'B', true);
        sim_run_ms(sim, MINUTE);
    }
    for (unsigned i = 0; i < 5; i++) {
        number_id(id, i);
        delivered += sim_out_state(sim, id) == LCP_SENT_DONE;
    }
    say(why, cap, "done of 5", delivered);
    return delivered == 5 && sim_violation(sim) == NULL;
}

static bool
read_means_printed(struct sim *sim, char *why, size_t cap)
{
    send_as(sim, 'A', 'B', m1, "");
    sim_run_ms(sim, SECOND);
    (void)sim_request(sim, 'B', "{\"v\":1,\"cmd\":\"CHECK\"}"); /* and dies of it */
    sim_run_ms(sim, SECOND);
    say(why, cap, "state at the receiver", sim_in_state(sim, m1));
    return sim_in_state(sim, m1) == LCP_IN_STORED &&
           sim_out_state(sim, m1) == LCP_SENT_STORED;
}

static bool
the_first_end_stays(struct sim *sim, char *why, size_t cap)
{
    send_as(sim, 'A', 'B', m1, "");
    sim_run_ms(sim, SECOND);
    sim_look(sim, 'B', true);
    sim_run_ms(sim, SECOND);
    (void)sim_refuse(sim, 'B', m1);
    sim_run_ms(sim, SECOND);
    /* And if B said both? */
    sim_forge_receipt(sim, 'B', 'A', LCP_WORD_REFUSED, m1, NULL);
    sim_run_ms(sim, SECOND);
    say(why, cap, "state at the sender", sim_out_state(sim, m1));
    return sim_in_state(sim, m1) == LCP_IN_ARCHIVED &&
           sim_out_state(sim, m1) == LCP_SENT_DONE && sim_violation(sim) == NULL;
}

static bool
a_pause_outlives_a_crash(struct sim *sim, char *why, size_t cap)
{
    (void)sim_pause(sim, 'B', 'A', true);
    sim_run_ms(sim, SECOND);
    sim_crash(sim, 'B', SIM_CRASH_NOW);
    sim_start(sim, 'B');
    send_as(sim, 'A', 'B', m1, "");
    sim_run_ms(sim, 20 * SECOND);
    sim_look(sim, 'B', true);
    sim_run_ms(sim, SECOND);
    say(why, cap, "state at the receiver", sim_in_state(sim, m1));
    return sim_in_state(sim, m1) == LCP_IN_STORED && sim_violation(sim) == NULL;
}

static bool
a_busy_honest_peer_is_not_throttled(struct sim *sim, char *why, size_t cap)
{
    enum { MESSAGES = 1500 };
    uint64_t throttled;
    char id[LCP_UUID_CHARS + 1];

    for (unsigned i = 0; i < MESSAGES; i++) {
        number_id(id, i);
        send_as(sim, 'A', 'B', id, "");
    }
    sim_run_ms(sim, 20 * SECOND);
    throttled = sim_counter(sim, 'B', "throttled");
    say(why, cap, "throttled", (int64_t)throttled);
    if (throttled == 0)
        say(why, cap, "stored of 1500", (int64_t)sim_stored(sim));
    return throttled == 0 && sim_stored(sim) == MESSAGES;
}

/* Six peers have all the mail of the world for B, whose disk is slow; a seventh has one
 * message. */
static bool
a_quiet_peer_is_not_kept_waiting(struct sim *sim, char *why, size_t cap)
{
    struct sim_pace *pace = sim_pace(sim, 'B', WRITER);
    char id[LCP_UUID_CHARS + 1];
    int waited_ms = 0;

    for (unsigned i = 0; i < 6 * 2000; i++) {
        number_id(id, i + 100);
        send_as(sim, (char)('C' + i % 6), 'B', id, "");
    }
    sim_run_ms(sim, 900); /* their windows are open by now */
    pace->before_min_ms = pace->before_max_ms = 300;
    sim_run_ms(sim, 250);
    send_as(sim, 'A', 'B', m1, "");
    for (; waited_ms < 5000 && sim_in_state(sim, m1) != LCP_IN_STORED; waited_ms += 10)
        sim_run_ms(sim, 10);
    say(why, cap, "waited ms", waited_ms);
    return waited_ms <= 2 * 300 + 50; /* the batch that runs, and the next */
}

#define WORLD(...)                                                    \
    {                                                                 \
        .seed = 1, .with_keys = true, .keep_trace = true, __VA_ARGS__ \
    }

static void
no_loop_guard(struct sim *sim, char node, struct lcp_conf *conf)
{
    (void)sim;
    (void)node;
    conf->loop_limit = 0;
}

const struct promise sim_promises[] = {
    {"an ACK follows the commit", LCP_BUG_ACK_BEFORE_COMMIT, NULL, {0}},
    {"what was stored is known after a restart", LCP_BUG_DEDUP_LOST, NULL, {0}},
    {"the storing transaction looks at the pin", LCP_BUG_PIN_NOT_RECHECKED, NULL, {0}},
    {"a late ACK counts", LCP_BUG_LATE_ACK_DROPPED, NULL, {0}},
    {"states do not go back", LCP_BUG_STATE_BACK, NULL, {0}},
    {"a retransmission joins the running admission", LCP_BUG_ADMISSION_NOT_MERGED,
     a_retransmission_joins_the_running_admission, WORLD(.nodes = 2)},
    {"a refill skips no row", LCP_BUG_REFILL_SKIPS, NULL, {0}},
    {"nothing is forgotten after five tries", LCP_BUG_FORGOTTEN_AFTER_FIVE, NULL, {0}},
    {"a RECEIPT follows the commit", LCP_BUG_RECEIPT_BEFORE_COMMIT, NULL, {0}},
    {"nothing is signed for an unverified packet",
     LCP_BUG_CONFLICT_UNVERIFIED,
     NULL,
     {0}},
    {"a word about other content moves nothing", LCP_BUG_DIGEST_IGNORED,
     a_word_about_other_content_moves_nothing, WORLD(.nodes = 2)},
    {"old hellos bring nobody back", LCP_BUG_ECHO_IGNORED, old_hellos_bring_nobody_back,
     WORLD(.nodes = 2)},
    {"a bare ACK is not enough from who can sign", LCP_BUG_STICKY_IGNORED,
     a_bare_ack_is_not_enough_from_who_can_sign, WORLD(.nodes = 2)},
    {"a TTL runs on over restarts", LCP_BUG_TTL_RESTARTED, a_ttl_runs_on_over_restarts,
     WORLD(.nodes = 2, .may_end = true)},
    {"a full quota means later", LCP_BUG_QUOTA_FINAL, a_full_quota_means_later,
     WORLD(.nodes = 2, .configure = small_quota)},
    {"read means printed", LCP_BUG_READ_BEFORE_PRINT, read_means_printed,
     WORLD(.nodes = 2)},
    {"of done and refused the first stays", LCP_BUG_DONE_AND_REFUSED,
     the_first_end_stays, WORLD(.nodes = 2)},
    {"a pause outlives a crash", LCP_BUG_PAUSE_FORGOTTEN, a_pause_outlives_a_crash,
     WORLD(.nodes = 2)},
    {"a busy honest peer is not throttled", LCP_BUG_BUCKET_CHARGES_SUCCESS,
     a_busy_honest_peer_is_not_throttled,
     WORLD(.nodes = 2, .configure = no_loop_guard)},
    {"a quiet peer is not kept waiting", LCP_BUG_FAIRNESS_LOST,
     a_quiet_peer_is_not_kept_waiting, WORLD(.nodes = 8, .configure = no_loop_guard)},
};

const size_t sim_promise_count = COUNT_OF(sim_promises);

bool
sim_promise_is_kept(const struct promise *promise, char *why, size_t cap)
{
    struct sim *sim = sim_new_with(&promise->options);
    bool is_kept = promise->is_kept(sim, why, cap);

    if (sim_violation(sim) != NULL)
        (void)snprintf(why, cap, "%s", sim_violation(sim));
    is_kept = is_kept && sim_violation(sim) == NULL;
    sim_free(sim);
    return is_kept;
}
