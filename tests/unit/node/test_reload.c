/* SPDX-License-Identifier: MIT
 *
 * RELOAD: a set of peers is taken up as a whole or not at all.
 */
#include "rig.h"

enum { PEERS = 9 };

/* bob as he is, and others at 127.0.1.x. */
static void
make_peers(const struct rig *r, struct lcp_conf_peer peers[static PEERS])
{
    char address[32];

    peers[0] = r->peer;
    for (int i = 1; i < PEERS; i++) {
        peers[i] = (struct lcp_conf_peer){0};
        snprintf(peers[i].name, sizeof(peers[i].name), "peer%d", i);
        snprintf(address, sizeof(address), "127.0.1.%d", i);
        REQUIRE(lcp_endpoint_parse(lcp_span_str(address), PORT, &peers[i].endpoint) ==
                LCP_OK);
    }
}

static void
reload(struct rig *r, struct lcp_conf_peer *peers, size_t count)
{
    struct lcp_conf conf = r->conf;

    conf.peers = peers;
    conf.peer_count = count;
    REQUIRE(lcp_pump_reload(r->pump, &conf) == LCP_OK);
}

static bool
peers_say(struct rig *r, const char *text)
{
    ask(r, "{\"cmd\":\"PEERS\"}", true);
    run_tasks(r);
    return strstr(r->f.reply, text) != NULL;
}

#define BOB_AS_HE_WAS "\"name\":\"bob\",\"address\":\"127.0.0.3:9528\""

static void
a_set_that_cannot_be_is_not_taken_up_by_half(void)
{
    struct rig *r = new_rig(true);
    struct lcp_conf_peer peers[PEERS];

    make_peers(r, peers);
    peers[0].endpoint = peers[8].endpoint;
    reload(r, peers, 3);
    run_tasks(r);
    peers[1].key = peers[2].key = r->bob.key;
    peers[0] = r->peer;
    peers[0].endpoint.port++;
    reload(r, peers + 1, 2); /* without bob; two with one key */
    run_tasks(r);
    CHECK(strstr(r->f.log, "its key is another peer's") != NULL);
    CHECK(peers_say(r, "\"name\":\"bob\",\"address\":\"127.0.1.8:9528\""));
    make_peers(r, peers);
    peers[2].key = r->us.key;
    reload(r, peers, 3);
    run_tasks(r);
    CHECK(strstr(r->f.log, "peer peer2: this is our own key") != NULL);
    CHECK(peers_say(r, "\"name\":\"bob\",\"address\":\"127.0.1.8:9528\""));
    make_peers(r, peers);
    reload(r, peers, PEERS);
    run_tasks(r);
    CHECK(strstr(r->f.log, "raise MaxPeers") != NULL);
    CHECK(!peers_say(r, "peer8") &&
          peers_say(r, "\"name\":\"bob\",\"address\":\"127.0.1.8:9528\""));
    reload(r, peers, 8);
    run_tasks(r);
    CHECK(peers_say(r, BOB_AS_HE_WAS) && peers_say(r, "peer7"));
    free_rig(r);
}

static void
peers_swap_their_addresses(void)
{
    struct rig *r = new_rig(true);
    struct lcp_conf_peer peers[PEERS];

    make_peers(r, peers);
    reload(r, peers, 3);
    run_tasks(r);
    peers[0].endpoint = peers[1].endpoint;
    peers[1].endpoint = peers[2].endpoint;
    peers[2].endpoint = r->peer.endpoint;
    reload(r, peers, 3);
    run_tasks(r);
    CHECK(peers_say(r, "\"name\":\"bob\",\"address\":\"127.0.1.1:9528\""));
    CHECK(peers_say(r, "\"name\":\"peer1\",\"address\":\"127.0.1.2:9528\""));
    CHECK(peers_say(r, "\"name\":\"peer2\",\"address\":\"127.0.0.3:9528\""));
    free_rig(r);
}

/* A message for the removed one is being stored. */
static void
the_place_of_a_removed_peer_is_waited_for(void)
{
    struct rig *r = new_rig(true);
    struct lcp_conf_peer peers[PEERS];

    make_peers(r, peers);
    reload(r, peers, 8);
    run_tasks(r);
    ask(r,
        "{\"cmd\":\"SEND\",\"to\":\"bob\",\"payload\":{\"message\":\"x\"},\"wait\":"
        "false}",
        true);
    reload(r, peers + 1, 8);
    run_tasks_but_the_writer(r);
    run_tasks(r);
    CHECK(!peers_say(r, "\"bob\"") && peers_say(r, "\"peer8\""));
    CHECK(strstr(r->f.log, "peers: 8 configured") != NULL);
    CHECK(strstr(r->f.log, "reload:") == NULL);
    free_rig(r);
}

/* Taken out while no daemon ran, it left its pause in the record. */
static void
a_peer_that_comes_back_is_paused_as_the_record_says(void)
{
    struct rig *r = new_rig(true);
    struct lcp_store_peer paused = {.is_paused = true};
    struct lcp_conf_peer peers[PEERS];

    make_peers(r, peers);
    REQUIRE(r->writer->ops->begin(r->writer) == LCP_OK &&
            r->writer->ops->peer_put(r->writer, "peer1", &paused) == LCP_OK &&
            r->writer->ops->commit(r->writer) == LCP_OK);
    reload(r, peers, 3);
    run_tasks(r);
    CHECK(status_says(r, "\"paused\":[\"peer1\"]"));
    free_rig(r);
}

int
main(void)
{
    a_set_that_cannot_be_is_not_taken_up_by_half();
    peers_swap_their_addresses();
    the_place_of_a_removed_peer_is_waited_for();
    a_peer_that_comes_back_is_paused_as_the_record_says();
    return check_end("reload");
}
