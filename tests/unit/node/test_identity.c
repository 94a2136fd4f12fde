/* SPDX-License-Identifier: MIT
 *
 * Keys, pins and names that change under the pump.
 */
#include "rig.h"

static void
first_contact_pins_and_another_key_is_refused_loudly(void)
{
    struct rig *r = new_rig(false);
    struct lcp_identity mallory;
    uint8_t seed[LCP_SEED_BYTES] = {9};
    char fingerprint[LCP_FINGERPRINT_CHARS + 1], request[160];

    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    run_tasks(r);
    CHECK(strstr(r->f.log, "key pinned at first contact") != NULL);
    lcp_identity_from_seed(seed, &mallory);
    r->f.sent_count = 0;
    from_bob(r, &mallory, ID_B, "chat", NULL, "two");
    run_tasks(r);
    CHECK(r->f.sent_count == 0);
    lcp_fingerprint(&mallory.key, fingerprint);
    CHECK(strstr(r->f.log, fingerprint) != NULL);
    snprintf(request, sizeof(request),
             "{\"cmd\":\"TRUST\",\"name\":\"bob\",\"fingerprint\":\"%s\"}",
             fingerprint);
    ask(r, request, true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"ok\":true") == r->f.reply);
    from_bob(r, &mallory, ID_B, "chat", NULL, "two");
    run_tasks(r);
    CHECK(r->f.sent_count == 1 && is_ack(r, 0));
    free_rig(r);
}

/* Removed and added again under another key, faster than the record can follow. */
static void
a_peer_comes_back_at_once_with_another_key(void)
{
    struct rig *r = new_rig(true);
    struct lcp_identity other;
    uint8_t seed[LCP_SEED_BYTES] = {9};
    char fault[LCP_CONF_FAULT_MAX], fingerprint[LCP_FINGERPRINT_CHARS + 1];

    for (uint8_t round = 0; round < 4; round++) {
        r->conf.peer_count = 0;
        REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
        run_tasks_but_the_writer(r);
        r->conf.peer_count = 1;
        seed[1] = round;
        lcp_identity_from_seed(seed, &other);
        r->peer.key = other.key;
        REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
        run_tasks_but_the_writer(r);
    }
    run_tasks(r);
    CHECK(strstr(r->f.log, "not the key that is pinned") == NULL);
    lcp_fingerprint(&other.key, fingerprint);
    ask(r, "{\"cmd\":\"PEERS\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, fingerprint) != NULL);
    r->f.sent_count = 0;
    from_bob(r, &other, ID_A, "chat", NULL, "one");
    run_tasks(r);
    CHECK(r->f.sent_count == 1 && is_ack(r, 0));
    close_pump(r); /* the record says the same */
    CHECK(open_pump(r, fault) == LCP_OK);
    free_rig(r);
}

static void
one_key_at_two_places_pins_one(bool in_one_batch)
{
    struct rig *r = new_rig(false);
    struct lcp_conf_peer peers[2] = {r->peer, r->peer};
    struct lcp_endpoint bobs = r->from_bob;
    char fault[LCP_CONF_FAULT_MAX];

    strcpy(peers[1].name, "carol");
    REQUIRE(lcp_endpoint_parse(lcp_span_str("127.0.0.4"), PORT, &peers[1].endpoint) ==
            LCP_OK);
    r->conf.peers = peers;
    r->conf.peer_count = 2;
    REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
    run_tasks(r);
    r->f.sent_count = 0;
    if (in_one_batch) /* another is running */
        ask(r, "{\"cmd\":\"PURGE\",\"older_than\":0}", true);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    r->from_bob = peers[1].endpoint;
    from_bob(r, &r->bob, ID_B, "chat", NULL, "two");
    run_tasks(r);
    CHECK(r->f.sent_count == 1 && is_ack(r, 0));
    r->f.sent_count = 0;
    from_bob(r, &r->bob, ID_B, "chat", NULL, "two");
    run_tasks(r);
    CHECK(r->f.sent_count == 0);
    r->from_bob = bobs;
    close_pump(r); /* or no daemon would start here again */
    CHECK(open_pump(r, fault) == LCP_OK);
    free_rig(r);
}

/* Its packet, sent again under another peer's address, is no new key of that one. */
static void
the_key_of_another_peer_cannot_be_trusted(void)
{
    struct rig *r = new_rig(true);
    struct lcp_conf_peer peers[2] = {r->peer, r->peer};
    char fingerprint[LCP_FINGERPRINT_CHARS + 1];
    char request[160];
    struct lcp_identity carol;
    uint8_t seed[LCP_SEED_BYTES] = {9};

    lcp_identity_from_seed(seed, &carol);
    strcpy(peers[1].name, "carol");
    peers[1].key = carol.key;
    REQUIRE(lcp_endpoint_parse(lcp_span_str("127.0.0.4"), PORT, &peers[1].endpoint) ==
            LCP_OK);
    r->conf.peers = peers;
    r->conf.peer_count = 2;
    REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
    run_tasks(r);
    from_bob(r, &carol, ID_A, "chat", NULL, "one");
    run_tasks(r);
    lcp_fingerprint(&carol.key, fingerprint);
    CHECK(strstr(r->f.log, fingerprint) != NULL); /* addresses swapped, perhaps */
    snprintf(request, sizeof(request),
             "{\"cmd\":\"TRUST\",\"name\":\"bob\",\"fingerprint\":\"%s\"}",
             fingerprint);
    ask(r, request, true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"conflict\"") != NULL);
    /* There are several peers: we ask which, a legacy client cannot say. */
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"no-peer\"") != NULL);
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", false);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"to\":\"") != NULL);
    free_rig(r);
}

static void
an_unsigned_claim_of_another_key_raises_no_alarm(void)
{
    struct rig *r = new_rig(true);
    struct lcp_identity mallory;
    uint8_t seed[LCP_SEED_BYTES] = {9};

    lcp_identity_from_seed(seed, &mallory);
    mallory.secret[3] ^= 1; /* signs wrongly for its key */
    from_bob(r, &mallory, ID_B, "chat", NULL, "two");
    run_tasks(r);
    CHECK(strstr(r->f.log, "REFUSED") == NULL);
    CHECK(r->f.sent_count == 0);
    free_rig(r);
}

static void
a_configured_key_that_contradicts_a_pin_is_an_error(void)
{
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX];

    close_pump(r);
    r->peer.key = r->us.key;
    r->peer.key.bytes[0] ^= 1;
    CHECK(open_pump(r, fault) == LCP_ECONFLICT);
    CHECK(strstr(fault, "lcp peer trust bob") != NULL);
    r->pump = NULL;
    free_rig(r);
}

static void
a_removed_peer_leaves_no_pin(void)
{
    struct rig *r = new_rig(false);
    struct lcp_conf none = r->conf;
    struct lcp_key key;
    char how[32];
    int64_t when;

    none.peer_count = 0;
    ask(r, "{\"cmd\":\"ACK\"}", true); /* the writer is busy */
    ask(r, "{\"cmd\":\"ACK\"}", true);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    REQUIRE(lcp_pump_reload(r->pump, &none) == LCP_OK);
    run_tasks_but_the_writer(r);
    run_tasks(r);
    CHECK(r->reader->ops->pin_get(r->reader, "bob", &key, how, &when) == LCP_ENOTFOUND);
    free_rig(r);
}

static void
queued_mail_of_a_former_name_that_was_sent_expires_visibly(void)
{
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX];

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", true);
    run_tasks(r);
    close_pump(r);
    strcpy(r->conf.name, "alicia");
    REQUIRE(open_pump(r, fault) == LCP_OK);
    lcp_pump_tick(r->pump);
    run_tasks(r);
    ask(r, "{\"cmd\":\"SENT\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"reason\":\"identity-changed\"") != NULL);
    free_rig(r);
}

/* The address is not up: mail is queued, and nobody has seen it. */
static void
what_is_queued_without_a_socket_was_not_transmitted(void)
{
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX];

    lcp_pump_set_socket(r->pump, false, 0, 0);
    for (int i = 0; i < 2; i++) {
        ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}",
            true);
        run_tasks(r);
    }
    r->f.now_ms += 600; /* and asked for once more */
    lcp_pump_tick(r->pump);
    run_tasks(r);
    CHECK(r->f.sent_count == 0);
    ask(r, "{\"cmd\":\"CANCEL\",\"id\":1}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"state\":\"cancelled\"") != NULL);
    close_pump(r);
    strcpy(r->conf.name, "alicia");
    REQUIRE(open_pump(r, fault) == LCP_OK);
    lcp_pump_tick(r->pump);
    run_tasks(r);
    ask(r, "{\"cmd\":\"SENT\",\"state\":\"expired\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"number\":") == NULL);
    CHECK(r->f.sent_count == 2 && r->f.sent[1][8] == LCP_PACKET_DATA);
    CHECK(strstr((char *)r->f.sent[1] + LCP_HEADER_BYTES, "\"from\":\"alicia\"") !=
          NULL);
    free_rig(r);
}

static void
what_was_queued_without_a_socket_goes_when_there_is_one(void)
{
    struct rig *r = new_rig(true);

    lcp_pump_set_socket(r->pump, false, 0, 0);
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", true);
    run_tasks(r);
    CHECK(r->f.sent_count == 0);
    lcp_pump_set_socket(r->pump, true, 0, 0);
    CHECK(lcp_pump_next_ms(r->pump) <= r->f.now_ms);
    lcp_pump_tick(r->pump);
    run_tasks(r);
    CHECK(r->f.sent_count == 2 && r->f.sent[0][8] == LCP_PACKET_HEARTBEAT &&
          r->f.sent[1][8] == LCP_PACKET_DATA);
    free_rig(r);
}

static void
a_former_identity_is_looked_for_until_its_mail_is_seen_to(void)
{
    enum { WINDOW = 8 };
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX];

    for (int i = 0; i <= WINDOW; i++) { /* the last one is not transmitted */
        ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}",
            true);
        run_tasks(r);
    }
    CHECK(r->f.sent_count == WINDOW);
    close_pump(r);
    strcpy(r->conf.name, "alicia");
    REQUIRE(open_pump(r, fault) == LCP_OK);
    close_pump(r); /* as in a crash: no task has run */
    r->f.sent_count = 0;
    REQUIRE(open_pump(r, fault) == LCP_OK);
    lcp_pump_tick(r->pump);
    run_tasks(r);
    ask(r, "{\"cmd\":\"SENT\",\"state\":\"expired\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"number\":8,") != NULL);
    CHECK(strstr(r->f.reply, "\"number\":9,") == NULL);
    CHECK(r->f.sent_count == 2 && r->f.sent[1][8] == LCP_PACKET_DATA);
    CHECK(strstr((char *)r->f.sent[1] + LCP_HEADER_BYTES, "\"from\":\"alicia\"") !=
          NULL);
    free_rig(r);
}

/* The next one may get its place in the table. */
static void
a_key_seen_at_a_removed_peer_is_not_the_next_ones(void)
{
    struct rig *r = new_rig(true);
    struct lcp_identity mallory;
    uint8_t seed[LCP_SEED_BYTES] = {9};
    char fault[LCP_CONF_FAULT_MAX], fingerprint[LCP_FINGERPRINT_CHARS + 1];

    close_pump(r);
    r->conf.peers_max = 1;
    REQUIRE(open_pump(r, fault) == LCP_OK);
    lcp_pump_tick(r->pump);
    run_tasks(r);
    lcp_identity_from_seed(seed, &mallory);
    lcp_fingerprint(&mallory.key, fingerprint);
    ask(r, "{\"cmd\":\"PURGE\",\"older_than\":0}", true); /* the writer is busy */
    from_bob(r, &mallory, ID_A, "chat", NULL, "one");
    strcpy(r->peer.name, "carol");
    REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
    run_tasks_but_the_writer(r);
    run_tasks(r);
    CHECK(!status_says(r, fingerprint));
    CHECK(status_says(r, "\"name\":\"carol\""));
    free_rig(r);
}

int
main(void)
{
    first_contact_pins_and_another_key_is_refused_loudly();
    a_peer_comes_back_at_once_with_another_key();
    one_key_at_two_places_pins_one(true);
    one_key_at_two_places_pins_one(false);
    the_key_of_another_peer_cannot_be_trusted();
    an_unsigned_claim_of_another_key_raises_no_alarm();
    a_configured_key_that_contradicts_a_pin_is_an_error();
    a_removed_peer_leaves_no_pin();
    queued_mail_of_a_former_name_that_was_sent_expires_visibly();
    what_is_queued_without_a_socket_was_not_transmitted();
    what_was_queued_without_a_socket_goes_when_there_is_one();
    a_former_identity_is_looked_for_until_its_mail_is_seen_to();
    a_key_seen_at_a_removed_peer_is_not_the_next_ones();
    return check_end("identity");
}
