/* SPDX-License-Identifier: MIT
 *
 * Table of running admissions.
 */
#include "core/admit.h"

#include <assert.h>

void
lcp_admits_lay(struct lcp_admits *admits, struct lcp_arena *arena, uint32_t cap)
{
    admits->cap = cap;
    admits->rows = lcp_arena_take(arena, cap, sizeof(*admits->rows));
    admits->links = lcp_arena_take(arena, cap, sizeof(*admits->links));
    lcp_index_lay(&admits->index, arena, cap);
}

void
lcp_admits_init(struct lcp_admits *admits, uint64_t hash_key)
{
    memset(admits->rows, 0, admits->cap * sizeof(*admits->rows));
    lcp_links_init(admits->links, admits->cap);
    lcp_list_init(&admits->free);
    for (uint32_t i = 0; i < admits->cap; i++)
        lcp_list_push(&admits->free, admits->links, i);
    lcp_index_init(&admits->index);
    admits->hash_key = hash_key;
}

/* Ids are a peer's choice; the key keeps it from choosing the chain. */
static uint32_t
hash_of(const struct lcp_admits *admits, const struct lcp_key *key, const char *id)
{
    uint32_t by_key = lcp_hash(admits->hash_key, key->bytes, sizeof(key->bytes));

    return lcp_hash(admits->hash_key ^ by_key, id, strlen(id));
}

struct lcp_admit *
lcp_admits_find(const struct lcp_admits *admits, const struct lcp_key *key,
                const char *id)
{
    uint32_t i = lcp_index_first(&admits->index, hash_of(admits, key, id));

    for (; i != LCP_NONE; i = lcp_index_next(&admits->index, i)) {
        struct lcp_admit *row = &admits->rows[i];

        if (lcp_key_eq(&row->key, key) && strcmp(row->id, id) == 0)
            return row;
    }
    return NULL;
}

struct lcp_admit *
lcp_admits_add(struct lcp_admits *admits, const struct lcp_key *key, const char *id)
{
    uint32_t i = lcp_list_pop(&admits->free, admits->links);
    struct lcp_admit *row;
    size_t len = strlen(id);

    if (i == LCP_NONE)
        return NULL;
    assert(len <= LCP_ID_MAX);
    row = &admits->rows[i];
    *row = (struct lcp_admit){.key = *key, .generation = row->generation + 1};
    memcpy(row->id, id, len + 1);
    lcp_index_put(&admits->index, hash_of(admits, key, id), i);
    return row;
}

uint64_t
lcp_admits_ticket(const struct lcp_admits *admits, const struct lcp_admit *row)
{
    return (uint64_t)row->generation << 32 | (uint64_t)(row - admits->rows);
}

struct lcp_admit *
lcp_admits_get(const struct lcp_admits *admits, uint64_t ticket)
{
    uint32_t i = (uint32_t)ticket, generation = (uint32_t)(ticket >> 32);

    if (i >= admits->cap || generation % 2 == 0 ||
        admits->rows[i].generation != generation)
        return NULL;
    return &admits->rows[i];
}

void
lcp_admits_del(struct lcp_admits *admits, struct lcp_admit *row)
{
    uint32_t i = (uint32_t)(row - admits->rows);

    lcp_index_del(&admits->index, hash_of(admits, &row->key, row->id), i);
    row->generation++;
    lcp_list_push(&admits->free, admits->links, i);
}

void
lcp_admit_note(struct lcp_admit *row, uint32_t seq)
{
    for (uint32_t i = 0; i < row->seq_count; i++)
        if (row->seqs[i] == seq)
            return;
    if (row->seq_count < LCP_ADMIT_SEQS_MAX)
        row->seqs[row->seq_count++] = seq;
}
