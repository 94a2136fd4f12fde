/* SPDX-License-Identifier: MIT
 *
 * The machine's doors and what arrives through them: checks, admissions, peers.
 * Messages on their way are in test_window.c, liveness in test_live.c.
 */
#include "rig.h"

static struct rig rig;

static void
with_peer(void)
{
    rig_new(&rig);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_poll(&rig);
    rig_hush(&rig);
}

/* Members of a good message, to be spoilt one by one. */
#define HEAD                                                                         \
    "{\"id\":\"m1\",\"from\":\"p0\",\"to\":\"me\",\"timestamp\":\"2026-03-28T12:00:" \
    "00Z\","
#define BODY "\"type\":\"chat\",\"message\":\"hi\""

static void
each_bad_datagram_has_its_counter_and_no_answer(void)
{
    static const struct {
        const char *label;
        struct lcp_span bytes;
        uint32_t from; /* 3: a stranger */
        enum lcp_counter want;
    } rows[] = {
        {"empty", BYTES(""), 0, LCP_COUNT_TOO_SHORT},
        {"eight bytes", BYTES("LCP1\0\0\0\1"), 0, LCP_COUNT_TOO_SHORT},
        {"other magic", BYTES("LCP2\0\0\0\1\1{}"), 0, LCP_COUNT_BAD_MAGIC},
        {"type 0", BYTES("LCP1\0\0\0\1\0"), 0, LCP_COUNT_UNKNOWN_TYPE},
        {"type 5", BYTES("LCP1\0\0\0\1\5{}"), 0, LCP_COUNT_UNKNOWN_TYPE},
        {"no hello", BYTES("LCP1\0\0\0\1\3{}"), 0, LCP_COUNT_BAD_HEARTBEAT},
        {"a message with a damaged type", BYTES("LCP1\0\0\0\1\3" HEAD BODY "}"), 0,
         LCP_COUNT_BAD_HEARTBEAT},
        {"a hello without members", BYTES("LCP1\0\0\0\1\3{\"type\":\"hello\"}"), 0,
         LCP_COUNT_BAD_HELLO},
        {"no receipt", BYTES("LCP1\0\0\0\1\4{}"), 0, LCP_COUNT_BAD_RECEIPT},
        {"a stranger's heartbeat", BYTES("LCP1\0\0\0\1\3"), 3, LCP_COUNT_STRANGER},
        {"a stranger's message", BYTES("LCP1\0\0\0\1\1{}"), 3, LCP_COUNT_STRANGER},
        {"an ACK of nothing", BYTES("LCP1\0\0\0\1\2"), 0, LCP_COUNT_ACK_UNMATCHED},
        {"no payload", BYTES("LCP1\0\0\0\1\1"), 0, LCP_COUNT_BAD_JSON},
        {"no object", BYTES("LCP1\0\0\0\1\1[]"), 0, LCP_COUNT_BAD_JSON},
        {"trailing", BYTES("LCP1\0\0\0\1\1{} x"), 0, LCP_COUNT_BAD_JSON},
        {"a BOM", BYTES("LCP1\0\0\0\1\1\xef\xbb\xbf{}"), 0, LCP_COUNT_BAD_JSON},
        {"no UTF-8", BYTES("LCP1\0\0\0\1\1{\"a\":\"\xff\"}"), 0, LCP_COUNT_BAD_UTF8},
        {"surrogate", BYTES("LCP1\0\0\0\1\1{\"a\":\"\\ud800\"}"), 0,
         LCP_COUNT_JSON_SURROGATE},
        {"twice", BYTES("LCP1\0\0\0\1\1{\"a\":1,\"a\":1}"), 0,
         LCP_COUNT_JSON_DUPLICATE},
        {"1e999", BYTES("LCP1\0\0\0\1\1{\"a\":1e999}"), 0, LCP_COUNT_JSON_NUMBER},
        {"no member", BYTES("LCP1\0\0\0\1\1{}"), 0, LCP_COUNT_BAD_MEMBER},
        {"bad id",
         BYTES("LCP1\0\0\0\1\1{\"id\":\"../x\",\"from\":\"p0\",\"to\":\"me\","
               "\"timestamp\":\"2026-03-28T12:00:00Z\"," BODY "}"),
         0, LCP_COUNT_BAD_ID},
        {"no security", BYTES("LCP1\0\0\0\1\1" HEAD BODY "}"), 0,
         LCP_COUNT_BAD_SECURITY},
    };

    with_peer();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t before = rig_counter(&rig, rows[i].want);
        uint64_t all = rig_counter(&rig, LCP_COUNT_DATAGRAMS);

        lcp_core_datagram(rig.core, rig.now_ms, &rig.ends[rows[i].from], rows[i].bytes);
        CHECK_ROW(rows[i].label, rig_counter(&rig, rows[i].want) == before + 1);
        CHECK_ROW(rows[i].label, rig_counter(&rig, LCP_COUNT_DATAGRAMS) == all + 1);
        rig_poll(&rig);
        rig_expect(&rig, rows[i].label, "");
    }
    CHECK(rig_view(&rig, 0).rejected == 15);
    rig_free(&rig);
}

static void
deep_and_many_noded_json_is_counted_by_its_fault(void)
{
    static char text[3 * 5000];
    size_t len = 0;

    with_peer();
    memcpy(text, "{\"a\":", 5);
    memset(text + 5, '[', 70);
    rig_packet(&rig, 0, LCP_PACKET_DATA, 1, text);
    CHECK(rig_counter(&rig, LCP_COUNT_JSON_DEPTH) == 1);
    len = (size_t)snprintf(text, sizeof(text), "{\"a\":[1");
    for (int i = 0; i < 5000; i++, len += 2)
        memcpy(text + len, ",1", 3);
    memcpy(text + len, "]}", 3);
    rig_packet(&rig, 0, LCP_PACKET_DATA, 1, text);
    CHECK(rig_counter(&rig, LCP_COUNT_JSON_NODES) == 1);
    rig_free(&rig);
}

static void
mail_for_others_or_under_another_key_is_not_admitted(void)
{
    with_peer();
    rig_packet(&rig, 0, LCP_PACKET_DATA, 1,
               rig_message(&rig.them[0].key, "you", "m1", ""));
    CHECK(rig_counter(&rig, LCP_COUNT_NOT_FOR_US) == 1);
    rig_packet(&rig, 0, LCP_PACKET_DATA, 1,
               rig_message(&rig.them[1].key, "me", "m1", ""));
    CHECK(rig_counter(&rig, LCP_COUNT_OTHER_KEY) == 1);
    rig_poll(&rig);
    /* Silence outside. Inside the caller may find out whether that key signed it. */
    rig_expect(&rig, "silence", "  1000 p0 alarm 0\n");
    CHECK(rig.last[LCP_OUT_ALARM].payload.len > 0);
    rig_free(&rig);
}

static void
an_alias_of_ours_is_us(void)
{
    static const char *const aliases[] = {"old-me", "me2"};
    struct lcp_core_config config = rig_config(&rig);

    config.aliases = aliases;
    config.alias_count = 2;
    rig_open(&rig, &config);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_packet(&rig, 0, LCP_PACKET_DATA, 1,
               rig_message(&rig.them[0].key, "me2", "m1", ""));
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_ADMIT] == 1);
    rig_free(&rig);
}

static void
only_what_is_stored_is_answered(void)
{
    static const struct {
        const char *label;
        enum lcp_admission result;
        enum lcp_counter counter;
        const char *want;
    } rows[] = {
        {"stored", LCP_ADM_STORED, LCP_COUNT_STORED,
         "  1000 p0 ack 5\n  1000 p0 online\n"},
        {"duplicate", LCP_ADM_DUPLICATE, LCP_COUNT_DUPLICATE, "  1000 p0 ack 5\n"},
        {"conflict", LCP_ADM_CONFLICT, LCP_COUNT_CONFLICT, "  1000 p0 alarm 1\n"},
        {"bad signature", LCP_ADM_BADSIG, LCP_COUNT_BAD_SIGNATURE, ""},
        {"refused", LCP_ADM_REFUSED, LCP_COUNT_REFUSED, "  1000 p0 alarm 0\n"},
        {"later", LCP_ADM_LATER, LCP_COUNT_LATER, ""},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t ticket;

        with_peer();
        ticket = rig_mail(&rig, 0, 5, "m1", "");
        rig_expect(&rig, rows[i].label, "  1000 p0 admit\n");
        rig_admitted(&rig, ticket, rows[i].result);
        rig_expect(&rig, rows[i].label, rows[i].want);
        CHECK_ROW(rows[i].label, rig_counter(&rig, rows[i].counter) == 1);
        rig_admitted(&rig, ticket, LCP_ADM_STORED); /* a ticket counts once */
        rig_expect(&rig, rows[i].label, "");
        rig_free(&rig);
    }
}

static void
the_admission_holds_the_parsed_message_and_its_bytes(void)
{
    const char *text;

    with_peer();
    text = rig_message(&rig.them[0].key, "me", "m1", "hello");
    rig_packet(&rig, 0, LCP_PACKET_DATA, 1, text);
    rig_poll(&rig);
    CHECK(rig.last[LCP_OUT_ADMIT].payload.len == strlen(text));
    CHECK(memcmp(rig.last[LCP_OUT_ADMIT].payload.data, text, strlen(text)) == 0);
    CHECK(rig.last[LCP_OUT_ADMIT].message != NULL);
    CHECK(rig.last[LCP_OUT_ADMIT].peer == rig.index[0]);
    rig_free(&rig);
}

static void
a_retransmission_joins_the_admission_that_runs(void)
{
    uint64_t ticket;

    with_peer();
    ticket = rig_mail(&rig, 0, 1, "m1", "same");
    CHECK(rig_mail(&rig, 0, 2, "m1", "same") == 0);
    CHECK(rig_mail(&rig, 0, 2, "m1", "same") == 0); /* doubled by the network */
    CHECK(rig_mail(&rig, 0, 3, "m1", "other") == 0);
    CHECK(rig_counter(&rig, LCP_COUNT_MERGED) == 2);
    CHECK(rig_counter(&rig, LCP_COUNT_DIFFERS) == 1);
    CHECK(rig_mail(&rig, 0, 4, "m2", "same") != 0); /* another id is another message */
    rig_hush(&rig);
    rig_admitted(&rig, ticket, LCP_ADM_STORED);
    rig_expect(&rig, "each number once",
               "  1000 p0 ack 1\n  1000 p0 ack 2\n  1000 p0 online\n");
    CHECK(rig_mail(&rig, 0, 6, "m1", "same") !=
          0); /* that one is over: ask the store again */
    rig_free(&rig);
}

static void
eight_retransmissions_are_remembered(void)
{
    uint64_t ticket;

    with_peer();
    ticket = rig_mail(&rig, 0, 1, "m1", "");
    for (uint32_t seq = 2; seq <= 12; seq++)
        rig_mail(&rig, 0, seq, "m1", "");
    rig_admitted(&rig, ticket, LCP_ADM_STORED);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_ACK) == 8);
    rig_free(&rig);
}

static void
full_admissions_drop_without_answer(void)
{
    struct lcp_core_config config = rig_config(&rig);
    uint64_t tickets[5];
    static const char *const ids[] = {"a", "b", "c", "d", "e"};

    config.limits.admissions_max = 8;
    config.limits.admissions_peer_max = 3;
    rig_open(&rig, &config);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    REQUIRE(rig_put(&rig, 1, true) == LCP_OK);
    REQUIRE(rig_put(&rig, 2, true) == LCP_OK);
    for (size_t i = 0; i < 5; i++)
        tickets[i] = rig_mail(&rig, 0, 1, ids[i], "");
    CHECK(tickets[2] != 0 && tickets[3] == 0 && tickets[4] == 0); /* its own limit */
    for (size_t i = 0; i < 3; i++)
        CHECK(rig_mail(&rig, 1, 1, ids[i], "") != 0);
    /* Two are left, of which a third peer gets one: the other is for a fourth. */
    CHECK(rig_mail(&rig, 2, 1, "a", "") != 0);
    CHECK(rig_mail(&rig, 2, 1, "b", "") == 0);
    CHECK(rig_counter(&rig, LCP_COUNT_ADMISSIONS_FULL) == 3);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_ACK) == 0);
    rig_admitted(&rig, tickets[0], LCP_ADM_STORED);
    CHECK(rig_mail(&rig, 2, 1, "b", "") != 0);
    rig_free(&rig);
}

static void
first_contact_pins_what_the_transaction_pinned(void)
{
    uint64_t ticket, second;

    rig_new(&rig);
    REQUIRE(rig_put(&rig, 0, false) == LCP_OK);
    REQUIRE(rig_put(&rig, 1, true) == LCP_OK);
    rig_poll(&rig);
    /* Ours and another peer's are nobody's first contact. */
    rig_packet(&rig, 0, LCP_PACKET_DATA, 1, rig_message(&rig.us.key, "me", "m1", ""));
    rig_packet(&rig, 0, LCP_PACKET_DATA, 1,
               rig_message(&rig.them[1].key, "me", "m1", ""));
    CHECK(rig_counter(&rig, LCP_COUNT_OTHER_KEY) == 2);
    CHECK(!rig_view(&rig, 0).has_key);
    rig_poll(&rig);
    CHECK(rig.kinds[LCP_OUT_ALARM] == 1); /* the other peer's key, not ours */
    ticket = rig_mail(&rig, 0, 1, "m1", "");
    rig_packet(&rig, 0, LCP_PACKET_DATA, 2,
               rig_message(&rig.them[2].key, "me", "m2", ""));
    rig_poll(&rig);
    second = rig.last[LCP_OUT_ADMIT].ticket;
    CHECK(ticket != 0 && second != 0 && second != ticket); /* two race */
    lcp_core_admitted(rig.core, rig.now_ms, ticket, LCP_ADM_STORED,
                      rig.them[0].key.bytes);
    lcp_core_admitted(rig.core, rig.now_ms, second, LCP_ADM_REFUSED, NULL);
    rig_poll(&rig);
    CHECK(rig_view(&rig, 0).has_key);
    CHECK(memcmp(rig_view(&rig, 0).key, rig.them[0].key.bytes, LCP_KEY_BYTES) == 0);
    CHECK(rig.kinds[LCP_OUT_ALARM] == 2 && rig.last[LCP_OUT_ALARM].payload.len == 0);
    rig_packet(&rig, 0, LCP_PACKET_DATA, 3,
               rig_message(&rig.them[2].key, "me", "m3", ""));
    CHECK(rig_counter(&rig, LCP_COUNT_OTHER_KEY) == 3);
    rig_free(&rig);
}

static void
alarms_come_once_a_minute_and_peer(void)
{
    with_peer();
    REQUIRE(rig_put(&rig, 1, true) == LCP_OK);
    for (uint32_t i = 0; i < 10; i++) {
        rig_admitted(&rig, rig_mail(&rig, 0, i, "m1", ""), LCP_ADM_CONFLICT);
        rig_admitted(&rig, rig_mail(&rig, 1, i, "m1", ""), LCP_ADM_CONFLICT);
    }
    CHECK(rig.kinds[LCP_OUT_ALARM] == 2);
    rig_run(&rig, 60000);
    rig_admitted(&rig, rig_mail(&rig, 0, 11, "m1", ""), LCP_ADM_CONFLICT);
    CHECK(rig.kinds[LCP_OUT_ALARM] == 3);
    rig_free(&rig);
}

/* A spoofer in the peer's name: parsing and verifying stop, its refill a second is what
 * it gets. */
static void
a_flood_of_failures_is_throttled(void)
{
    uint64_t verified = 0;

    with_peer();
    for (uint32_t i = 0; i < 10000; i++) { /* ten seconds, one each millisecond */
        char id[16];
        uint64_t ticket;

        snprintf(id, sizeof(id), "m%u", (unsigned)i);
        ticket = rig_mail(&rig, 0, i, id, "");
        if (ticket != 0) {
            verified++;
            rig_admitted(&rig, ticket, LCP_ADM_BADSIG);
        }
        rig_run(&rig, 1);
    }
    CHECK(verified >= 1000 && verified <= 1300);
    CHECK(rig_counter(&rig, LCP_COUNT_THROTTLED) == 10000 - verified);
    CHECK(rig_counter(&rig, LCP_COUNT_BAD_SIGNATURE) == verified);
    rig_free(&rig);
}

/* Found forged once, the same bytes cost nothing more, nor the bucket. */
static void
known_junk_is_dropped_unparsed(void)
{
    with_peer();
    rig_admitted(&rig, rig_mail(&rig, 0, 1, "m1", "junk"), LCP_ADM_BADSIG);
    for (uint32_t i = 0; i < 1000; i++)
        CHECK(rig_mail(&rig, 0, 2 + i, "m1", "junk") == 0);
    CHECK(rig_counter(&rig, LCP_COUNT_BAD_SIGNATURE) == 1001);
    CHECK(rig_counter(&rig, LCP_COUNT_THROTTLED) == 0);
    CHECK(rig_mail(&rig, 0, 1, "m1", "real") != 0);
    rig_run(&rig, 70000); /* and it is forgotten, in case it was a likeness */
    CHECK(rig_mail(&rig, 0, 3, "m1", "junk") == 0); /* differs from the running one */
    CHECK(rig_counter(&rig, LCP_COUNT_DIFFERS) == 1);
    rig_free(&rig);
}

static void
a_busy_honest_peer_is_never_throttled(void)
{
    with_peer();
    for (uint32_t i = 0; i < 20000; i++) { /* all in the same millisecond */
        char id[16];

        snprintf(id, sizeof(id), "m%u", (unsigned)i);
        rig_packet(&rig, 0, LCP_PACKET_DATA, i,
                   rig_message(&rig.them[0].key, "me", id, ""));
        rig.tx_count = 0;
        rig_poll(&rig);
        rig_admitted(&rig, rig.last[LCP_OUT_ADMIT].ticket,
                     i % 2 ? LCP_ADM_STORED : LCP_ADM_DUPLICATE);
    }
    CHECK(rig_counter(&rig, LCP_COUNT_THROTTLED) == 0);
    CHECK(rig_counter(&rig, LCP_COUNT_STORED) == 10000);
    rig_free(&rig);
}

static void
peers_are_told_apart_by_name_endpoint_and_key(void)
{
    struct lcp_core_peer peer = {.name = "p9", .has_key = true};
    uint32_t index;

    rig_new(&rig);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    REQUIRE(rig_put(&rig, 1, true) == LCP_OK);
    peer.endpoint = rig.ends[0];
    memcpy(peer.key, rig.them[2].key.bytes, sizeof(peer.key));
    CHECK(lcp_core_peer_put(rig.core, 1000, &peer, &index) ==
          LCP_EEXIST); /* endpoint */
    peer.endpoint = rig.ends[2];
    memcpy(peer.key, rig.them[0].key.bytes, sizeof(peer.key));
    CHECK(lcp_core_peer_put(rig.core, 1000, &peer, &index) == LCP_EEXIST); /* key */
    memcpy(peer.key, rig.us.key.bytes, sizeof(peer.key));
    CHECK(lcp_core_peer_put(rig.core, 1000, &peer, &index) ==
          LCP_EINVAL); /* ourselves */
    peer.has_key = false;
    peer.name = "two words";
    CHECK(lcp_core_peer_put(rig.core, 1000, &peer, &index) == LCP_EINVAL);
    peer.name = "p1";
    CHECK(lcp_core_peer_put(rig.core, 1000, &peer, &index) == LCP_OK); /* p1 moves */
    CHECK(index == rig.index[1]);
    CHECK(memcmp(rig_view(&rig, 1).endpoint.ip, rig.ends[2].ip, 16) == 0);
    CHECK(rig_view(&rig, 1).has_key); /* a pin is not lost by not being named */
    CHECK(lcp_core_peer_find(rig.core, "p0") == rig.index[0]);
    CHECK(lcp_core_peer_find(rig.core, "nobody") == LCP_NO_PEER);
    rig_free(&rig);
}

static void
peers_swap_their_endpoints(void)
{
    struct lcp_core_peer one = {.name = "p0"}, two = {.name = "p1"};

    rig_new(&rig);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    REQUIRE(rig_put(&rig, 1, true) == LCP_OK);
    rig_run(&rig, 10);
    one.endpoint = rig.ends[1];
    two.endpoint = rig.ends[0];
    CHECK(lcp_core_peer_put(rig.core, rig.now_ms, &one, NULL) == LCP_EEXIST);
    lcp_core_peer_vacate(rig.core, rig.now_ms, rig.index[0]);
    lcp_core_peer_vacate(rig.core, rig.now_ms, rig.index[1]);
    CHECK(lcp_core_peer_put(rig.core, rig.now_ms, &one, NULL) == LCP_OK);
    CHECK(lcp_core_peer_put(rig.core, rig.now_ms, &two, NULL) == LCP_OK);
    CHECK(rig_view(&rig, 0).endpoint.ip[15] == rig.ends[1].ip[15]);
    CHECK(rig_view(&rig, 1).endpoint.ip[15] == rig.ends[0].ip[15]);
    CHECK(rig_view(&rig, 0).has_key);
    rig_free(&rig);
}

static void
a_deleted_peer_gets_nothing_and_its_messages_come_back(void)
{
    uint64_t ticket;

    with_peer();
    ticket = rig_mail(&rig, 0, 1, "m1", "");
    rig_queue(&rig, 0);
    rig_queue(&rig, 0);
    rig_poll(&rig);
    rig_hush(&rig);
    lcp_core_peer_del(rig.core, rig.now_ms, rig.index[0]);
    rig_poll(&rig);
    rig_expect(&rig, "deleted", "  1000 p0 parked 1\n  1000 p0 parked 2\n");
    rig_admitted(&rig, ticket, LCP_ADM_STORED);
    rig_packet(&rig, 0, LCP_PACKET_HEARTBEAT, 1, "");
    rig_run(&rig, 200000);
    rig_expect(&rig, "nothing more", "");
    CHECK(lcp_core_next_ms(rig.core) == LCP_NEVER);
    CHECK(rig_counter(&rig, LCP_COUNT_STRANGER) == 1);
    CHECK(lcp_core_offer(rig.core, rig.now_ms, rig.index[0], 3, lcp_span_str("n3"),
                         false) == LCP_ENOTFOUND);
    rig_free(&rig);
}

/* What was meant for the peer that was at an index before must not reach the next
 * one there. */
static void
an_index_rests_while_something_of_its_peer_is_out(void)
{
    struct lcp_core_config config = rig_config(&rig);
    uint32_t old;

    config.limits.peers_max = 1;
    rig_open(&rig, &config);
    rig.holds_refills = true;
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_poll(&rig);
    old = rig.index[0];
    lcp_core_peer_del(rig.core, rig.now_ms, old);
    CHECK(rig_put(&rig, 1, true) == LCP_EFULL); /* the REFILL */
    lcp_core_refilled(rig.core, rig.now_ms, old, 9, true);
    CHECK(rig_put(&rig, 1, true) == LCP_OK);
    lcp_core_refilled(rig.core, rig.now_ms, old, 9, true); /* nobody asked */
    rig_poll(&rig);
    CHECK(rig.last[LCP_OUT_REFILL].after == 0);
    lcp_core_refilled(rig.core, rig.now_ms, rig.index[1], 0, false);
    CHECK(lcp_core_reserve(rig.core, rig.now_ms, rig.index[1], 10));
    lcp_core_peer_del(rig.core, rig.now_ms, rig.index[1]);
    CHECK(rig_put(&rig, 2, true) == LCP_EFULL); /* the reservation */
    lcp_core_unreserve(rig.core, rig.index[1], 10);
    CHECK(rig_put(&rig, 2, true) == LCP_OK);
    rig_free(&rig);
}

static void
an_admission_of_a_deleted_peer_answers_nobody(void)
{
    struct lcp_core_config config = rig_config(&rig);
    uint64_t ticket;

    config.limits.peers_max = 1;
    rig_open(&rig, &config);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    rig_poll(&rig);
    ticket = rig_mail(&rig, 0, 1, "m1", "");
    lcp_core_peer_del(rig.core, rig.now_ms, rig.index[0]);
    REQUIRE(rig_put(&rig, 1, true) == LCP_OK);
    REQUIRE(rig.index[0] == rig.index[1]);
    rig_admitted(&rig, ticket, LCP_ADM_STORED);
    CHECK(rig_count_tx(&rig, 0, 0, LCP_PACKET_ACK) == 0);
    CHECK(rig_counter(&rig, LCP_COUNT_STORED) == 1);
    CHECK(!rig_view(&rig, 1).was_heard);
    rig_free(&rig);
}

static void
strangers_are_listed_the_newest_64(void)
{
    struct lcp_stranger list[LCP_ALIASES_MAX + 64];
    size_t count, heavy = 0;

    rig_new(&rig);
    for (uint16_t i = 0; i < 100; i++) {
        struct lcp_endpoint from = {.ip = {1}, .port = (uint16_t)(1000 + i)};

        lcp_core_datagram(rig.core, rig.now_ms++, &from, lcp_span("LCP1\0\0\0\1\3", 9));
        from.port = 1;
        lcp_core_datagram(rig.core, rig.now_ms, &from, lcp_span("LCP1\0\0\0\1\3", 9));
    }
    rig_poll(&rig);
    CHECK(rig.tx_count == 0);
    count = lcp_core_strangers(rig.core, rig.now_ms, list, COUNT_OF(list));
    CHECK(count == 64);
    for (size_t i = 0; i < count; i++) {
        CHECK(list[i].endpoint.port == 1 || list[i].endpoint.port >= 1037);
        CHECK(list[i].age_ms <= 63);
        heavy += list[i].packets == 100;
    }
    CHECK(heavy == 1);
    rig_free(&rig);
}

static void
bad_configurations_are_refused(void)
{
    static const char *const bad_alias[] = {"a/b"};
    struct lcp_core_config good = rig_config(&rig), config;
    size_t size = lcp_core_size(&good.limits);
    uint8_t *memory = malloc(size + 16);
    struct lcp_core *core;

    REQUIRE(memory != NULL);
    CHECK(size < (size_t)4 << 20);
    CHECK(lcp_core_init(memory, size - 1, &good, 0, &core) == LCP_EINVAL);
    CHECK(lcp_core_init(memory + 1, size, &good, 0, &core) == LCP_EINVAL);
    config = good;
    config.name = "";
    CHECK(lcp_core_init(memory, size, &config, 0, &core) == LCP_EINVAL);
    config = good;
    config.aliases = bad_alias;
    config.alias_count = 1;
    CHECK(lcp_core_init(memory, size, &config, 0, &core) == LCP_EINVAL);
    CHECK(lcp_core_init(memory, size, &good, 0, &core) == LCP_OK);
    free(memory);
}

static void
ten_thousand_peers_are_a_table(void)
{
    struct lcp_core_config config = rig_config(&rig);
    struct lcp_output out;
    uint32_t index = 0, beats = 0;

    config.limits.peers_max = 10000;
    rig_open(&rig, &config);
    for (uint32_t i = 0; i < 10000; i++) {
        char name[16];
        struct lcp_core_peer peer = {
            .name = name, .endpoint = {.port = 1}, .has_key = true};

        snprintf(name, sizeof(name), "peer-%u", (unsigned)i);
        memcpy(peer.endpoint.ip, &i, sizeof(i));
        memcpy(peer.key, &i, sizeof(i));
        peer.key[31] = 1;
        REQUIRE(lcp_core_peer_put(rig.core, 1000, &peer, &index) == LCP_OK);
    }
    for (uint64_t now = 1000; now < 11100; now++) {
        uint32_t before = beats;

        while (lcp_core_poll(rig.core, now, &out)) {
            if (out.kind == LCP_OUT_REFILL)
                lcp_core_refilled(rig.core, now, out.peer, 0, false);
            beats += out.kind == LCP_OUT_HELLO_SIGN;
        }
        CHECK(beats - before <=
              (now % 100 == 0 ? 100 : 0)); /* together, and no burst */
    }
    CHECK(beats == 10000);
    CHECK(lcp_core_peer_find(rig.core, "peer-9999") == index);
    rig_free(&rig);
}

static void
every_counter_has_a_name_of_its_own(void)
{
    for (int i = 0; i < LCP_COUNT_MAX; i++) {
        REQUIRE(lcp_counter_name((enum lcp_counter)i) != NULL);
        for (int k = 0; k < i; k++)
            CHECK(strcmp(lcp_counter_name((enum lcp_counter)i),
                         lcp_counter_name((enum lcp_counter)k)) != 0);
    }
    CHECK_STR(lcp_counter_name(LCP_COUNT_BAD_SIGNATURE), "bad_signature");
}

/* As a RELOAD of a large lcp.conf does. */
static void
all_peers_may_move_before_anybody_polls(void)
{
    enum { PEERS = 1000 };
    struct lcp_core_config config = rig_config(&rig);
    char name[16];
    struct lcp_core_peer peer = {.name = name, .endpoint.ip = {10}};

    config.limits = (struct lcp_core_limits){
        .peers_max = PEERS, .inflight_max = 1, .admissions_max = 1};
    rig_open(&rig, &config);
    for (uint16_t move = 0; move < 2; move++) {
        for (uint16_t i = 0; i < PEERS; i++) {
            snprintf(name, sizeof(name), "peer%u", i);
            peer.endpoint.port = (uint16_t)(10000 + PEERS * move + i);
            REQUIRE(lcp_core_peer_put(rig.core, rig.now_ms, &peer, NULL) == LCP_OK);
        }
    }
    CHECK(lcp_core_next_ms(rig.core) <= rig.now_ms);
    rig_free(&rig);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    each_bad_datagram_has_its_counter_and_no_answer();
    deep_and_many_noded_json_is_counted_by_its_fault();
    mail_for_others_or_under_another_key_is_not_admitted();
    an_alias_of_ours_is_us();
    only_what_is_stored_is_answered();
    the_admission_holds_the_parsed_message_and_its_bytes();
    a_retransmission_joins_the_admission_that_runs();
    eight_retransmissions_are_remembered();
    full_admissions_drop_without_answer();
    first_contact_pins_what_the_transaction_pinned();
    alarms_come_once_a_minute_and_peer();
    a_flood_of_failures_is_throttled();
    known_junk_is_dropped_unparsed();
    a_busy_honest_peer_is_never_throttled();
    peers_are_told_apart_by_name_endpoint_and_key();
    peers_swap_their_endpoints();
    a_deleted_peer_gets_nothing_and_its_messages_come_back();
    an_index_rests_while_something_of_its_peer_is_out();
    an_admission_of_a_deleted_peer_answers_nobody();
    strangers_are_listed_the_newest_64();
    bad_configurations_are_refused();
    ten_thousand_peers_are_a_table();
    every_counter_has_a_name_of_its_own();
    all_peers_may_move_before_anybody_polls();
    return check_end("core");
}
