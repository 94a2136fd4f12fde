/* SPDX-License-Identifier: MIT
 *
 * peers.c: who is found by what, and the smoothed round trip. With list.c and index.c,
 * on which it stands.
 */
#include "core/peers.h"

#include "check.h"

enum { CAP = 8 };

static struct lcp_peers peers;
static void *memory;

static void
open_table(void)
{
    struct lcp_arena arena = {.base = NULL};

    lcp_peers_lay(&peers, &arena, CAP);
    memory = malloc(arena.used);
    REQUIRE(memory != NULL);
    arena = (struct lcp_arena){.base = memory};
    lcp_peers_lay(&peers, &arena, CAP);
    lcp_peers_init(&peers, 99);
}

static uint32_t
add(const char *name, uint8_t ip, uint16_t port)
{
    struct lcp_endpoint endpoint = {.ip = {ip}, .port = port};
    uint32_t index = LCP_NONE;

    REQUIRE(lcp_peers_add(&peers, name, &endpoint, &index) == LCP_OK);
    return index;
}

static uint32_t
at_endpoint(uint8_t ip, uint16_t port)
{
    struct lcp_endpoint endpoint = {.ip = {ip}, .port = port};

    return lcp_peers_by_endpoint(&peers, &endpoint);
}

static void
a_peer_is_found_by_name_endpoint_and_key(void)
{
    struct lcp_key one = {{1}}, two = {{2}};
    struct lcp_endpoint moved = {.ip = {9}, .port = 9};
    uint32_t bob, carol;

    open_table();
    bob = add("bob", 1, 9528);
    carol = add("carol", 1, 9529);
    CHECK(bob != carol);
    CHECK(lcp_peers_by_name(&peers, "bob") == bob);
    CHECK(lcp_peers_by_name(&peers, "bo") == LCP_NONE);
    CHECK(at_endpoint(1, 9528) == bob && at_endpoint(1, 9529) == carol);
    CHECK(at_endpoint(2, 9528) == LCP_NONE);
    CHECK(lcp_peers_by_key(&peers, &one) == LCP_NONE);
    lcp_peers_pin(&peers, bob, &one);
    CHECK(lcp_peers_by_key(&peers, &one) == bob);
    lcp_peers_pin(&peers, bob, &two);
    CHECK(lcp_peers_by_key(&peers, &one) == LCP_NONE);
    CHECK(lcp_peers_by_key(&peers, &two) == bob);
    lcp_peers_move(&peers, bob, &moved);
    CHECK(at_endpoint(1, 9528) == LCP_NONE && at_endpoint(9, 9) == bob);
    free(memory);
}

static void
a_deleted_peer_is_found_by_nothing_and_its_index_rests(void)
{
    struct lcp_key key = {{1}};
    uint32_t bob, generation;

    open_table();
    bob = add("bob", 1, 1);
    generation = peers.rows[bob].generation;
    lcp_peers_pin(&peers, bob, &key);
    lcp_peers_del(&peers, bob);
    CHECK(lcp_peers_at(&peers, bob) == NULL);
    CHECK(lcp_peers_by_name(&peers, "bob") == LCP_NONE);
    CHECK(at_endpoint(1, 1) == LCP_NONE);
    CHECK(lcp_peers_by_key(&peers, &key) == LCP_NONE);
    for (uint8_t i = 0; i < CAP - 1; i++)
        CHECK(add((char[2]){(char)('a' + i)}, 2, i) != bob); /* the others come first */
    CHECK(add("last", 3, 3) == bob);
    CHECK(peers.rows[bob].generation != generation);
    free(memory);
}

static void
a_full_table_says_so(void)
{
    struct lcp_endpoint endpoint = {.ip = {7}};
    uint32_t index = 77;

    open_table();
    for (uint8_t i = 0; i < CAP; i++)
        add((char[2]){(char)('a' + i)}, 2, i);
    CHECK(lcp_peers_add(&peers, "one more", &endpoint, &index) == LCP_EFULL);
    CHECK(index == 77);
    CHECK(lcp_peers_at(&peers, CAP) == NULL);
    free(memory);
}

int
main(void)
{
    a_peer_is_found_by_name_endpoint_and_key();
    a_deleted_peer_is_found_by_nothing_and_its_index_rests();
    a_full_table_says_so();
    return check_end("peers");
}
