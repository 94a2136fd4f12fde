/* SPDX-License-Identifier: MIT
 *
 * The registry of peers.
 */
#include "core/peers.h"

#include <assert.h>

#include "base/text.h"

void
lcp_peers_lay(struct lcp_peers *peers, struct lcp_arena *arena, uint32_t cap)
{
    peers->cap = cap;
    peers->rows = lcp_arena_take(arena, cap, sizeof(*peers->rows));
    peers->links = lcp_arena_take(arena, cap, sizeof(*peers->links));
    lcp_index_lay(&peers->by_name, arena, cap);
    lcp_index_lay(&peers->by_endpoint, arena, cap);
    lcp_index_lay(&peers->by_key, arena, cap);
}

void
lcp_peers_init(struct lcp_peers *peers, uint64_t hash_key)
{
    memset(peers->rows, 0, peers->cap * sizeof(*peers->rows));
    lcp_links_init(peers->links, peers->cap);
    lcp_list_init(&peers->free);
    for (uint32_t i = 0; i < peers->cap; i++)
        lcp_list_push(&peers->free, peers->links, i);
    lcp_index_init(&peers->by_name);
    lcp_index_init(&peers->by_endpoint);
    lcp_index_init(&peers->by_key);
    peers->hash_key = hash_key;
}

static uint32_t
hash_name(const struct lcp_peers *peers, const char *name)
{
    return lcp_hash(peers->hash_key, name, strlen(name));
}

static uint32_t
hash_endpoint(const struct lcp_peers *peers, const struct lcp_endpoint *endpoint)
{
    return lcp_hash(peers->hash_key ^ endpoint->port, endpoint->ip,
                    sizeof(endpoint->ip));
}

static uint32_t
hash_key(const struct lcp_peers *peers, const struct lcp_key *key)
{
    return lcp_hash(peers->hash_key, key->bytes, sizeof(key->bytes));
}

uint32_t
lcp_peers_by_name(const struct lcp_peers *peers, const char *name)
{
    uint32_t i = lcp_index_first(&peers->by_name, hash_name(peers, name));

    while (i != LCP_NONE && strcmp(peers->rows[i].name, name) != 0)
        i = lcp_index_next(&peers->by_name, i);
    return i;
}

uint32_t
lcp_peers_by_endpoint(const struct lcp_peers *peers,
                      const struct lcp_endpoint *endpoint)
{
    uint32_t i = lcp_index_first(&peers->by_endpoint, hash_endpoint(peers, endpoint));

    while (i != LCP_NONE && !lcp_endpoint_eq(&peers->rows[i].endpoint, endpoint))
        i = lcp_index_next(&peers->by_endpoint, i);
    return i;
}

uint32_t
lcp_peers_by_key(const struct lcp_peers *peers, const struct lcp_key *key)
{
    uint32_t i = lcp_index_first(&peers->by_key, hash_key(peers, key));

    while (i != LCP_NONE && !lcp_key_eq(&peers->rows[i].key, key))
        i = lcp_index_next(&peers->by_key, i);
    return i;
}

struct lcp_peer *
lcp_peers_at(const struct lcp_peers *peers, uint32_t index)
{
    return index < peers->cap && peers->rows[index].is_used ? &peers->rows[index]
                                                            : NULL;
}

enum lcp_err
lcp_peers_add(struct lcp_peers *peers, const char *name,
              const struct lcp_endpoint *endpoint, uint32_t *index)
{
    uint32_t i = lcp_list_pop(&peers->free, peers->links);
    struct lcp_peer *p;

    if (i == LCP_NONE)
        return LCP_EFULL;
    assert(lcp_peers_by_name(peers, name) == LCP_NONE && strlen(name) <= LCP_NAME_MAX);
    assert(lcp_peers_by_endpoint(peers, endpoint) == LCP_NONE);
    p = &peers->rows[i];
    *p = (struct lcp_peer){
        .is_used = true,
        .generation = p->generation + 1,
        .endpoint = *endpoint,
        .probe = LCP_NONE,
        .version = LCP_VERSION_1_1,
    };
    memcpy(p->name, name, strlen(name) + 1);
    lcp_index_put(&peers->by_name, hash_name(peers, name), i);
    lcp_index_put(&peers->by_endpoint, hash_endpoint(peers, endpoint), i);
    *index = i;
    return LCP_OK;
}

void
lcp_peers_move(struct lcp_peers *peers, uint32_t index,
               const struct lcp_endpoint *endpoint)
{
    struct lcp_peer *p = &peers->rows[index];

    lcp_index_del(&peers->by_endpoint, hash_endpoint(peers, &p->endpoint), index);
    p->endpoint = *endpoint;
    lcp_index_put(&peers->by_endpoint, hash_endpoint(peers, endpoint), index);
    p->rto = (struct lcp_rto){.srtt_8th = 0};
}

void
lcp_peers_pin(struct lcp_peers *peers, uint32_t index, const struct lcp_key *key)
{
    struct lcp_peer *p = &peers->rows[index];

    assert(lcp_key_is_set(key));
    if (lcp_key_is_set(&p->key))
        lcp_index_del(&peers->by_key, hash_key(peers, &p->key), index);
    p->key = *key;
    lcp_index_put(&peers->by_key, hash_key(peers, key), index);
}

void
lcp_peers_del(struct lcp_peers *peers, uint32_t index)
{
    struct lcp_peer *p = &peers->rows[index];

    assert(p->is_used);
    lcp_index_del(&peers->by_name, hash_name(peers, p->name), index);
    lcp_index_del(&peers->by_endpoint, hash_endpoint(peers, &p->endpoint), index);
    if (lcp_key_is_set(&p->key))
        lcp_index_del(&peers->by_key, hash_key(peers, &p->key), index);
    p->is_used = false;
    lcp_peers_release(peers, index);
}

void
lcp_peers_release(struct lcp_peers *peers, uint32_t index)
{
    const struct lcp_peer *p = &peers->rows[index];

    if (!p->is_used && !p->is_refilling && p->reserved == 0 &&
        !lcp_is_listed(peers->links, index))
        lcp_list_push(&peers->free, peers->links, index);
}
