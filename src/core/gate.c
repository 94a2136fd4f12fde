/* SPDX-License-Identifier: MIT
 *
 * What a packet may cost before it is proven: buckets, second chances, the place of an
 * admission. docs/protocol.md "Rules", 2.
 */
#include "core/machine.h"

#include "base/bugs.h"
#include "base/text.h"

enum {
    AGAIN_MS = 100, /* a network's own copies come closer together */
    BAD_MS = 60000, /* how long forged bytes are remembered */
};

void
lcp_gate_count(struct lcp_core *core, enum lcp_counter counter)
{
    core->counters[counter]++;
}

static bool
can_pay(struct lcp_core *core, uint32_t peer, enum lcp_purse purse, uint32_t cost)
{
    return lcp_purses_have(&lcp_core_row(core, peer)->purses, &core->purses, purse,
                           core->now_ms, cost);
}

static enum lcp_purse
turn_away(struct lcp_core *core, uint32_t peer)
{
    lcp_gate_count(core, LCP_COUNT_THROTTLED);
    lcp_core_row(core, peer)->rejected++;
    return LCP_PURSES;
}

enum lcp_purse
lcp_gate_open(struct lcp_core *core, uint32_t peer, uint32_t cost,
              const uint8_t digest[static LCP_DIGEST_BYTES])
{
    uint64_t age_ms;

    if (can_pay(core, peer, LCP_PURSE_FIRST, cost))
        return LCP_PURSE_FIRST;
    age_ms = lcp_again_age_ms(&core->again, digest, core->now_ms);
    lcp_again_note(&core->again, digest, core->now_ms);
    if (age_ms == UINT64_MAX || age_ms < AGAIN_MS ||
        !can_pay(core, peer, LCP_PURSE_AGAIN, cost))
        return turn_away(core, peer);
    lcp_gate_count(core, LCP_COUNT_SECOND_CHANCE);
    return LCP_PURSE_AGAIN;
}

enum lcp_purse
lcp_gate_open_proven(struct lcp_core *core, uint32_t peer, uint32_t cost)
{
    return can_pay(core, peer, LCP_PURSE_COOKIE, cost) ? LCP_PURSE_COOKIE
                                                       : turn_away(core, peer);
}

void
lcp_gate_charge(struct lcp_core *core, uint32_t peer, enum lcp_purse purse,
                uint32_t cost)
{
    lcp_bucket_charge(&lcp_core_row(core, peer)->purses.of[purse], cost);
    lcp_bucket_charge(&core->purses.of[purse], cost);
}

void
lcp_gate_reject(struct lcp_core *core, uint32_t peer, enum lcp_counter why,
                enum lcp_purse purse, uint32_t cost)
{
    lcp_gate_count(core, why);
    lcp_core_row(core, peer)->rejected++;
    lcp_gate_charge(core, peer, purse, cost);
}

void
lcp_gate_refund(struct lcp_core *core, const struct lcp_admit *row)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, row->peer);

    if (lcp_bug(LCP_BUG_BUCKET_CHARGES_SUCCESS))
        return;
    lcp_bucket_refund(&core->purses.of[row->purse], row->cost);
    if (p != NULL && p->generation == row->peer_generation)
        lcp_bucket_refund(&p->purses.of[row->purse], row->cost);
}

void
lcp_gate_note_bad(struct lcp_core *core, const uint8_t digest[static LCP_DIGEST_BYTES])
{
    lcp_again_note(&core->bad, digest, core->now_ms);
}

bool
lcp_gate_is_bad(const struct lcp_core *core,
                const uint8_t digest[static LCP_DIGEST_BYTES])
{
    return lcp_again_age_ms(&core->bad, digest, core->now_ms) <= BAD_MS;
}

bool
lcp_gate_may_be_from(const struct lcp_core *core, uint32_t peer,
                     const struct lcp_key *key)
{
    const struct lcp_peer *p = &core->peers.rows[peer];

    if (lcp_key_is_set(&p->key))
        return lcp_key_eq(&p->key, key);
    return !lcp_key_eq(&core->key, key) &&
           lcp_peers_by_key(&core->peers, key) == LCP_NONE;
}

bool
lcp_gate_is_for_us(const struct lcp_core *core, const struct lcp_json *doc, uint32_t to)
{
    for (size_t i = 0; i < core->name_count; i++)
        if (lcp_msg_to_is(doc, to, core->names[i]))
            return true;
    return false;
}

/* A peer may have as many running as are free for the others: one alone gets its
 * limit, and no two can shut out a third. */
static bool
has_turn(const struct lcp_core *core, const struct lcp_peer *p)
{
    if (lcp_bug(LCP_BUG_FAIRNESS_LOST))
        return true;
    return p->admissions < core->config.limits.admissions_peer_max &&
           p->admissions < core->admits.free.count;
}

struct lcp_admit *
lcp_gate_admit(struct lcp_core *core, uint32_t peer, const struct lcp_key *key,
               const char *id, enum lcp_purse purse, uint32_t cost)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    struct lcp_admit *row = NULL;

    if (has_turn(core, p))
        row = lcp_admits_add(&core->admits, key, id);
    if (row == NULL) {
        lcp_gate_count(core, LCP_COUNT_ADMISSIONS_FULL);
        return NULL;
    }
    row->peer = peer;
    row->peer_generation = p->generation;
    row->purse = purse;
    row->cost = cost;
    row->since_ms = core->now_ms;
    p->admissions++;
    lcp_gate_charge(core, peer, purse, cost);
    return row;
}

void
lcp_gate_pin(struct lcp_core *core, uint32_t peer, const uint8_t *pinned)
{
    const struct lcp_peer *p = lcp_core_row(core, peer);
    struct lcp_key key;

    if (pinned == NULL || lcp_key_is_set(&p->key))
        return;
    memcpy(key.bytes, pinned, sizeof(key.bytes));
    if (lcp_peers_by_key(&core->peers, &key) == LCP_NONE)
        lcp_peers_pin(&core->peers, peer, &key);
}
