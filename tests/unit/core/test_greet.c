/* SPDX-License-Identifier: MIT
 *
 * HELLO: what proves that a peer is there, what does not, and how many packets it
 * takes.
 */
#include "core/bucket.h"

#include "rig_words.h"

static struct rig rig, other;

static void
with_peer(void)
{
    rig_new(&rig);
    rig.traces_beats = true;
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_run(&rig, 10);
    rig_hush(&rig);
}

static void
our_heartbeats_are_hellos_with_fresh_nonces(void)
{
    with_peer();
    rig_run(&rig, 300000);
    REQUIRE(rig.tx_count >= 3);
    for (size_t i = 0; i < rig.tx_count; i++) {
        CHECK(rig.tx[i].type == LCP_PACKET_HEARTBEAT && !rig.tx[i].has_echo);
        for (size_t k = 0; k < i; k++)
            CHECK(memcmp(rig.tx[i].nonce, rig.tx[k].nonce, LCP_NONCE_BYTES) != 0);
    }
    CHECK(rig.kinds[LCP_OUT_TX] == 0);
    rig_free(&rig);
}

static void
a_fresh_echo_is_online_and_1_2_and_answered_with_its_nonce(void)
{
    uint8_t nonce[LCP_NONCE_BYTES];
    uint64_t ticket;

    with_peer();
    ticket = rig_hello(&rig, 0, RIG_BOOT, 7, rig_our_nonce(&rig, 0));
    rig_expect(&rig, "acknowledged, and verified before anything is believed",
               "  1010 p0 ack 7\n"
               "  1010 p0 hello?\n");
    CHECK(!rig_view(&rig, 0).is_online && !rig_view(&rig, 0).has_fresh_hello);
    rig_hello_ends(&rig, ticket, true);
    rig_expect(&rig, "proved",
               "  1010 p0 speaks 1.2\n"
               "  1010 p0 online\n"
               "  1010 p0 beat\n");
    rig_nonce(7, nonce);
    CHECK(rig_last_tx(&rig, 0, LCP_PACKET_HEARTBEAT)->has_echo);
    CHECK(memcmp(rig_last_tx(&rig, 0, LCP_PACKET_HEARTBEAT)->echo, nonce,
                 sizeof(nonce)) == 0);
    CHECK(rig_view(&rig, 0).has_fresh_hello);
    CHECK(rig_view(&rig, 0).version == LCP_VERSION_1_2);
    CHECK(rig_counter(&rig, LCP_COUNT_HELLO_FRESH) == 1);
    /* It has ours now, and says so: nothing more to say. */
    rig_hello_ends(&rig, rig_hello(&rig, 0, RIG_BOOT, 8, rig_our_nonce(&rig, 0)), true);
    rig_expect(&rig, "no end of answers",
               "  1010 p0 ack 8\n"
               "  1010 p0 hello?\n");
    rig_free(&rig);
}

static void
a_stale_echo_is_answered_once_a_second_and_does_nothing_else(void)
{
    static const uint8_t guess[LCP_NONCE_BYTES] = {1, 2, 3};

    with_peer();
    rig_hello_ends(&rig, rig_hello(&rig, 0, RIG_BOOT, 1, NULL), true);
    rig_expect(&rig, "none",
               "  1010 p0 ack 1\n"
               "  1010 p0 hello?\n"
               "  1010 p0 beat\n");
    rig_run(&rig, 999);
    rig_hello_ends(&rig, rig_hello(&rig, 0, RIG_BOOT, 2, guess), true);
    rig_expect(&rig, "too soon",
               "  2009 p0 ack 2\n"
               "  2009 p0 hello?\n");
    rig_run(&rig, 1);
    rig_hello_ends(&rig, rig_hello(&rig, 0, RIG_BOOT, 3, guess), true);
    rig_expect(&rig, "a second later",
               "  2010 p0 ack 3\n"
               "  2010 p0 hello?\n"
               "  2010 p0 beat\n");
    CHECK(rig_counter(&rig, LCP_COUNT_HELLO_STALE) == 3);
    CHECK(!rig_view(&rig, 0).is_online && !rig_view(&rig, 0).was_heard);
    CHECK(rig_view(&rig, 0).version == LCP_VERSION_1_1);
    rig_free(&rig);
}

static void
a_nonce_of_ours_is_live_for_150_seconds_and_the_last_eight_count(void)
{
    static const struct {
        const char *label;
        uint64_t age_ms;
        bool want;
    } rows[] = {
        {"at once", 0, true},
        {"just in time", 150000, true},
        {"too old", 150001, false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t nonce[LCP_NONCE_BYTES];

        with_peer();
        memcpy(nonce, rig.tx[0].nonce, sizeof(nonce));
        rig_run_to(&rig, rig.tx[0].at_ms + rows[i].age_ms);
        rig_hello_ends(&rig, rig_hello(&rig, 0, RIG_BOOT, 1, nonce), true);
        CHECK_ROW(rows[i].label, rig_view(&rig, 0).is_online == rows[i].want);
        rig_free(&rig);
    }
}

static void
a_repeated_hello_is_dropped_before_it_costs_a_verification(void)
{
    uint64_t ticket;

    with_peer();
    ticket = rig_hello(&rig, 0, RIG_BOOT, 1, rig_our_nonce(&rig, 0));
    CHECK(rig_hello(&rig, 0, RIG_BOOT, 1, rig_our_nonce(&rig, 0)) == 0);
    rig_hello_ends(&rig, ticket, true);
    for (uint64_t nonce = 2; nonce <= 8; nonce++)
        rig_hello_ends(&rig, rig_hello(&rig, 0, RIG_BOOT, nonce, NULL), true);
    for (uint64_t nonce = 1; nonce <= 8; nonce++)
        CHECK(rig_hello(&rig, 0, RIG_BOOT, nonce, NULL) == 0);
    CHECK(rig_counter(&rig, LCP_COUNT_HELLO_REPEATED) == 9);
    rig_free(&rig);
}

static void
a_forged_hello_changes_nothing_and_makes_way_for_a_proven_one(void)
{
    uint8_t nonce[LCP_NONCE_BYTES];
    uint64_t forged, good;

    with_peer();
    memcpy(nonce, rig_our_nonce(&rig, 0), sizeof(nonce));
    forged = rig_hello(&rig, 0, RIG_BOOT, 1, NULL);
    CHECK(forged != 0);
    CHECK(rig_hello(&rig, 0, RIG_BOOT, 2, NULL) == 0); /* one at a time */
    good = rig_hello(&rig, 0, RIG_BOOT, 3, nonce);
    CHECK(good != 0);
    CHECK(rig_hello(&rig, 0, RIG_BOOT, 4, nonce) == 0);
    rig_hello_ends(&rig, forged, true); /* its ticket is void */
    CHECK(!rig_view(&rig, 0).was_heard);
    rig_hello_ends(&rig, good, true);
    CHECK(rig_view(&rig, 0).is_online);
    rig_hello_ends(&rig, rig_hello(&rig, 0, RIG_BOOT, 5, nonce), false);
    CHECK(rig_counter(&rig, LCP_COUNT_BAD_SIGNATURE) == 1);
    CHECK(rig_hello(&rig, 0, RIG_BOOT, 5, nonce) !=
          0); /* a forged nonce is not heard */
    rig_free(&rig);
}

static void
hellos_for_others_or_under_another_key_are_counted(void)
{
    with_peer();
    rig_packet(&rig, 0, LCP_PACKET_HEARTBEAT, 1,
               rig_hello_text(&rig.them[0], "you", RIG_BOOT, 1, NULL));
    CHECK(rig_counter(&rig, LCP_COUNT_BAD_HELLO) == 1);
    rig_packet(&rig, 0, LCP_PACKET_HEARTBEAT, 2,
               rig_hello_text(&rig.them[1], "me", RIG_BOOT, 1, NULL));
    CHECK(rig_counter(&rig, LCP_COUNT_OTHER_KEY) == 1);
    rig_poll(&rig);
    rig_expect(&rig, "an ACK says no more than that a heartbeat came",
               "  1010 p0 ack 2\n");
    rig_free(&rig);
}

/* Only who sees our packets can echo our nonce: a flood does not keep it out. */
static void
an_echo_of_ours_passes_an_empty_bucket(void)
{
    with_peer();
    rig_drain(&rig, 0);
    CHECK(rig_hello(&rig, 0, RIG_BOOT, 1, NULL) == 0);
    CHECK(rig_counter(&rig, LCP_COUNT_THROTTLED) == 2);
    for (uint64_t nonce = 2; nonce < 1000; nonce++) { /* good ones cost nothing */
        uint64_t ticket = rig_hello(&rig, 0, RIG_BOOT, nonce, rig_our_nonce(&rig, 0));

        CHECK(ticket != 0);
        rig_hello_ends(&rig, ticket, true);
    }
    CHECK(rig_view(&rig, 0).is_online);
    for (uint64_t nonce = 1000; nonce < 2000; nonce++) { /* who forges them pays */
        uint64_t ticket = rig_hello(&rig, 0, RIG_BOOT, nonce, rig_our_nonce(&rig, 0));

        if (ticket != 0)
            rig_hello_ends(&rig, ticket, false);
    }
    CHECK(rig_counter(&rig, LCP_COUNT_BAD_SIGNATURE) == LCP_BUCKET_COOKIE_PEER_BURST);
    rig_free(&rig);
}

/* A recording costs neither a verification nor a token. */
static void
a_flood_of_one_recording_is_dropped_unparsed(void)
{
    with_peer();
    rig_hello_ends(&rig, rig_hello(&rig, 0, RIG_BOOT, 1, NULL), true);
    for (int i = 0; i < 10000; i++) {
        rig.tx_count = 1;
        CHECK(rig_hello(&rig, 0, RIG_BOOT, 1, NULL) == 0);
    }
    CHECK(rig_counter(&rig, LCP_COUNT_HELLO_REPEATED) == 10000);
    CHECK(rig_counter(&rig, LCP_COUNT_THROTTLED) == 0);
    rig_free(&rig);
}

/* An old boot's recordings, played without end, must not spoil what our heartbeats
 * echo: the peer would think us gone. */
static void
recordings_do_not_push_out_the_echo_that_proves_us(void)
{
    uint8_t nonce[LCP_NONCE_BYTES];

    with_peer();
    rig_meet(&rig, 0);
    memcpy(nonce, rig_last_tx(&rig, 0, LCP_PACKET_HEARTBEAT)->echo, sizeof(nonce));
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t ticket = rig_hello(&rig, 0, "00000000000000aa", 1000 + i, NULL);

        if (ticket != 0)
            rig_hello_ends(&rig, ticket, true);
        rig_run(&rig, 50);
    }
    rig_run(&rig, 33000);
    CHECK(memcmp(rig_last_tx(&rig, 0, LCP_PACKET_HEARTBEAT)->echo, nonce,
                 sizeof(nonce)) == 0);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_HEARTBEAT) <= 10);
    rig_free(&rig);
}

/* Nothing that was recorded brings a dead peer back, or keeps it alive for longer than
 * its last nonce was live. */
static void
a_dead_peer_is_offline_in_150_seconds_whatever_is_replayed(void)
{
    uint8_t nonces[5][LCP_NONCE_BYTES];

    with_peer();
    for (uint64_t i = 0; i < 5; i++) {
        memcpy(nonces[i], rig_our_nonce(&rig, 0), sizeof(nonces[i]));
        rig_hello_ends(&rig, rig_hello(&rig, 0, RIG_BOOT, 100 + i, nonces[i]), true);
        rig_run(&rig, 33000);
    }
    CHECK(rig_view(&rig, 0).is_online);
    for (uint64_t round = 0; round < 200; round++) {
        for (uint64_t i = 0; i < 4; i++) { /* with new nonces even: were it signed so */
            uint64_t ticket = rig_hello(&rig, 0, RIG_BOOT, 1000 + 5 * round + i,
                                        nonces[i]);

            if (ticket != 0)
                rig_hello_ends(&rig, ticket, true);
        }
        rig_run(&rig, 1000);
    }
    CHECK(!rig_view(&rig, 0).is_online && rig_view(&rig, 0).is_away);
    CHECK(rig.kinds[LCP_OUT_OFFLINE] == 1);
    CHECK(rig_view(&rig, 0).silent_ms > 199000); /* older echoes were no life either */
    rig_free(&rig);
}

/* Somebody answers for it, with what a path can carry: but nobody echoes our nonces. */
static void
a_1_2_peer_without_hellos_goes_offline_while_its_mail_comes(void)
{
    with_peer();
    rig_meet(&rig, 0);
    for (int i = 0; i < 40; i++) {
        char id[8];

        snprintf(id, sizeof(id), "m%d", i);
        rig_admitted(&rig, rig_mail(&rig, 0, (uint32_t)i, id, ""), LCP_ADM_STORED);
        CHECK(rig_view(&rig, 0).is_online == (rig.now_ms - rig.tx[0].at_ms < 150000));
        rig_run(&rig, 5000);
    }
    CHECK(rig.kinds[LCP_OUT_OFFLINE] == 1 && !rig_view(&rig, 0).is_away);
    rig_free(&rig);
}

static void
only_a_fresh_hello_makes_a_1_2_peer_online_but_other_signs_wake_it(void)
{
    size_t from;

    with_peer();
    rig_meet(&rig, 0);
    rig_queue(&rig, 0);
    rig_run(&rig, 200000);
    CHECK(!rig_view(&rig, 0).is_online && rig_view(&rig, 0).is_away);
    from = rig.tx_count;
    rig_admitted(&rig, rig_mail(&rig, 0, 9, "m1", ""), LCP_ADM_STORED);
    CHECK(!rig_view(&rig, 0).is_away && !rig_view(&rig, 0).is_online);
    rig_run(&rig, 1);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_DATA) == 1);
    CHECK(rig_count_tx(&rig, from, 0, LCP_PACKET_HEARTBEAT) == 1);
    rig_hello_ends(&rig, rig_hello(&rig, 0, RIG_BOOT, 500000, rig_our_nonce(&rig, 0)),
                   true);
    CHECK(rig_view(&rig, 0).is_online);
    rig_free(&rig);
}

static void
a_1_2_peer_is_greeted_also_while_mail_flows(void)
{
    with_peer();
    rig_meet(&rig, 0);
    rig.answers[0] = true;
    for (int i = 0; i < 20; i++) {
        rig_queue(&rig, 0);
        rig_run(&rig, 5000);
    }
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_HEARTBEAT) >= 4);
    rig_free(&rig);
}

static void
a_peer_once_known_as_1_2_stays_so_until_a_person_says_otherwise(void)
{
    struct lcp_core_peer put = {.name = "p0", .has_key = false};

    with_peer();
    rig_meet(&rig, 0);
    put.endpoint = rig.ends[0];
    CHECK(lcp_core_peer_put(rig.core, rig.now_ms, &put, NULL) == LCP_OK);
    CHECK(rig_view(&rig, 0).version == LCP_VERSION_1_2);
    put.version = LCP_VERSION_1_1;
    CHECK(lcp_core_peer_put(rig.core, rig.now_ms, &put, NULL) == LCP_OK);
    CHECK(rig_view(&rig, 0).version == LCP_VERSION_1_2);
    lcp_core_set_version(rig.core, rig.now_ms, rig.index[0], LCP_VERSION_1_1);
    CHECK(rig_view(&rig, 0).version == LCP_VERSION_1_1);
    put.version = LCP_VERSION_1_2;
    CHECK(lcp_core_peer_put(rig.core, rig.now_ms, &put, NULL) == LCP_OK);
    CHECK(rig_view(&rig, 0).version == LCP_VERSION_1_2);
    rig_free(&rig);
}

static void
a_new_key_begins_anew(void)
{
    struct lcp_core_peer put = {.name = "p0", .has_key = true};

    with_peer();
    rig_meet(&rig, 0);
    rig_run(&rig, 2000);
    put.endpoint = rig.ends[0];
    memcpy(put.key, rig.them[1].key.bytes, sizeof(put.key));
    CHECK(lcp_core_peer_put(rig.core, rig.now_ms, &put, NULL) == LCP_OK);
    CHECK(!rig_view(&rig, 0).has_fresh_hello);
    CHECK(rig_hello(&rig, 0, RIG_BOOT, 5, rig_our_nonce(&rig, 0)) == 0);
    CHECK(rig_counter(&rig, LCP_COUNT_OTHER_KEY) == 1);
    rig_free(&rig);
}

static void
first_contact_by_hello_pins_what_the_transaction_pinned(void)
{
    uint64_t ticket;

    rig_new(&rig);
    REQUIRE(rig_put(&rig, 0, false) == LCP_OK);
    rig_run(&rig, 10);
    ticket = rig_hello(&rig, 0, RIG_BOOT, 1, NULL);
    REQUIRE(ticket != 0);
    lcp_core_hello(rig.core, rig.now_ms, ticket, true, rig.them[0].key.bytes);
    CHECK(rig_view(&rig, 0).has_key);
    CHECK(memcmp(rig_view(&rig, 0).key, rig.them[0].key.bytes, LCP_KEY_BYTES) == 0);
    rig_free(&rig);
}

/* Two machines, 10 ms apart. `rig` knows the other as peer 0, and the other way. */
static void
pair_carry(struct rig *from, struct rig *to, size_t *at)
{
    for (; *at < from->tx_count && from->tx[*at].at_ms + RIG_RTT_MS <= from->now_ms;
         ++*at) {
        const struct rig_tx *tx = &from->tx[*at];
        uint64_t nonce = 0;

        for (size_t i = 0; i < LCP_NONCE_BYTES; i++)
            nonce |= (uint64_t)tx->nonce[i] << 8 * i;
        if (tx->type == LCP_PACKET_HEARTBEAT)
            rig_packet(to, 0, tx->type, tx->seq,
                       rig_hello_text(&from->us, "me", from->boot, nonce,
                                      tx->has_echo ? tx->echo : NULL));
        else
            rig_packet(to, 0, tx->type, tx->seq, "");
        rig_poll(to);
    }
}

static void
pair_run(uint64_t ms, size_t at[static 2])
{
    for (uint64_t i = 0; i < ms; i++) {
        rig_run(&rig, 1);
        rig_run(&other, 1);
        pair_carry(&rig, &other, &at[0]);
        pair_carry(&other, &rig, &at[1]);
    }
}

static void
pair_open(struct rig *one, const struct lcp_identity *us,
          const struct lcp_identity *them, uint8_t seed)
{
    struct lcp_core_config config = rig_config(one);

    memcpy(config.key, us->key.bytes, sizeof(config.key));
    config.random_seed[0] = seed;
    rig_open(one, &config);
    one->us = *us;
    one->them[0] = *them;
    one->verifies = true;
    snprintf(one->boot, sizeof(one->boot), "%016x", (unsigned)seed);
}

static void
two_machines_know_each_other_after_three_hellos(void)
{
    uint8_t seeds[2][LCP_SEED_BYTES] = {{11}, {12}};
    struct lcp_identity a, b;
    size_t at[2] = {0, 0}, from;

    lcp_identity_from_seed(seeds[0], &a);
    lcp_identity_from_seed(seeds[1], &b);
    pair_open(&rig, &a, &b, 1);
    pair_open(&other, &b, &a, 2);
    REQUIRE(rig_put(&other, 0, true) == LCP_OK);
    other.now_ms = rig.now_ms = 1000;
    pair_run(500, at); /* its first one finds a stranger */
    at[1] = other.tx_count;
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    pair_run(100, at);
    CHECK(rig_view(&rig, 0).has_fresh_hello && rig_view(&other, 0).has_fresh_hello);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_HEARTBEAT) == 2);
    CHECK(rig_count_tx(&other, 0, 0, LCP_PACKET_HEARTBEAT) ==
          2); /* with the lost one */
    /* It starts again, and knows nobody's nonce: three again. */
    pair_run(2000, at);
    rig_free(&rig);
    pair_open(&rig, &a, &b, 3);
    rig.now_ms = other.now_ms;
    at[0] = 0;
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    pair_run(100, at);
    CHECK(rig_view(&rig, 0).has_fresh_hello && rig_view(&other, 0).has_fresh_hello);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_HEARTBEAT) == 2);
    CHECK(rig_count_tx(&other, 0, 0, LCP_PACKET_HEARTBEAT) == 3);
    /* One sleeps for an hour: after its next heartbeat both know each other again. */
    pair_run(5000, at);
    for (int ms = 0; ms < 3600000; ms += 1000) {
        rig_run(&other, 1000);
        at[1] = other.tx_count;
    }
    rig.now_ms = other.now_ms;
    from = rig.tx_count;
    CHECK(!rig_view(&other, 0).is_online);
    while (!rig_view(&other, 0).has_fresh_hello && other.now_ms < 7200000)
        pair_run(10, at);
    CHECK(other.now_ms - rig.tx[from].at_ms < 100);
    CHECK(rig_view(&rig, 0).has_fresh_hello);
    CHECK(other.now_ms < 3600000 + 5000 + 3000 + 33000 + 1000 + 200);
    rig.kinds[LCP_OUT_OFFLINE] = other.kinds[LCP_OUT_OFFLINE] = 0;
    /* Ten minutes without loss: both stay online. */
    pair_run(600000, at);
    CHECK(rig.kinds[LCP_OUT_OFFLINE] == 0 && other.kinds[LCP_OUT_OFFLINE] == 0);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_HEARTBEAT) <= 30);
    rig_free(&rig);
    rig_free(&other);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    our_heartbeats_are_hellos_with_fresh_nonces();
    a_fresh_echo_is_online_and_1_2_and_answered_with_its_nonce();
    a_stale_echo_is_answered_once_a_second_and_does_nothing_else();
    a_nonce_of_ours_is_live_for_150_seconds_and_the_last_eight_count();
    a_repeated_hello_is_dropped_before_it_costs_a_verification();
    a_forged_hello_changes_nothing_and_makes_way_for_a_proven_one();
    hellos_for_others_or_under_another_key_are_counted();
    an_echo_of_ours_passes_an_empty_bucket();
    a_flood_of_one_recording_is_dropped_unparsed();
    recordings_do_not_push_out_the_echo_that_proves_us();
    a_dead_peer_is_offline_in_150_seconds_whatever_is_replayed();
    a_1_2_peer_without_hellos_goes_offline_while_its_mail_comes();
    only_a_fresh_hello_makes_a_1_2_peer_online_but_other_signs_wake_it();
    a_1_2_peer_is_greeted_also_while_mail_flows();
    a_peer_once_known_as_1_2_stays_so_until_a_person_says_otherwise();
    a_new_key_begins_anew();
    first_contact_by_hello_pins_what_the_transaction_pinned();
    two_machines_know_each_other_after_three_hellos();
    return check_end("greet");
}
